//! Whose usage is believed.

#[path = "../../tests/sample/mod.rs"]
mod sample;

use events::Envelope;
use proptest::prelude::*;
use sample::usage;

use super::{Refused, accept};

const ANN: &str = "AROACKCEVSQ6C2EXAMPLE:ann";

fn body(batch: &[Envelope]) -> String {
    serde_json::to_string(batch).expect("JSON")
}

#[test]
fn a_batch_is_believed_of_the_session_that_sent_it() {
    let batch = vec![usage("ann"), usage("ann")];
    assert_eq!(accept(&body(&batch), ANN), Ok(batch));
    let short = vec![usage("a")];
    assert_eq!(accept(&body(&short), "AROA1:a@"), Ok(short));
    assert_eq!(accept("[]", ANN), Ok(Vec::new()));
}

#[test]
fn one_record_of_somebody_else_turns_the_batch_away_whole() {
    let batch = [usage("ann"), usage("bob")];
    let name = |name: &str| name.parse().expect("a name");
    let foreign = Refused::Foreign { sender: name("ann"), subject: name("bob") };
    assert_eq!(accept(&body(&batch), ANN), Err(foreign));
}

#[test]
fn usage_of_nobody_is_nobodys() {
    let nobodys = Envelope { subject: None, ..usage("ann") };
    assert_eq!(accept(&body(&[nobodys]), ANN), Err(Refused::NotUsage));
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

proptest! {
    /// Whoever sends what, nothing but the sender's own usage comes through.
    #[test]
    fn nothing_is_believed_of_anybody_else(
        body in ".{0,200}", sender in ".{0,40}", of in "[a-c]{1,2}", by in "[a-c]{1,2}",
    ) {
        prop_assert!(accept(&body, &sender).map_or(true, |batch| batch.is_empty()));
        let sent = self::body(&[usage(&of)]);
        let session = if by.len() == 1 { format!("AROA1:{by}@") } else { format!("AROA1:{by}") };
        prop_assert_eq!(accept(&sent, &session).is_ok(), of == by);
    }
}
