//! The names of things. Each is parsed once, at the edge, and can then be put into a path, a
//! header or a query without another look.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest user or team id: fits a Linux user name, an ECS family and a target group name.
pub const NAME_LENGTH_MAX: usize = 36;

/// A string that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not a name: use 1 to 36 of a-z, 0-9 and -, starting and ending with a-z or 0-9"
)]
pub struct BadName(String);

fn check_name(text: &str) -> Result<(), BadName> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=NAME_LENGTH_MAX).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    // The offending text is shown cut, so that a megabyte of it does not end up in a log.
    if good { Ok(()) } else { Err(BadName(text.chars().take(40).collect())) }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?$",
                })
            }
        }

        impl $type {
            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                check_name(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                check_name(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Names one workspace, and with it the one person whose workspace it is.
    WorkspaceId
}
name! {
    /// Names the team whose budget a workspace draws on; messages of one team form a fair group.
    TeamId
}

macro_rules! number {
    ($(#[$doc:meta])* $type:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $type(pub $inner);

        impl $type {
            /// The one after this.
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before this; zero stays zero.
            pub fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number! {
    /// A generation: rises with each start intent, and fences everything older. The first is 1.
    Gen(u64)
}
number! {
    /// A try at starting one generation; a replay is the next one. The first is 1.
    Attempt(u32)
}
number! {
    /// How many events a workspace's journal holds: what an append is conditional on.
    Version(u64)
}

/// Names one task (a container, or a process with its children) to the compute that runs it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct TaskId(#[schemars(length(min = 1, max = 256))] pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider key as it may be shown: the first 12 hex digits of its SHA-256.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct KeyPrint(#[schemars(regex(pattern = r"^[0-9a-f]{12}$"))] pub String);

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A UUIDv7: unique per fact and the same on every redelivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub uuid::Uuid);

impl JsonSchema for EventId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A UUIDv7: unique per fact and the same on every redelivery.",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        })
    }
}

impl EventId {
    /// Its text, in room that the caller has: one is written in each line of usage.
    pub fn text(self, room: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(room)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_it_is_written() {
        let event = uuid::Uuid::from_u128(0x0190_a0b0_c0d0_7e0f_8a0b_0c0d_0e0f_1a1b);
        assert_eq!(TaskId("t-1".to_owned()).to_string(), "t-1");
        assert_eq!(KeyPrint("0123456789ab".to_owned()).to_string(), "0123456789ab");
        assert_eq!(EventId(event).to_string(), "0190a0b0-c0d0-7e0f-8a0b-0c0d0e0f1a1b");
    }

    #[test]
    fn names_are_what_a_path_may_hold() {
        for good in ["a", "alice", "a-b", "0", "x2", &"a".repeat(36)] {
            assert!(good.parse::<WorkspaceId>().is_ok(), "{good}");
        }
        for bad in
            ["", "-a", "a-", "A", "a_b", "a/b", "..", "a.b", "ä", " a", "a\n", &"a".repeat(37)]
        {
            assert!(bad.parse::<WorkspaceId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_name_is_shown_cut() {
        let error = "X".repeat(1_000_000).parse::<TeamId>().expect_err("capital letters");
        assert!(error.to_string().len() < 200);
    }
}
