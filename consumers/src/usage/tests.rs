//! What reaches the ledger, what does not, and what its faults do.

use std::sync::Mutex;

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{EventId, Gen, KeyPrint, Stamp, TeamId};
use jiff::Timestamp;

use super::*;

/// A ledger that remembers which batches it was given, and refuses when told to.
#[derive(Default)]
struct Ledger {
    batches: Mutex<Vec<Vec<u128>>>,
    refuses: bool,
}

#[async_trait]
impl UsageSink for Ledger {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        if self.refuses {
            return Err(Fault::Conflict);
        }
        let ids = batch.iter().map(|envelope| envelope.id.0.as_u128()).collect();
        self.batches.lock().expect("batches").push(ids);
        Ok(())
    }
}

fn team() -> TeamId {
    "sales".parse().expect("a name")
}

fn envelope(id: u128, subject: Option<&str>, event: Event) -> Envelope {
    let stamp =
        Stamp { id: EventId(uuid::Uuid::from_u128(id)), time: Timestamp::UNIX_EPOCH, cause: None };
    let subject = subject.map(|name| name.parse().expect("a name"));
    Envelope::new("/sidecar", subject, stamp, event)
}

fn used() -> Event {
    Event::UsageRecorded(UsageRecord {
        generation: Gen(1),
        team: team(),
        provider: "anthropic".to_owned(),
        model: "claude-sonnet-4-6".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: Timestamp::UNIX_EPOCH,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        tokens: Tokens::default(),
        estimated: false,
        cost: Cost::Unknown { why: "no price for it".to_owned() },
        raw: None,
    })
}

#[tokio::test]
async fn what_is_no_usage_of_a_workspace_is_left_out_and_the_rest_counts() {
    let ledger = Arc::new(Ledger::default());
    let roll_up = RollUp::new(ledger.clone());
    let batch = [
        envelope(1, Some("ann"), used()),
        envelope(2, None, used()),
        envelope(3, Some("ann"), Event::LoggedIn { team: team() }),
        envelope(4, Some("bob"), used()),
    ];
    roll_up.count(&batch).await.expect("counted");
    assert_eq!(*ledger.batches.lock().expect("batches"), [[1, 4]]);
}

#[tokio::test]
async fn a_batch_without_any_usage_does_not_reach_the_ledger() {
    let ledger = Arc::new(Ledger::default());
    let roll_up = RollUp::new(ledger.clone());
    roll_up.count(&[]).await.expect("nothing to count");
    roll_up.count(&[envelope(1, None, used())]).await.expect("nothing to count");
    assert!(ledger.batches.lock().expect("batches").is_empty());
}

#[tokio::test]
async fn what_the_ledger_refuses_is_told_so_that_it_is_sent_again() {
    let roll_up = RollUp::new(Arc::new(Ledger { refuses: true, ..Ledger::default() }));
    let fault = roll_up.count(&[envelope(1, Some("ann"), used())]).await;
    assert!(matches!(fault, Err(Fault::Conflict)), "{fault:?}");
}
