//! Reading an item's attributes. What is not there, or not what we write there, is a broken record.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ports::Fault;
use serde::de::DeserializeOwned;

use super::SERVICE;
use super::keys::Key;

/// One item as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Item(BTreeMap<String, AttributeValue>);

impl Item {
    /// An item with these attributes.
    pub(crate) fn of(attributes: impl IntoIterator<Item = (String, AttributeValue)>) -> Self {
        Self(attributes.into_iter().collect())
    }

    /// The text of an attribute, if there is one.
    pub(crate) fn has(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    /// The text of an attribute.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Fault> {
        self.has(name).ok_or_else(|| self.broken(&format!("has no text {name}")))
    }

    /// A number that is no fraction and not below zero.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Fault> {
        let value = self.0.get(name).and_then(|value| value.as_n().ok());
        let number = value.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.broken(&format!("has no number {name}")))
    }

    /// Texts in their order.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>, Fault> {
        let list = self.0.get(name).and_then(|value| value.as_l().ok());
        let list = list.ok_or_else(|| self.broken(&format!("has no list {name}")))?;
        let texts: Option<Vec<&str>> =
            list.iter().map(|value| value.as_s().ok().map(String::as_str)).collect();
        texts.ok_or_else(|| self.broken(&format!("has something else than texts in {name}")))
    }

    /// What the JSON in an attribute says.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        self.parse(self.text(name)?)
    }

    /// What JSON of this item says.
    pub(crate) fn parse<T: DeserializeOwned>(&self, json: &str) -> Result<T, Fault> {
        serde_json::from_str(json)
            .map_err(|error| self.broken(&format!("cannot be read by this version ({error})")))
    }

    /// Under which key it stands.
    pub(crate) fn key(&self) -> Result<Key, Fault> {
        Ok(Key { pk: self.text("pk")?.to_owned(), sk: self.text("sk")?.to_owned() })
    }

    /// A broken record. Its keys are named, its content is not shown.
    fn broken(&self, words: &str) -> Fault {
        let (pk, sk) = (self.has("pk").unwrap_or("?"), self.has("sk").unwrap_or("?"));
        nonsense(format!("the item {pk} {sk} {words}"))
    }
}

/// What makes no sense, in plain words.
pub(crate) fn nonsense(words: String) -> Fault {
    Fault::Nonsense { service: SERVICE, words }
}

/// Text as an attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
pub(crate) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_we_write_is_told_by_its_key_and_never_shown() {
        let item = |value| Item::of([("pk".to_owned(), s("W#ann")), ("x".to_owned(), value)]);
        let secret = item(s("SECRET"));
        assert_eq!(secret.text("x").expect("a text"), "SECRET");
        for fault in [
            secret.number("x").map(|_| ()),
            secret.texts("x").map(|_| ()),
            secret.json::<u8>("x").map(|_| ()),
            item(n(7)).text("x").map(|_| ()),
            item(AttributeValue::L(vec![n(7)])).texts("x").map(|_| ()),
            secret.key().map(|_| ()),
        ] {
            let words = fault.expect_err("broken").to_string();
            assert!(words.contains("W#ann") && !words.contains("SECRET"), "{words}");
        }
        assert_eq!(item(n(7)).number("x").expect("a number"), 7);
    }
}
