//! Which models a request asks for, read so that no provider can read it otherwise: what is odd is
//! not read at all.
//!
//! Names within tools (an image tool of Responses that names its own model) are not looked into;
//! what they use is counted like the rest.

use std::borrow::Cow;
use std::fmt;

use events::Limits;
use http::{HeaderMap, header};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::parts;
use crate::body::Taken;
use crate::providers::Api;

/// What Gemini's clients may put before a model's name.
const GEMINI_PREFIX: &str = "models/";

/// The models of a request. Every one of them has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Models {
    /// Nothing is billed for it.
    Unbilled,
    /// Nobody can say.
    Unreadable,
    /// These.
    Named(Vec<String>),
}

impl Models {
    /// One that is known by its name.
    pub(crate) fn named(model: &str) -> Self {
        Self::all(vec![model.to_owned()])
    }

    /// The models of an HTTP request: the one in its path, which counts for every provider that
    /// takes it there, else those in its body. None are read when the limits do not ask for them.
    pub(crate) fn of(
        limits: &Limits,
        api: Option<Api>,
        in_path: Option<&str>,
        headers: &HeaderMap,
        body: &Taken,
    ) -> Self {
        match (api, in_path, body) {
            (None, _, _) => Self::Unbilled,
            _ if !limits.lists_models() && !limits.limits_dollars() => Self::Named(Vec::new()),
            (Some(_), Some(model), _) => Self::named(model),
            (Some(_), None, Taken::Passing(_)) => Self::Unreadable,
            (Some(api), None, Taken::Whole { parts, .. }) if api.takes_json() => {
                Self::of_json(&parts.joined())
            }
            (Some(_), None, Taken::Whole { parts, .. }) => {
                let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                let model = parts::field(&parts.joined(), kind.unwrap_or_default(), "model");
                model.map_or(Self::Unreadable, |model| Self::named(&model))
            }
        }
    }

    /// The models that a JSON object names: `model`, and OpenRouter's `models`, to which it falls
    /// back (openrouter.ai/docs/features/model-routing). Some servers read a key whatever its
    /// letters' size, so a second spelling makes it unreadable.
    pub(crate) fn of_json(body: &[u8]) -> Self {
        serde_json::from_slice::<Names>(body)
            .map_or(Self::Unreadable, |Names(names)| names.map_or(Self::Unreadable, Self::all))
    }

    fn all(names: Vec<String>) -> Self {
        let bare = |name: &String| name.strip_prefix(GEMINI_PREFIX).unwrap_or(name).to_owned();
        // A provider may trim what it is given, or read letters that look alike as one.
        let plain = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        if names.is_empty() || !names.iter().all(plain) {
            return Self::Unreadable;
        }
        Self::Named(names.iter().map(bare).collect())
    }
}

/// The names in an object; `None` when something is odd about them.
struct Names(Option<Vec<String>>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let (mut one, mut more) = (Vec::new(), Vec::new());
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if key.eq_ignore_ascii_case("model") {
                        one.push(map.next_value::<Value>()?);
                    } else if key.eq_ignore_ascii_case("models") {
                        more.push(map.next_value::<Value>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Names(names(&one, &more)))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn names(one: &[Value], more: &[Value]) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut names: Vec<String> = match one {
        [] | [Value::Null] => Vec::new(),
        [model] => vec![text(model)?],
        _ => return None,
    };
    match more {
        [] | [Value::Null] => {}
        [Value::Array(models)] => {
            names.extend(models.iter().map(text).collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    }
    Some(names)
}
