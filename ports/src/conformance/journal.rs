//! The promises of [`Journal`].

use std::time::Duration;

use events::{
    Activity, Attempt, Envelope, Event, Gen, Reason, ReasonClass, Status, Step, Version, Workspace,
    WorkspaceId,
};
use tokio::time::{Instant, sleep};

use super::given::{fact, logged_in, person, projection, second, started, team};
use crate::{Cursor, Fault, Journal, Query, Row};

rules!($ journal_rules, journal:
    a_workspace_that_nobody_mentioned_is_the_default_at_version_0,
    what_was_appended_is_loaded,
    an_append_to_a_list_that_has_moved_on_is_a_conflict_and_writes_nothing,
    of_appends_at_one_version_exactly_one_wins,
    a_repeated_append_succeeds_and_changes_nothing,
    a_repeated_append_gives_its_own_version_and_not_a_later_one,
    an_append_is_written_whole_or_not_at_all,
    an_event_of_another_workspace_is_turned_away,
    a_list_is_read_in_order_and_in_pages,
    the_feed_has_every_event_once_and_in_the_order_of_each_list,
    the_feed_waits_for_the_next_event,
    the_feed_ends_its_wait_when_nothing_comes,
    an_event_of_no_list_is_recorded_once_and_changes_no_list,
    a_search_finds_by_status,
    a_search_finds_by_team,
    a_search_finds_what_is_due,
    a_search_finds_trouble_by_step_reason_and_time,
    a_search_finds_who_was_used_last_before_a_time,
    a_search_answers_in_pages_in_the_order_of_ids,
    a_search_tells_what_the_last_append_led_to,
);

const NO_WAIT: Duration = Duration::ZERO;
/// Far longer than any store takes, and short enough to wait for in a test.
const LONG: Duration = Duration::from_secs(10);

/// Appends facts one list at a time, each conditional on what is there.
async fn append(journal: &dyn Journal, id: &WorkspaceId, facts: &[Envelope]) -> Version {
    let known = journal.history(id, Version(0), usize::MAX).await.expect("history");
    let mut all: Vec<_> = known.into_iter().map(|(_, fact)| fact).collect();
    let expected = Version(all.len() as u64);
    all.extend_from_slice(facts);
    journal.append(id, expected, facts, &projection(&all)).await.expect("append")
}

async fn feed_of(journal: &dyn Journal, prefix: &str) -> (Cursor, Vec<Envelope>) {
    let (mut cursor, mut found) = (Cursor(0), Vec::new());
    loop {
        let page = journal.feed(cursor, 100, NO_WAIT).await.expect("feed");
        let Some((last, _)) = page.last() else { return (cursor, found) };
        assert!(*last > cursor, "the feed moves on");
        cursor = *last;
        let ours = |fact: &Envelope| {
            fact.subject.as_ref().is_some_and(|id| id.as_str().starts_with(prefix))
        };
        found.extend(page.into_iter().map(|(_, fact)| fact).filter(ours));
    }
}

/// A start of generation 1 that failed at a step for a reason.
fn failed(id: &WorkspaceId, at: i64, step: Step, class: ReasonClass) -> Vec<Envelope> {
    let (generation, attempt, reason) = (Gen(1), Attempt(1), Reason::new(class, "no"));
    let why = reason.clone();
    vec![
        started(id, at, 1),
        fact(id, at, Event::StepRefused { generation, attempt, step, reason: why }),
        fact(id, at, Event::Failed { generation, attempt, step, reason }),
    ]
}

/// The default workspace, version 0, no history.
pub async fn a_workspace_that_nobody_mentioned_is_the_default_at_version_0(
    journal: &dyn Journal,
    prefix: &str,
) {
    let nobody = person(prefix, "nobody");
    let loaded = journal.load(&nobody).await.expect("load");
    assert_eq!((loaded.version, loaded.workspace), (Version(0), Workspace::default()));
    assert!(journal.history(&nobody, Version(0), 10).await.expect("history").is_empty());
}

/// Version and fold are those of the events.
pub async fn what_was_appended_is_loaded(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let facts = [logged_in(&ann, 0, &team(prefix, "red")), started(&ann, 1, 1)];
    assert_eq!(append(journal, &ann, &facts).await, Version(2));
    let loaded = journal.load(&ann).await.expect("load");
    assert_eq!(loaded.version, Version(2));
    assert_eq!(loaded.workspace, projection(&facts).workspace);
}

