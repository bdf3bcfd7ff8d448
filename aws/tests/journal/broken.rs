//! Records that are not as this version would write them, and an index that lags behind.

use std::time::Duration;

use aws::journal::{DynamoJournal, JOURNAL};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{Status, Version};
use ports::{Cursor, Fault, Journal, Query};

use crate::crowds::{append, feed, in_order};
use crate::facts::{person, second, started};
use crate::suite;

/// A journal whose records can be changed behind its back.
struct Open {
    client: Client,
    table: String,
    journal: DynamoJournal,
}

impl Open {
    async fn new() -> Self {
        let (client, environment) = suite::tables(&[JOURNAL]).await;
        let journal = DynamoJournal::new(client.clone(), &environment);
        Self { client, table: environment.named(JOURNAL.name), journal }
    }

    /// Sets one attribute of one item.
    async fn set(&self, (pk, sk): (&str, &str), name: &str, value: AttributeValue) {
        let request = self.client.update_item().table_name(&self.table);
        let request = request.key("pk", s(pk)).key("sk", s(sk));
        let request = request.update_expression("SET #name = :value");
        let request = request.expression_attribute_names("#name", name);
        request.expression_attribute_values(":value", value).send().await.expect("set");
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

const FOLD: (&str, &str) = ("W#ann", "P");
const FIRST: (&str, &str) = ("W#ann", "V#00000000000000000001");

/// The index may show an append before the one before it.
#[tokio::test]
async fn an_append_brings_along_the_one_before_it_that_the_index_does_not_show() {
    let open = Open::new().await;
    for at in 0..4 {
        let facts = [started(&person("ann"), at)];
        append(&open.journal, &person("ann"), at.unsigned_abs(), &facts).await;
    }
    for version in 1..=3 {
        open.set(("W#ann", &format!("V#{version:020}")), "pending", s("not yet")).await;
    }
    assert_eq!(open.journal.sequence().await.expect("ordered"), 4);
    let feed = feed(&open.journal, 100).await;
    assert_eq!(feed.len(), 4);
    in_order(&feed);
}

/// Older rules folded it: the events are the truth, and searches follow.
#[tokio::test]
async fn what_other_rules_folded_is_folded_anew() {
    let open = Open::new().await;
    let (journal, ann) = (&open.journal, person("ann"));
    append(journal, &ann, 0, &[started(&ann, 0)]).await;
    let loaded = journal.load(&ann).await.expect("loaded");
    let spoil = async || {
        open.set(FOLD, "rules", AttributeValue::N("0".to_owned())).await;
        open.set(FOLD, "fold", s("{\"of\": \"older rules\"}")).await;
        open.set(FOLD, "status", s("asleep#0")).await;
    };
    spoil().await;
    let anew = journal.load(&ann).await.expect("loaded");
    assert_eq!((anew.version, &anew.workspace), (loaded.version, &loaded.workspace));
    let starting = Query { status: vec![Status::Starting], ..Query::default() };
    assert_eq!(journal.find(&starting, None, 10).await.expect("found"), []);
    assert_eq!(journal.refold(second(9)).await.expect("refolded"), 1);
    assert_eq!(journal.refold(second(9)).await.expect("refolded"), 0);
    let rows = journal.find(&starting, None, 10).await.expect("found");
    assert_eq!(rows.iter().map(|row| row.due).collect::<Vec<_>>(), [Some(second(9))]);
    // What was appended meanwhile stands.
    spoil().await;
    append(journal, &ann, 1, &[started(&ann, 1)]).await;
    assert_eq!(journal.refold(second(9)).await.expect("refolded"), 0);
}

/// It is a fault for whoever loads it, and for nobody else; a search shows it to a human.
#[tokio::test]
async fn a_workspace_that_cannot_be_read_keeps_nobody_from_the_others() {
    let open = Open::new().await;
    let (journal, ann, bob) = (&open.journal, person("ann"), person("bob"));
    for of in [&ann, &bob] {
        append(journal, of, 0, &[started(of, 0)]).await;
    }
    open.set(FOLD, "fold", s("SECRET")).await;
    assert_eq!(journal.load(&ann).await.expect("folded anew").version, Version(1));
    open.set(FIRST, "envelopes", s("SECRET")).await;
    let words = journal.load(&ann).await.expect_err("unreadable").to_string();
    assert!(words.contains("W#ann V#") && !words.contains("SECRET"), "{words}");
    assert_eq!(journal.load(&bob).await.expect("loaded").version, Version(1));
    let starting = Query { status: vec![Status::Starting], ..Query::default() };
    let rows = journal.find(&starting, None, 10).await.expect("found");
    assert_eq!(rows.into_iter().map(|row| row.workspace).collect::<Vec<_>>(), [ann, bob]);
    open.set(FOLD, "rules", AttributeValue::N("0".to_owned())).await;
    assert_eq!(journal.refold(second(9)).await.expect("the others"), 0);
}

/// A reader has what comes before it, and then a fault: nobody jumps over it.
#[tokio::test]
async fn a_row_that_is_missing_or_unreadable_is_a_fault_and_no_gap() {
    let open = Open::new().await;
    for at in 0..3 {
        let facts = [started(&person("ann"), at)];
        append(&open.journal, &person("ann"), at.unsigned_abs(), &facts).await;
        open.journal.sequence().await.expect("ordered");
    }
    let read = async |after| open.journal.feed(after, 10, Duration::ZERO).await;
    assert_eq!(read(Cursor(0)).await.expect("a feed").len(), 3);
    let unreadable = AttributeValue::L(vec![s("SECRET")]);
    open.set(("F#1", "00000000000000000001"), "facts", unreadable).await;
    let first = read(Cursor(0)).await.expect("what comes before");
    assert_eq!(first.len(), 1);
    let words = read(first[0].0).await.expect_err("unreadable").to_string();
    assert!(words.contains("F#1") && !words.contains("SECRET"), "{words}");
    open.set(("C", "C"), "rows", AttributeValue::N("9".to_owned())).await;
    let third = Cursor(3 << 16);
    assert!(matches!(read(third).await, Err(Fault::Nonsense { .. })));
}
