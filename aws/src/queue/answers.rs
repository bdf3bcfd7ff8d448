//! What SQS's answers mean. Pure: the documented words test it.
//!
//! Codes are those of AWSSimpleQueueService/latest/APIReference ("Errors" of each action), with and
//! without the prefix that the older protocol gives them.

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, Message, MessageSystemAttributeName, SendMessageBatchResultEntry,
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use ports::queue::DELAY_MAX;
use ports::{Delivery, Fault, Handle, Outgoing};

use super::nonsense;
use crate::error::{Said, fault};

/// As an operator knows it.
pub(crate) const SERVICE: &str = "SQS";
/// What the older protocol puts before its codes.
const PREFIX: &str = "AWS.SimpleQueueService.";
/// What the key service says when it is asked too often, through SQS.
const KEY_THROTTLE: &str = "KmsThrottled";
/// Codes of credentials that are over, or whose permission is not everywhere yet: asked again,
/// because what waits to be sent must not be lost over a deployment.
const NOT_YET: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
];

/// What a failed call means.
pub(crate) fn sorted<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> Fault {
    match Said::of(error) {
        Some(said) => meaning(said),
        None => fault(SERVICE, error),
    }
}

/// What SQS alone says; the rest means what it means everywhere.
fn meaning(said: Said) -> Fault {
    let code = bare(&said.code);
    if code == KEY_THROTTLE || code == "OverLimit" {
        return Fault::Throttled { service: SERVICE, after: said.after };
    }
    if NOT_YET.contains(&code) {
        return Fault::unavailable(SERVICE, format!("{code}: {}", said.words));
    }
    said.fault(SERVICE)
}

fn bare(code: &str) -> &str {
    code.strip_prefix(PREFIX).unwrap_or(code)
}

/// What became of a message that the answer does not tell of.
pub(super) fn unsent(message: &Outgoing) -> Result<(), Fault> {
    if message.delay > DELAY_MAX {
        return Err(nonsense(format!("a delay of more than {} s", DELAY_MAX.as_secs())));
    }
    Err(Fault::unavailable(SERVICE, "the answer does not tell whether it was sent"))
}

/// Puts what was told of each entry in its place.
pub(super) fn settle(
    answers: &mut [Result<(), Fault>],
    sent: &[SendMessageBatchResultEntry],
    failed: &[BatchResultErrorEntry],
) {
    let sent = sent.iter().map(|entry| (entry.id(), Ok(())));
    let failed = failed.iter().map(|entry| (entry.id(), Err(entry_fault(entry))));
    for (id, answer) in sent.chain(failed) {
        let place = id.parse().ok().and_then(|at: usize| answers.get_mut(at));
        if let Some(place) = place {
            *place = answer;
        }
    }
}

/// What it means that one entry of a batch failed.
pub(super) fn entry_fault(failed: &BatchResultErrorEntry) -> Fault {
    // A status of its own it has not; it says whose fault it was.
    let status = if failed.sender_fault() { 400 } else { 500 };
    let words = failed.message().unwrap_or_default().to_owned();
    meaning(Said { code: failed.code().to_owned(), words, status, after: None })
}

/// Whether the code says that a handle is not, or no longer, good for anything.
pub(super) fn is_stale(code: &str) -> bool {
    ["ReceiptHandleIsInvalid", "InvalidReceiptHandle", "MessageNotInflight"].contains(&bare(code))
}

/// What a visibility that was not changed means, if it is no failure: the handle is stale, or the
/// message would be hidden for more than twelve hours since its receive and comes back before that.
pub(super) fn unchanged(code: &str, words: &str) -> Option<Result<(), Fault>> {
    if is_stale(code) {
        return Some(Ok(()));
    }
    let words = words.to_ascii_lowercase();
    let gone = ["not available for visibility timeout change", "beyond the limit", "receipthandle"];
    let invalid = ["InvalidParameterValue", "InvalidParameterValueException"];
    (invalid.contains(&bare(code)) && gone.iter().any(|part| words.contains(part)))
        .then_some(Ok(()))
}

