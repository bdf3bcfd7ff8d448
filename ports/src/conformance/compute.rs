//! What every [`Compute`] promises.
//!
//! The rig that is tested must run an agent that listens at its port and ends when it is asked
//! to. Each rule is a function with a workspace of its own; it leaves nothing running.

use std::time::Duration;

use events::{Attempt, Gen, Secret, TaskId, WorkspaceId};

use crate::{Compute, Fault, Homes, Task, TaskSpec, TaskStatus};

/// How long an agent of the rig may take to listen or to end. Generous: a cloud is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a task is given to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Makes one test of each rule. `$rig` is an expression for a future of something with the methods
/// `compute(&self) -> &dyn Compute` and `homes(&self) -> &dyn Homes`.
#[macro_export]
macro_rules! compute_conformance {
    ($rig:expr) => {
        $crate::compute_conformance!(@each $rig,
            registering_twice_changes_nothing,
            nothing_up_to_a_deregistration_registers_again,
            a_task_comes_to_listen_and_tells_where,
            the_same_client_token_starts_one_task,
            concurrent_repeats_start_one_task,
            a_second_task_of_a_workspace_is_refused_while_one_lives,
            a_stopped_task_is_gone_and_says_why,
            stopping_nothing_is_a_success,
            nothing_starts_up_to_what_was_stopped,
            a_stop_leaves_a_newer_task_alone,
            an_ended_task_is_not_started_again_by_its_token,
            every_change_is_told_and_versions_rise,
            a_task_that_nobody_started_is_not_known,
        );
    };
    (@each $rig:expr, $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let rig = $rig.await;
                $crate::conformance::compute::$rule(rig.compute(), rig.homes()).await;
            }
        )*
    };
}

async fn spec(homes: &dyn Homes, name: &str, generation: u64, attempt: u32) -> TaskSpec {
    let workspace: WorkspaceId = name.parse().expect("a good name");
    let (generation, attempt) = (Gen(generation), Attempt(attempt));
    let home = homes.ensure(&workspace, generation).await.expect("a home");
    let client_token = events::token::client_token(&workspace, generation, attempt);
    let (token, pass) = (Secret::new("token"), Secret::new("x-pass"));
    TaskSpec { workspace, generation, attempt, client_token, home, token, pass }
}

async fn started(compute: &dyn Compute, spec: &TaskSpec) -> TaskId {
    compute.register(&spec.workspace, spec.generation).await.expect("registered");
    compute.run(spec).await.expect("started")
}