/// Too low and too high an expectation alike.
pub async fn an_append_to_a_list_that_has_moved_on_is_a_conflict_and_writes_nothing(
    journal: &dyn Journal,
    prefix: &str,
) {
    let ann = person(prefix, "ann");
    let first = [started(&ann, 0, 1)];
    append(journal, &ann, &first).await;
    let late = [started(&ann, 1, 2)];
    for expected in [Version(0), Version(2)] {
        let answer = journal.append(&ann, expected, &late, &projection(&late)).await;
        assert!(matches!(answer, Err(Fault::Conflict)), "{answer:?}");
    }
    let loaded = journal.load(&ann).await.expect("load");
    assert_eq!(loaded.version, Version(1));
    assert_eq!(loaded.workspace, projection(&first).workspace);
    assert_eq!(feed_of(journal, ann.as_str()).await.1, first);
}

/// Three writers at once.
pub async fn of_appends_at_one_version_exactly_one_wins(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let [one, two, three] = [1, 2, 3].map(|n| [started(&ann, n, n.unsigned_abs())]);
    let (a, b, c) = (projection(&one), projection(&two), projection(&three));
    let answers: [_; 3] = tokio::join!(
        journal.append(&ann, Version(0), &one, &a),
        journal.append(&ann, Version(0), &two, &b),
        journal.append(&ann, Version(0), &three, &c),
    )
    .into();
    let won = answers.iter().filter(|answer| matches!(answer, Ok(Version(1)))).count();
    let lost = answers.iter().filter(|answer| matches!(answer, Err(Fault::Conflict))).count();
    assert_eq!((won, lost), (1, 2), "{answers:?}");
    assert_eq!(journal.load(&ann).await.expect("load").version, Version(1));
}

/// The answer to the first try may have been lost.
pub async fn a_repeated_append_succeeds_and_changes_nothing(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let facts = [logged_in(&ann, 0, &team(prefix, "red")), started(&ann, 1, 1)];
    for _ in 0..2 {
        let answer = journal.append(&ann, Version(0), &facts, &projection(&facts)).await;
        assert_eq!(answer.expect("append"), Version(2));
    }
    let history = journal.history(&ann, Version(0), 10).await.expect("history");
    assert_eq!(history.into_iter().map(|(_, fact)| fact).collect::<Vec<_>>(), facts);
    assert_eq!(feed_of(journal, ann.as_str()).await.1, facts);
}

/// Who repeats an append knows nothing of what others appended since: with the list's version in
/// hand, its next append would overwrite their projection.
pub async fn a_repeated_append_gives_its_own_version_and_not_a_later_one(
    journal: &dyn Journal,
    prefix: &str,
) {
    let ann = person(prefix, "ann");
    let mine = [started(&ann, 0, 1)];
    let theirs = [started(&ann, 1, 2)];
    append(journal, &ann, &mine).await;
    append(journal, &ann, &theirs).await;
    let again = journal.append(&ann, Version(0), &mine, &projection(&mine)).await;
    assert_eq!(again.expect("append"), Version(1));
    let loaded = journal.load(&ann).await.expect("load");
    let both = [mine, theirs].concat();
    assert_eq!((loaded.version, loaded.workspace), (Version(2), projection(&both).workspace));
}

/// One of the events cannot be recorded, because its id is taken: the other is not either.
pub async fn an_append_is_written_whole_or_not_at_all(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let first = started(&ann, 0, 1);
    append(journal, &ann, std::slice::from_ref(&first)).await;
    let mixed = [started(&ann, 1, 2), first.clone()];
    let answer = journal.append(&ann, Version(1), &mixed, &projection(&mixed)).await;
    assert!(answer.is_err(), "{answer:?}");
    let loaded = journal.load(&ann).await.expect("load");
    assert_eq!(loaded.version, Version(1));
    assert_eq!(loaded.workspace, projection(std::slice::from_ref(&first)).workspace);
    assert_eq!(feed_of(journal, ann.as_str()).await.1, [first]);
}

/// A list holds only its own workspace's events.
pub async fn an_event_of_another_workspace_is_turned_away(journal: &dyn Journal, prefix: &str) {
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    let facts = [started(&bob, 0, 1)];
    let answer = journal.append(&ann, Version(0), &facts, &projection(&facts)).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    assert_eq!(journal.load(&ann).await.expect("load").version, Version(0));
    assert!(feed_of(journal, bob.as_str()).await.1.is_empty());
}

/// Pages of two out of five.
pub async fn a_list_is_read_in_order_and_in_pages(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let facts: Vec<_> = (1..=5).map(|n| started(&ann, n, n.unsigned_abs())).collect();
    append(journal, &ann, &facts[..3]).await;
    append(journal, &ann, &facts[3..]).await;
    let (mut read, mut after) = (Vec::new(), Version(0));
    loop {
        let page = journal.history(&ann, after, 2).await.expect("history");
        assert!(page.len() <= 2);
        let Some((last, _)) = page.last() else { break };
        after = *last;
        read.extend(page);
    }
    let versions: Vec<_> = read.iter().map(|(version, _)| version.0).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
    assert_eq!(read.into_iter().map(|(_, fact)| fact).collect::<Vec<_>>(), facts);
}

