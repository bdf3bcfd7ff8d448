//! The real program behind a local AWS's event source mappings, every function of it: what people,
//! sidecars and operators ask for is done, step by step, and no role of the stacks' allows anything that
//! this did not need, nor lacks anything that it did.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod journeys;
mod local;

use events::WorkspaceId;
use journeys::{Cloud, FUNCTIONS, keys, life, operator, sweep, usage};
use local::own::is_lambdas_own;
use local::roles::{Grant, grants, held_against};

/// One journey after the other, for all of them together are what the roles are for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_function_does_its_work_and_its_role_allows_that_and_no_more() {
    let cloud = Cloud::deployed().await;
    let [ann, cal, dan, eve] =
        ["ann", "cal", "dan", "eve"].map(|name| -> WorkspaceId { name.parse().expect("a name") });
    life::logs_in(&cloud, &ann).await;
    sweep::finds_who_was_lost(&cloud, &dan).await;
    operator::reads_what_nobody_has_ordered(&cloud);
    cloud.opens_the_stream().await;
    sweep::finds_an_end_that_nobody_was_told_of(&cloud, &dan).await;
    usage::is_counted(&cloud, &ann).await;
    life::is_left_alone(&cloud, &ann).await;
    sweep::takes_away_what_nobody_owns(&cloud, &eve).await;
    keys::are_rotated(&cloud).await;
    operator::mends_a_start(&cloud, &cal).await;
    operator::empties_what_was_set_aside(&cloud, &cal).await;
    life::is_sent_on(&cloud, &ann).await;
    life::is_deleted(&cloud, &ann).await;
    life::is_announced(&cloud, &ann).await;
    each_role_is_what_was_needed(&cloud);
}

fn each_role_is_what_was_needed(cloud: &Cloud) {
    let environment = cloud.environment.to_string();
    let role =
        |name: &&str| grants(&cloud.stacks, &cloud.environment.named(&format!("fn-{name}")), name);
    let all: Vec<Grant> = FUNCTIONS.iter().flat_map(role).collect();
    let (missing, unused) = held_against(all, &cloud.calls, &environment);
    assert_eq!(missing, Vec::<String>::new(), "no role allows it");
    let unused = unused.iter().map(|grant| grant.line(&environment));
    let unused = unused.filter(|line| !is_lambdas_own(line) && !depends_on_races(line));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<String>::new(), "it is allowed and not used");
}

/// Which queue is nudged, whether a message is put off, and whether an append meets another or a timer is
/// taken away follows from who comes first, for every function alike.
fn depends_on_races(line: &str) -> bool {
    const RACES: [&str; 4] = [
        " sqs:",
        " dynamodb:BatchGetItem table/tc-ENV-journal",
        " dynamodb:Query table/tc-ENV-journal",
        " dynamodb:DeleteItem table/tc-ENV-timers",
    ];
    RACES.iter().any(|race| line.contains(race))
}