/// A message as it was received.
pub(super) fn delivery(message: &Message) -> Result<Delivery, Fault> {
    let handle = message.receipt_handle().ok_or_else(|| nonsense("a message without a handle"))?;
    Ok(Delivery {
        handle: Handle(handle.to_owned()),
        nudge: message.body().and_then(|body| serde_json::from_str(body).ok()),
        receives: receives(message),
        sent: sent(message)?,
    })
}

/// How often it was received; once if nothing is told.
fn receives(message: &Message) -> u32 {
    let told = attribute(message, &MessageSystemAttributeName::ApproximateReceiveCount);
    told.and_then(|told| told.parse().ok()).unwrap_or(1)
}

/// When it was sent, in milliseconds since 1970.
pub(super) fn sent(message: &Message) -> Result<Timestamp, Fault> {
    let told = attribute(message, &MessageSystemAttributeName::SentTimestamp);
    let told = told.and_then(|told| told.parse().ok());
    let sent = told.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    sent.ok_or_else(|| nonsense("a message that does not tell when it was sent"))
}

fn attribute<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes().and_then(|all| all.get(name)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str, sender: bool) -> BatchResultErrorEntry {
        let entry = BatchResultErrorEntry::builder().id("1").code(code).sender_fault(sender);
        entry.build().expect("all that is required")
    }

    #[test]
    fn each_entry_of_a_batch_has_its_own_answer_and_silence_is_not_success() {
        let mut answers: Vec<_> =
            (0..4).map(|_| Err(Fault::unavailable(SERVICE, "not told"))).collect();
        let sent = SendMessageBatchResultEntry::builder().id("0").message_id("m");
        let sent = sent.md5_of_message_body("5").build().expect("all that is required");
        settle(&mut answers, &[sent], &[failed("InternalError", false)]);
        let own = |answer: &Result<(), Fault>| matches!(answer, Err(Fault::Unavailable { .. }));
        assert!(answers[0].is_ok() && answers[1..].iter().all(own), "{answers:?}");
    }

    #[test]
    fn a_failed_entry_says_whose_fault_it_was() {
        let fault = |code, sender| entry_fault(&failed(code, sender));
        assert!(matches!(fault("InvalidMessageContents", true), Fault::Nonsense { .. }));
        assert!(matches!(fault("InternalError", false), Fault::Unavailable { .. }));
        assert!(matches!(fault("ServiceUnavailable", false), Fault::Unavailable { .. }));
        assert!(matches!(fault("RequestThrottled", true), Fault::Throttled { .. }));
        assert!(matches!(fault("AWS.SimpleQueueService.OverLimit", true), Fault::Throttled { .. }));
        assert!(matches!(fault("KmsThrottled", true), Fault::Throttled { .. }));
    }

    #[test]
    fn credentials_that_are_over_are_no_reason_to_lose_what_was_to_be_sent() {
        for code in ["ExpiredToken", "AccessDenied", "InvalidClientTokenId"] {
            let said = Said { code: code.to_owned(), status: 403, ..Said::default() };
            assert!(matches!(meaning(said), Fault::Unavailable { .. }), "{code}");
        }
    }

    #[test]
    fn a_handle_that_is_no_longer_good_changes_nothing_and_is_no_failure() {
        let late = "Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not \
                    exist or is not available for visibility timeout change.";
        let long = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        for (code, words) in [
            ("AWS.SimpleQueueService.MessageNotInflight", ""),
            ("ReceiptHandleIsInvalid", "The input receipt handle is invalid."),
            ("InvalidParameterValue", late),
            ("InvalidParameterValue", long),
        ] {
            assert!(matches!(unchanged(code, words), Some(Ok(()))), "{code} {words}");
        }
        assert!(unchanged("InvalidParameterValue", "Value x for VisibilityTimeout").is_none());
        assert!(unchanged("AWS.SimpleQueueService.NonExistentQueue", "").is_none());
    }

    #[test]
    fn what_cannot_be_read_is_delivered_as_such() {
        let of = |body: &str| {
            let message = Message::builder().receipt_handle("h").body(body);
            let message = message.attributes(MessageSystemAttributeName::SentTimestamp, "1000");
            delivery(&message.build()).expect("a delivery")
        };
        assert!(of(r#"{"workspace":"ann"}"#).nudge.is_some());
        assert!(of("{").nudge.is_none());
        assert_eq!((of("").receives, of("").sent.as_millisecond()), (1, 1000));
    }
}
