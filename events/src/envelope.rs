//! The one shape every fact travels in: a CloudEvents 1.0 JSON envelope
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{EventId, WorkspaceId};
use crate::text::TimeText;

/// Where the schema of the data is.
pub const DATA_SCHEMA: &str = "urn:teamclaw:events.schema.json";

/// One fact with what is known about it. The same at every hop: journal row, queue, feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Always `1.0`.
    pub specversion: SpecVersion,
    /// Unique per fact, and the same on every redelivery.
    pub id: EventId,
    /// Which part of the system says so, as a path: `/consumers/handle`.
    #[schemars(regex(pattern = r"^/[a-z0-9/_-]{1,99}$"))]
    pub source: String,
    /// Whose workspace it is about; events about the key pool have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<WorkspaceId>,
    /// When it happened, in UTC.
    #[schemars(with = "TimeText")]
    pub time: Timestamp,
    /// Always `application/json`.
    #[serde(default)]
    pub datacontenttype: ContentType,
    /// Where the schema of the data is.
    #[serde(default = "data_schema")]
    pub dataschema: String,
    /// The fact that led to this one; none for a request from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<EventId>,
    /// The fact that began the whole story, the same for all that follows from it.
    pub correlationid: EventId,
    /// The fact: `type` and `data`.
    #[serde(flatten)]
    pub event: Event,
}

/// The version of the CloudEvents specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpecVersion {
    /// Version 1.0.
    #[default]
    #[serde(rename = "1.0")]
    V1,
}

/// The media type of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContentType {
    /// JSON.
    #[default]
    #[serde(rename = "application/json")]
    Json,
}

fn data_schema() -> String {
    DATA_SCHEMA.to_owned()
}

/// What a shell adds to a fact: an identity, a time, and what led to it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// A fresh UUIDv7.
    pub id: EventId,
    /// Now.
    pub time: Timestamp,
    /// What led to it, and what began the story.
    pub cause: Option<Cause>,
}

/// The fact that led to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The fact itself.
    pub id: EventId,
    /// What began its story.
    pub correlation: EventId,
}

impl Envelope {
    /// Puts a fact into its envelope.
    pub fn new(source: &str, subject: Option<WorkspaceId>, stamp: Stamp, event: Event) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id: stamp.id,
            source: source.to_owned(),
            subject,
            time: stamp.time,
            datacontenttype: ContentType::Json,
            dataschema: data_schema(),
            causationid: stamp.cause.map(|cause| cause.id),
            correlationid: stamp.cause.map_or(stamp.id, |cause| cause.correlation),
            event,
        }
    }

    /// This fact as the cause of the next.
    pub fn as_cause(&self) -> Cause {
        Cause { id: self.id, correlation: self.correlationid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_says_where_its_schema_is() {
        let stamp =
            Stamp { id: EventId(uuid::Uuid::nil()), time: Timestamp::UNIX_EPOCH, cause: None };
        let event = Event::SettingsChanged { revision: 1, idle_timeout: None };
        let envelope = Envelope::new("/tests", None, stamp, event);
        assert_eq!(envelope.dataschema, "urn:teamclaw:events.schema.json");
    }
}
