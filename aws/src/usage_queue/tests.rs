//! Whose usage is believed.

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Gen, KeyPrint, Stamp};
use jiff::Timestamp;

use super::{Refused, accept};

const ANN: &str = "AROACKCEVSQ6C2EXAMPLE:ann";

fn usage(of: Option<&str>) -> Envelope {
    let record = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "m".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: Timestamp::UNIX_EPOCH,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        tokens: Tokens::default(),
        estimated: false,
        cost: Cost::Unknown { why: "no price".to_owned() },
        raw: None,
    };
    let id: EventId =
        serde_json::from_str("\"01970000-0000-7000-8000-000000000001\"").expect("an id");
    let stamp = Stamp { id, time: Timestamp::UNIX_EPOCH, cause: None };
    let subject = of.map(|name| name.parse().expect("a name"));
    Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(record))
}

fn body(batch: &[Envelope]) -> String {
    serde_json::to_string(batch).expect("JSON")
}

#[test]
fn a_batch_is_believed_of_the_session_that_sent_it() {
    let batch = vec![usage(Some("ann")), usage(Some("ann"))];
    assert_eq!(accept(&body(&batch), ANN), Ok(batch));
    let short = vec![usage(Some("a"))];
    assert_eq!(accept(&body(&short), "AROA1:a@"), Ok(short));
    assert_eq!(accept("[]", ANN), Ok(Vec::new()));
}

#[test]
fn one_record_of_somebody_else_turns_the_batch_away_whole() {
    let batch = [usage(Some("ann")), usage(Some("bob"))];
    let name = |name: &str| name.parse().expect("a name");
    let foreign = Refused::Foreign { sender: name("ann"), subject: name("bob") };
    assert_eq!(accept(&body(&batch), ANN), Err(foreign));
}

#[test]
fn usage_of_nobody_is_nobodys() {
    assert_eq!(accept(&body(&[usage(None)]), ANN), Err(Refused::NotUsage));
}

#[test]
fn who_is_no_session_of_a_workspace_sends_no_usage() {
    for sender in
        ["", "ann", "123456789012", "AIDAEXAMPLE", "AROA1:", "AROA1:Ann", "AROA1:a:ann", "AROA1:@@"]
    {
        let answer = accept("[]", sender);
        assert_eq!(answer, Err(Refused::NoSession(sender.to_owned())), "{sender}");
    }
}

#[test]
fn what_is_no_batch_is_said_to_be_none() {
    for text in ["", "{}", "[1]", "null", "[{\"type\":\"usage.recorded\"}]"] {
        assert!(matches!(accept(text, ANN), Err(Refused::Unreadable(_))), "{text}");
    }
}