/// Looks at a task until it is as wanted.
async fn until(compute: &dyn Compute, id: &TaskId, wanted: impl Fn(&TaskStatus) -> bool) -> Task {
    let look = async {
        loop {
            let found = compute.describe(id).await.expect("an answer");
            if let Some(task) = found.filter(|task| wanted(&task.status)) {
                return task;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("in time")
}

fn is_listening(status: &TaskStatus) -> bool {
    matches!(status, TaskStatus::Listening(_))
}

fn is_stopped(status: &TaskStatus) -> bool {
    matches!(status, TaskStatus::Stopped(_))
}

/// Stops up to this task and asks until all is gone.
async fn gone(compute: &dyn Compute, spec: &TaskSpec) {
    let ask = async {
        while !compute
            .stop(&spec.workspace, spec.generation, spec.attempt, GRACE)
            .await
            .expect("an answer")
        {}
    };
    tokio::time::timeout(PATIENCE, ask).await.expect("in time");
}

async fn living(compute: &dyn Compute, id: &WorkspaceId) -> Vec<Task> {
    let all = compute.list().await.expect("a list");
    all.into_iter().filter(|task| task.workspace == *id).collect()
}

/// A repeated delivery registers again.
pub async fn registering_twice_changes_nothing(compute: &dyn Compute, _: &dyn Homes) {
    let id: WorkspaceId = "task-register".parse().expect("a good name");
    compute.register(&id, Gen(1)).await.expect("registered");
    compute.register(&id, Gen(1)).await.expect("registered, still");
    assert!(living(compute, &id).await.is_empty());
    compute.deregister(&id, Gen(1)).await.expect("forgotten");
}

/// A late message registers nothing that nobody owns; who comes back registers anew, and a late
/// deregistration does not hit them.
pub async fn nothing_up_to_a_deregistration_registers_again(
    compute: &dyn Compute,
    homes: &dyn Homes,
) {
    let spec = spec(homes, "task-deregister", 3, 1).await;
    let id = &spec.workspace;
    compute.deregister(id, Gen(1)).await.expect("there was none");
    compute.register(id, Gen(2)).await.expect("registered");
    for _ in 0..2 {
        compute.deregister(id, Gen(2)).await.expect("forgotten");
    }
    for generation in [1, 2] {
        let late = compute.register(id, Gen(generation)).await;
        assert!(matches!(late, Err(Fault::Refused(_))), "{generation}: {late:?}");
    }
    compute.register(id, Gen(3)).await.expect("registered anew");
    compute.deregister(id, Gen(2)).await.expect("nothing to do");
    compute.run(&spec).await.expect("it is still known");
    gone(compute, &spec).await;
    compute.deregister(id, Gen(3)).await.expect("forgotten");
}

/// Ready is decided by this address.
pub async fn a_task_comes_to_listen_and_tells_where(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-listen", 1, 1).await;
    let id = started(compute, &spec).await;
    let task = until(compute, &id, is_listening).await;
    assert_eq!((task.workspace, task.generation), (spec.workspace.clone(), spec.generation));
    let TaskStatus::Listening(address) = task.status else { unreachable!("it listens") };
    tokio::net::TcpStream::connect(address).await.expect("someone answers there");
    gone(compute, &spec).await;
}

/// A message that comes twice starts one task.
pub async fn the_same_client_token_starts_one_task(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-same", 1, 1).await;
    let id = started(compute, &spec).await;
    assert_eq!(compute.run(&spec).await.expect("the same"), id);
    assert_eq!(living(compute, &spec.workspace).await.len(), 1);
    gone(compute, &spec).await;
}

/// Two consumers may hold the same message for a moment.
pub async fn concurrent_repeats_start_one_task(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-race", 1, 1).await;
    let (one, two) = tokio::join!(compute.run(&spec), compute.run(&spec));
    assert_eq!(one.expect("started"), two.expect("the same"));
    assert_eq!(living(compute, &spec.workspace).await.len(), 1);
    gone(compute, &spec).await;
}

/// At most one live task per workspace.
pub async fn a_second_task_of_a_workspace_is_refused_while_one_lives(
    compute: &dyn Compute,
    homes: &dyn Homes,
) {
    let first = spec(homes, "task-second", 1, 1).await;
    started(compute, &first).await;
    let second = spec(homes, "task-second", 2, 1).await;
    let refused = compute.run(&second).await;
    assert!(matches!(refused, Err(Fault::Taken { .. })), "{refused:?}");
    gone(compute, &first).await;
    compute.run(&second).await.expect("there is room now");
    gone(compute, &second).await;
}

/// Gone is gone, and a person can read why.
pub async fn a_stopped_task_is_gone_and_says_why(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-stop", 1, 1).await;
    let id = started(compute, &spec).await;
    let TaskStatus::Listening(address) = until(compute, &id, is_listening).await.status else {
        unreachable!("it listens")
    };
    gone(compute, &spec).await;
    assert!(living(compute, &spec.workspace).await.is_empty());
    let refused = tokio::net::TcpStream::connect(address).await;
    assert!(refused.is_err(), "nobody answers there any more");
    let task = until(compute, &id, is_stopped).await;
    let TaskStatus::Stopped(reason) = task.status else { unreachable!("it has stopped") };
    assert!(!reason.words.is_empty());
}

/// None at all is a success, and so is a second stop.
pub async fn stopping_nothing_is_a_success(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-none", 1, 1).await;
    for _ in 0..2 {
        let gone = compute.stop(&spec.workspace, Gen(1), Attempt(1), GRACE).await;
        assert!(gone.expect("an answer"));
    }
}

/// A late message starts nothing; the next try and the next generation do.
pub async fn nothing_starts_up_to_what_was_stopped(compute: &dyn Compute, homes: &dyn Homes) {
    let name = "task-fence";
    let workspace = spec(homes, name, 1, 1).await.workspace;
    compute.stop(&workspace, Gen(2), Attempt(2), GRACE).await.expect("an answer");
    for (generation, attempt) in [(1, 1), (1, 9), (2, 1), (2, 2)] {
        let late = compute.run(&spec(homes, name, generation, attempt).await).await;
        assert!(matches!(late, Err(Fault::Refused(_))), "{generation}.{attempt}: {late:?}");
    }
    assert!(living(compute, &workspace).await.is_empty());
    // A lower fence that comes later takes nothing back.
    compute.stop(&workspace, Gen(1), Attempt(1), GRACE).await.expect("an answer");
    let late = compute.run(&spec(homes, name, 2, 2).await).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
    for (generation, attempt) in [(2, 3), (3, 1)] {
        let next = spec(homes, name, generation, attempt).await;
        compute.run(&next).await.expect("started");
        gone(compute, &next).await;
    }
}

/// A late stop of what is over does not hit what came after.
pub async fn a_stop_leaves_a_newer_task_alone(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-newer", 2, 2).await;
    let id = started(compute, &spec).await;
    for (generation, attempt) in [(1, 7), (2, 1)] {
        let none = compute.stop(&spec.workspace, Gen(generation), Attempt(attempt), GRACE).await;
        assert!(none.expect("an answer"), "there is no such task");
    }
    until(compute, &id, is_listening).await;
    gone(compute, &spec).await;
}

/// The token outlives its task.
pub async fn an_ended_task_is_not_started_again_by_its_token(
    compute: &dyn Compute,
    homes: &dyn Homes,
) {
    let spec = spec(homes, "task-ended", 1, 1).await;
    let id = started(compute, &spec).await;
    gone(compute, &spec).await;
    assert_eq!(compute.run(&spec).await.expect("the ended one"), id);
    assert!(living(compute, &spec.workspace).await.is_empty());
}

/// The observer lives on this.
pub async fn every_change_is_told_and_versions_rise(compute: &dyn Compute, homes: &dyn Homes) {
    let spec = spec(homes, "task-told", 1, 1).await;
    let id = started(compute, &spec).await;
    let mut told: Vec<Task> = Vec::new();
    let watch = async {
        let mut stopping = false;
        while !told.last().is_some_and(|task| is_stopped(&task.status)) {
            let changes = compute.changes(GRACE).await.expect("changes");
            told.extend(changes.into_iter().filter(|task| task.id == id));
            if !stopping && told.last().is_some_and(|task| is_listening(&task.status)) {
                gone(compute, &spec).await;
                stopping = true;
            }
        }
    };
    tokio::time::timeout(PATIENCE, watch).await.expect("in time");
    assert!(told.iter().any(|task| is_listening(&task.status)));
    for pair in told.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(before.version <= after.version, "versions do not fall");
        assert!(before.version < after.version || before.status == after.status);
    }
}

/// Not known is an answer.
pub async fn a_task_that_nobody_started_is_not_known(compute: &dyn Compute, _: &dyn Homes) {
    let unknown = TaskId("nobody-started-this".to_owned());
    assert_eq!(compute.describe(&unknown).await.expect("an answer"), None);
}
