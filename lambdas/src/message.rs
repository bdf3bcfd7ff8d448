//! One message of a queue as an event source mapping hands it over. Pure.
//!
//! Everything but the body is SQS's own word (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). What
//! is missing of it is taken as unknown and never ends the batch: a message fails alone.

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use ports::{Delivery, Handle};

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// By which a failure is reported. An empty one, reported, fails the whole batch: nothing is lost.
    pub id: String,
    /// What settles it.
    pub handle: Handle,
    /// As it was sent.
    pub body: String,
    /// How often it has been received, this time included; at least 1.
    pub receives: u32,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// Who sent it, as SQS knows: `role id:session name` for a role that was assumed.
    pub sender: String,
}

impl Message {
    /// Takes one record of an event apart.
    pub fn of(record: SqsMessage) -> Self {
        let attribute = |name: &str| record.attributes.get(name);
        let receives = attribute("ApproximateReceiveCount").and_then(|text| text.parse().ok());
        let sent = attribute("SentTimestamp").and_then(|text| text.parse().ok());
        Self {
            receives: receives.unwrap_or(1),
            sent: sent.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            sender: attribute("SenderId").cloned().unwrap_or_default(),
            id: record.message_id.unwrap_or_default(),
            handle: Handle(record.receipt_handle.unwrap_or_default()),
            body: record.body.unwrap_or_default(),
        }
    }

    /// The same as the engine knows it. A body that is no nudge is none; the engine says so. What has
    /// no time was sent now.
    pub fn delivery(&self, now: Timestamp) -> Delivery {
        Delivery {
            handle: self.handle.clone(),
            nudge: serde_json::from_str(&self.body).ok(),
            receives: self.receives,
            sent: self.sent.unwrap_or(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::Subject;
    use serde_json::json;

    use super::*;

    /// The example of the page above, with a nudge as its body.
    fn record(body: &str) -> SqsMessage {
        serde_json::from_value(json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "3",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO:ann",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
                "MessageGroupId": "sales"
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2"
        }))
        .expect("the documented form")
    }

    #[test]
    fn a_record_becomes_a_delivery() {
        let message = Message::of(record(r#"{"workspace":"ann"}"#));
        assert_eq!(message.sender, "AIDAIENQZJOLO23YVJ4VO:ann");
        let delivery = message.delivery(Timestamp::MAX);
        assert_eq!(delivery.receives, 3);
        assert_eq!(delivery.sent.as_millisecond(), 1_545_082_649_183);
        let nudge = delivery.nudge.expect("a nudge");
        assert_eq!(nudge.about, Subject::Workspace("ann".parse().expect("a name")));
    }

    #[test]
    fn what_cannot_be_read_is_a_delivery_of_nothing() {
        for body in ["", "{", "[]", r#"{"workspace":"../x"}"#, r#"{"both":"ann"}"#] {
            assert_eq!(Message::of(record(body)).delivery(Timestamp::MAX).nudge, None, "{body}");
        }
        let bare = Message::of(SqsMessage::default());
        assert_eq!((bare.receives, bare.sent), (1, None));
    }
}