/// Two lists, written in turns.
pub async fn the_feed_has_every_event_once_and_in_the_order_of_each_list(
    journal: &dyn Journal,
    prefix: &str,
) {
    let people = [person(prefix, "ann"), person(prefix, "bob")];
    for n in 1..=3 {
        for id in &people {
            append(journal, id, &[started(id, n, n.unsigned_abs())]).await;
        }
    }
    let (_, feed) = feed_of(journal, prefix).await;
    assert_eq!(feed.len(), 6);
    for id in &people {
        let of_one: Vec<_> =
            feed.iter().filter(|fact| fact.subject.as_ref() == Some(id)).cloned().collect();
        let list = journal.history(id, Version(0), 10).await.expect("history");
        assert_eq!(of_one, list.into_iter().map(|(_, fact)| fact).collect::<Vec<_>>());
    }
}

/// It answers when the event comes, not when the wait is over.
pub async fn the_feed_waits_for_the_next_event(journal: &dyn Journal, prefix: &str) {
    let ann = person(prefix, "ann");
    let (end, _) = feed_of(journal, prefix).await;
    let began = Instant::now();
    let (page, ()) = tokio::join!(journal.feed(end, 10, LONG), async {
        sleep(Duration::from_millis(200)).await;
        append(journal, &ann, &[started(&ann, 0, 1)]).await;
    });
    assert_eq!(page.expect("feed").len(), 1);
    assert!(began.elapsed() < LONG, "it slept through the event");
}

/// Not earlier, and with nothing.
pub async fn the_feed_ends_its_wait_when_nothing_comes(journal: &dyn Journal, prefix: &str) {
    let (end, _) = feed_of(journal, prefix).await;
    let (began, wait) = (Instant::now(), Duration::from_millis(300));
    assert!(journal.feed(end, 10, wait).await.expect("feed").is_empty());
    assert!(began.elapsed() >= wait);
}

/// Such an event has a subject, and still belongs to nobody's list.
pub async fn an_event_of_no_list_is_recorded_once_and_changes_no_list(
    journal: &dyn Journal,
    prefix: &str,
) {
    let ann = person(prefix, "ann");
    append(journal, &ann, &[started(&ann, 0, 1)]).await;
    let (_, before) = feed_of(journal, prefix).await;
    let apart = logged_in(&ann, 1, &team(prefix, "red"));
    for _ in 0..2 {
        journal.record(std::slice::from_ref(&apart)).await.expect("record");
    }
    let (_, after) = feed_of(journal, prefix).await;
    assert_eq!(after, [before, vec![apart]].concat());
    assert_eq!(journal.load(&ann).await.expect("load").version, Version(1));
    assert_eq!(journal.history(&ann, Version(0), 10).await.expect("history").len(), 1);
}

/// Of these workspaces the names that match, in the answer's order.
async fn found(journal: &dyn Journal, prefix: &str, query: Query) -> Vec<String> {
    let rows = journal.find(&query, None, usize::MAX).await.expect("find");
    let names = rows.into_iter().filter_map(|row| {
        let name = row.workspace.as_str().strip_prefix(prefix)?.strip_prefix('-')?.to_owned();
        Some(name)
    });
    names.collect()
}

/// Any of the statuses asked for.
pub async fn a_search_finds_by_status(journal: &dyn Journal, prefix: &str) {
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    let cat = person(prefix, "cat");
    append(journal, &ann, &[started(&ann, 0, 1)]).await;
    append(journal, &bob, &[logged_in(&bob, 0, &team(prefix, "red"))]).await;
    append(journal, &cat, &failed(&cat, 0, Step::RunTask, ReasonClass::Capacity)).await;
    let by = async |status: &[Status]| {
        found(journal, prefix, Query { status: status.to_vec(), ..Query::default() }).await
    };
    assert_eq!(by(&[Status::Starting]).await, ["ann"]);
    assert_eq!(by(&[Status::Asleep, Status::Failed]).await, ["bob", "cat"]);
    assert_eq!(by(&[Status::Parked]).await, [""; 0]);
    assert_eq!(by(&[]).await, ["ann", "bob", "cat"]);
}

