//! Reading an item's attributes. What is not there, or not what we write there, is a broken record.

use ports::Fault;
use serde::de::DeserializeOwned;

use super::keys::Key;
use crate::rows::{self, nonsense, text_in};

/// One item as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Item(rows::Item);

impl Item {
    /// An item with these attributes.
    pub(crate) fn of(attributes: rows::Item) -> Self {
        Self(attributes)
    }

    /// The text of an attribute, if there is one.
    pub(crate) fn has(&self, name: &str) -> Option<&str> {
        text_in(&self.0, name)
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

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;
    use crate::rows::{number, text};

    #[test]
    fn what_is_not_what_we_write_is_told_by_its_key_and_never_shown() {
        let item =
            |value| Item::of([("pk".to_owned(), text("W#ann")), ("x".to_owned(), value)].into());
        let secret = item(text("SECRET"));
        assert_eq!(secret.text("x").expect("a text"), "SECRET");
        for fault in [
            secret.number("x").map(|_| ()),
            secret.texts("x").map(|_| ()),
            secret.json::<u8>("x").map(|_| ()),
            item(number(7)).text("x").map(|_| ()),
            item(AttributeValue::L(vec![number(7)])).texts("x").map(|_| ()),
            secret.key().map(|_| ()),
        ] {
            let words = fault.expect_err("broken").to_string();
            assert!(words.contains("W#ann") && !words.contains("SECRET"), "{words}");
        }
        assert_eq!(item(number(7)).number("x").expect("a number"), 7);
    }
}
