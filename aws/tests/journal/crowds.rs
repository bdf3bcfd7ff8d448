//! Many at once, and more than one page, one batch or one item holds.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::journal::DynamoJournal;
use events::{Envelope, Event, Status, TeamId, Version, WorkspaceId};
use ports::{Cursor, Fault, Journal, Query};
use tokio::task::JoinSet;

use crate::facts::{fact, person, projection, started, wordy};
use crate::journal;

const NO_WAIT: Duration = Duration::ZERO;

/// Appends, and expects that nobody else did.
pub(crate) async fn append(
    journal: &DynamoJournal,
    of: &WorkspaceId,
    after: u64,
    facts: &[Envelope],
) {
    let version = journal.append(of, Version(after), facts, &projection(facts)).await;
    assert_eq!(version.expect("appended"), Version(after + facts.len() as u64));
}

/// The feed to its end, in pages.
pub(crate) async fn feed(journal: &DynamoJournal, page: usize) -> Vec<(Cursor, Envelope)> {
    let mut all: Vec<(Cursor, Envelope)> = Vec::new();
    loop {
        let after = all.last().map_or(Cursor(0), |(cursor, _)| *cursor);
        let news = journal.feed(after, page, NO_WAIT).await.expect("a feed");
        if news.is_empty() {
            return all;
        }
        assert!(news.len() <= page);
        all.extend(news);
    }
}

/// Fails if a list is out of its order, or an event is there twice.
pub(crate) fn in_order(feed: &[(Cursor, Envelope)]) {
    assert!(feed.is_sorted_by(|(a, _), (b, _)| a < b), "cursors rise");
    let mut last: BTreeMap<&WorkspaceId, i64> = BTreeMap::new();
    for (_, fact) in feed {
        let at = fact.time.as_second();
        let before = last.insert(fact.subject.as_ref().expect("a subject"), at);
        assert!(before.is_none_or(|before| before < at), "{fact:?}");
    }
}

/// Twelve people, four sequencers and a reader at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_misses_nothing_however_many_order_what_is_pending() {
    const PEOPLE: usize = 12;
    const FACTS: i64 = 10;
    let journal = journal().await;
    let (mut writers, mut sequencers) = (JoinSet::new(), JoinSet::new());
    for n in 0..PEOPLE {
        let journal = journal.clone();
        writers.spawn(async move {
            let of = person(&format!("p{n}"));
            for at in 0..FACTS {
                append(&journal, &of, at.unsigned_abs(), &[started(&of, at)]).await;
            }
        });
    }
    for _ in 0..4 {
        let journal = journal.clone();
        sequencers.spawn(async move {
            loop {
                match journal.sequence().await {
                    Ok(_) | Err(Fault::Conflict) => tokio::task::yield_now().await,
                    Err(fault) => panic!("{fault:?}"),
                }
            }
        });
    }
    let mut read: Vec<(Cursor, Envelope)> = Vec::new();
    let all = PEOPLE * usize::try_from(FACTS).expect("a few");
    while read.len() < all {
        let after = read.last().map_or(Cursor(0), |(cursor, _)| *cursor);
        let news = journal.feed(after, 7, Duration::from_secs(60)).await.expect("a feed");
        assert!(!news.is_empty(), "{} of {all} came", read.len());
        read.extend(news);
    }
    sequencers.abort_all();
    writers.join_all().await;
    in_order(&read);
    assert_eq!(read, feed(&journal, 1_000).await, "what was read then is what is read now");
}

/// More than 98 items and more than 300 KB: several rows, each read to its end.
#[tokio::test]
async fn what_is_more_than_a_row_holds_comes_in_several() {
    let journal = journal().await;
    let mut at = 0;
    for n in 0..30 {
        let of = person(&format!("p{n}"));
        for after in 0..4 {
            at += 1;
            append(&journal, &of, after, &[started(&of, at)]).await;
        }
        let facts: Vec<_> = (0..20).map(|more| wordy(&of, at + more + 1)).collect();
        at += 20;
        append(&journal, &of, 4, &facts).await;
    }
    assert_eq!(journal.sequence().await.expect("ordered"), 150);
    for page in [1_000, 37] {
        let feed = feed(&journal, page).await;
        assert_eq!(feed.len(), 30 * 24);
        in_order(&feed);
    }
}

/// DynamoDB answers a megabyte at a time.
#[tokio::test]
async fn a_history_is_read_over_many_pages_and_an_append_has_bounds() {
    let journal = journal().await;
    let ann = person("ann");
    let mut all = Vec::new();
    for round in 0..16 {
        let facts: Vec<_> = (0..98).map(|n| wordy(&ann, round * 98 + n)).collect();
        append(&journal, &ann, all.len() as u64, &facts).await;
        all.extend(facts);
    }
    let read = journal.history(&ann, Version(0), usize::MAX).await.expect("a history");
    let versions: Vec<u64> = read.iter().map(|(version, _)| version.0).collect();
    assert_eq!(versions, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(read.into_iter().map(|(_, fact)| fact).collect::<Vec<_>>(), all);
    let some = journal.history(&ann, Version(150), 100).await.expect("a history");
    assert_eq!(some.into_iter().map(|(_, fact)| fact).collect::<Vec<_>>(), all[150..250]);
    let many: Vec<_> = (0..99).map(|n| started(&ann, n)).collect();
    let bob: Vec<_> = (0..99).map(|n| started(&person("bob"), n)).collect();
    let after = Version(all.len() as u64);
    for (of, after, facts) in [(ann, after, many), (person("bob"), Version(0), bob)] {
        let answer = journal.append(&of, after, &facts, &projection(&facts)).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    }
}

/// A batch of reads has a hundred keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_a_whole_company_in_pages_of_any_size() {
    const PEOPLE: usize = 230;
    let journal = journal().await;
    let red: TeamId = "red".parse().expect("a name");
    let mut logins = JoinSet::new();
    for n in 0..PEOPLE {
        let (journal, team, of) = (journal.clone(), red.clone(), person(&format!("p{n:03}")));
        logins.spawn(async move {
            append(&journal, &of, 0, &[fact(&of, 0, Event::LoggedIn { team })]).await;
        });
    }
    logins.join_all().await;
    let asleep = Query { status: vec![Status::Asleep], ..Query::default() };
    for query in [Query { team: Some(red), ..asleep.clone() }, asleep, Query::default()] {
        for page in [usize::MAX, 100, 33] {
            let mut found: Vec<WorkspaceId> = Vec::new();
            loop {
                let rows = journal.find(&query, found.last(), page).await.expect("found");
                let full = rows.len() == page;
                found.extend(rows.into_iter().map(|row| row.workspace));
                if !full {
                    break;
                }
            }
            let expected: Vec<_> = (0..PEOPLE).map(|n| person(&format!("p{n:03}"))).collect();
            assert_eq!(found, expected, "{query:?} in pages of {page}");
        }
    }
}