/// The team of the last login.
pub async fn a_search_finds_by_team(journal: &dyn Journal, prefix: &str) {
    let (red, blue) = (team(prefix, "red"), team(prefix, "blue"));
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    append(journal, &ann, &[logged_in(&ann, 0, &red)]).await;
    append(journal, &bob, &[logged_in(&bob, 0, &red)]).await;
    append(journal, &bob, &[logged_in(&bob, 1, &blue)]).await;
    let by =
        async |team| found(journal, prefix, Query { team: Some(team), ..Query::default() }).await;
    assert_eq!(by(red).await, ["ann"]);
    assert_eq!(by(blue).await, ["bob"]);
}

/// At or before the time; one that is never due is not found.
pub async fn a_search_finds_what_is_due(journal: &dyn Journal, prefix: &str) {
    let due = [("ann", Some(second(10))), ("bob", Some(second(20))), ("cat", None)];
    for (name, due) in due {
        let id = person(prefix, name);
        let facts = [started(&id, 0, 1)];
        let mut projection = projection(&facts);
        projection.due = due;
        journal.append(&id, Version(0), &facts, &projection).await.expect("append");
    }
    let by = async |at| {
        found(journal, prefix, Query { due_by: Some(second(at)), ..Query::default() }).await
    };
    assert_eq!(by(9).await, [""; 0]);
    assert_eq!(by(10).await, ["ann"]);
    assert_eq!(by(1_000).await, ["ann", "bob"]);
}

/// Each condition alone, and together.
pub async fn a_search_finds_trouble_by_step_reason_and_time(journal: &dyn Journal, prefix: &str) {
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    append(journal, &ann, &failed(&ann, 10, Step::RunTask, ReasonClass::Capacity)).await;
    append(journal, &bob, &failed(&bob, 20, Step::OpenRoute, ReasonClass::Capacity)).await;
    let by = async |query| found(journal, prefix, query).await;
    let step = Some(Step::RunTask);
    let reason = Some(ReasonClass::Capacity);
    let since = Some(second(20));
    assert_eq!(by(Query { step, ..Query::default() }).await, ["ann"]);
    assert_eq!(by(Query { reason, ..Query::default() }).await, ["ann", "bob"]);
    assert_eq!(by(Query { since, ..Query::default() }).await, ["bob"]);
    assert_eq!(by(Query { step, reason, since, ..Query::default() }).await, [""; 0]);
}

/// At or before the time; one that was never used is not found.
pub async fn a_search_finds_who_was_used_last_before_a_time(journal: &dyn Journal, prefix: &str) {
    let names = [("ann", vec![10]), ("bob", vec![10, 20]), ("cat", vec![])];
    for (name, used) in names {
        let id = person(prefix, name);
        append(journal, &id, &[started(&id, 0, 1)]).await;
        for at in used {
            let (generation, activity) = (Gen(1), Activity::AgentTurn);
            let used = fact(&id, at, Event::Active { generation, activity });
            append(journal, &id, &[used]).await;
        }
    }
    let by = async |at| {
        let unused_since = Some(second(at));
        found(journal, prefix, Query { unused_since, ..Query::default() }).await
    };
    assert_eq!(by(9).await, [""; 0]);
    assert_eq!(by(10).await, ["ann"]);
    assert_eq!(by(1_000).await, ["ann", "bob"]);
}

/// Each page begins after the last id of the one before.
pub async fn a_search_answers_in_pages_in_the_order_of_ids(journal: &dyn Journal, prefix: &str) {
    let red = team(prefix, "red");
    for name in ["cat", "ann", "dan", "bob"] {
        let id = person(prefix, name);
        append(journal, &id, &[logged_in(&id, 0, &red)]).await;
    }
    let query = Query { team: Some(red), ..Query::default() };
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = journal.find(&query, after.as_ref(), 3).await.expect("find");
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.workspace.clone());
        names.extend(page.into_iter().map(|row| row.workspace));
    }
    assert_eq!(names, ["ann", "bob", "cat", "dan"].map(|name| person(prefix, name)));
}

/// The row is that of the projection that was written last, reason and all.
pub async fn a_search_tells_what_the_last_append_led_to(journal: &dyn Journal, prefix: &str) {
    let (ann, red) = (person(prefix, "ann"), team(prefix, "red"));
    let mut facts = vec![logged_in(&ann, 0, &red)];
    append(journal, &ann, &facts).await;
    let trouble = failed(&ann, 5, Step::ProbeReady, ReasonClass::AgentExited);
    append(journal, &ann, &trouble).await;
    facts.extend(trouble);
    let query = Query { team: Some(red), ..Query::default() };
    let rows = journal.find(&query, None, 10).await.expect("find");
    assert_eq!(rows, [Row::of(&ann, &projection(&facts))]);
}
