//! The members of a JSON object with the places of their values, found while the object is gone over
//! part by part. No value is read: prompts are long, and their strings are gone over at the speed of
//! memory. So what is wrong deep within a value is left for the provider to refuse; where a member
//! begins and ends, every reader agrees.

use std::ops::Range;

/// What is read is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoObject;

/// How long names are mostly, in bytes, so that room is made for them once.
const USUAL_NAME_LENGTH: usize = 32;

/// Goes over one object; places count from its text's first byte.
#[derive(Default)]
pub(crate) struct Members {
    state: State,
    /// How much has been gone over in the parts before this one.
    before: usize,
    /// The name of the member at hand, quotes included.
    name: Vec<u8>,
    /// Where its value begins.
    from: usize,
    /// What is open around the place within a value.
    outer: Open,
    within_object: bool,
}

/// What is to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Begin,
    FirstName,
    NextName,
    Name(Text),
    Colon,
    Value,
    Scalar,
    /// A value that is a string.
    String(Text),
    /// Within a list or an object, and not in a string.
    Nested,
    NestedString(Text),
    Comma,
    /// Nothing but space.
    Over,
}

/// Within a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Plain,
    /// The byte to come is no end, whatever it is.
    Escaped,
}

impl Members {
    /// Goes over the next part, and tells of each member that ends in it: its name, and where its
    /// value is.
    ///
    /// # Errors
    /// [`NoObject`]; nothing more is to be fed then.
    pub(crate) fn feed(
        &mut self,
        part: &[u8],
        mut found: impl FnMut(&str, Range<usize>),
    ) -> Result<(), NoObject> {
        let mut at = 0;
        while at < part.len() {
            at = match self.state {
                State::Name(text) => self.name_goes_on(text, part, at)?,
                State::String(text) => self.string(text, part, at, &mut found)?,
                State::NestedString(text) => {
                    let (at, after) = string(text, part, at);
                    self.state = after.map_or(State::Nested, State::NestedString);
                    at
                }
                State::Nested => self.nested(part, at, &mut found)?,
                State::Scalar => match part[at..].iter().position(|byte| !scalar(*byte)) {
                    Some(length) => {
                        self.ended(at + length, &mut found)?;
                        at + length
                    }
                    None => part.len(),
                },
                State::Begin
                | State::FirstName
                | State::NextName
                | State::Colon
                | State::Value
                | State::Comma
                | State::Over => {
                    if !space(part[at]) {
                        self.between(part[at], at)?;
                    }
                    at + 1
                }
            };
        }
        self.before += part.len();
        Ok(())
    }

    /// # Errors
    /// [`NoObject`] when the text has ended and the object has not.
    pub(crate) fn end(&self) -> Result<(), NoObject> {
        if self.state == State::Over { Ok(()) } else { Err(NoObject) }
    }

    /// A byte that is no space, outside of names and values.
    fn between(&mut self, byte: u8, at: usize) -> Result<(), NoObject> {
        self.state = match (self.state, byte) {
            (State::Begin, b'{') => State::FirstName,
            (State::FirstName | State::NextName, b'"') => {
                self.name.clear();
                self.name.reserve(USUAL_NAME_LENGTH);
                self.name.push(byte);
                State::Name(Text::Plain)
            }
            (State::FirstName | State::Comma, b'}') => State::Over,
            (State::Colon, b':') => State::Value,
            (State::Comma, b',') => State::NextName,
            (State::Value, _) => {
                self.from = self.before + at;
                match byte {
                    b'"' => State::String(Text::Plain),
                    b'{' | b'[' => {
                        self.within_object = byte == b'{';
                        State::Nested
                    }
                    byte if scalar(byte) => State::Scalar,
                    _ => return Err(NoObject),
                }
            }
            _ => return Err(NoObject),
        };
        Ok(())
    }

    fn name_goes_on(&mut self, text: Text, part: &[u8], at: usize) -> Result<usize, NoObject> {
        let (end, after) = string(text, part, at);
        self.name.extend_from_slice(&part[at..end]);
        self.state = after.map_or(State::Colon, State::Name);
        Ok(end)
    }

    fn string(
        &mut self,
        text: Text,
        part: &[u8],
        at: usize,
        found: &mut impl FnMut(&str, Range<usize>),
    ) -> Result<usize, NoObject> {
        let (end, after) = string(text, part, at);
        match after {
            Some(text) => self.state = State::String(text),
            None => self.ended(end, found)?,
        }
        Ok(end)
    }

    /// However deep it is: a bit is kept for each that is open.
    fn nested(
        &mut self,
        part: &[u8],
        at: usize,
        found: &mut impl FnMut(&str, Range<usize>),
    ) -> Result<usize, NoObject> {
        for (offset, byte) in part[at..].iter().enumerate() {
            let next = at + offset + 1;
            match *byte {
                b'"' => {
                    self.state = State::NestedString(Text::Plain);
                    return Ok(next);
                }
                byte @ (b'{' | b'[') => {
                    self.outer.push(self.within_object);
                    self.within_object = byte == b'{';
                }
                byte @ (b'}' | b']') => {
                    if self.within_object != (byte == b'}') {
                        return Err(NoObject);
                    }
                    match self.outer.pop() {
                        Some(object) => self.within_object = object,
                        None => {
                            self.ended(next, found)?;
                            return Ok(next);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(part.len())
    }

    /// A value has ended before the byte at `at` of this part.
    fn ended(
        &mut self,
        at: usize,
        found: &mut impl FnMut(&str, Range<usize>),
    ) -> Result<(), NoObject> {
        let place = self.from..self.before + at;
        if memchr::memchr(b'\\', &self.name).is_some() {
            let name: String = serde_json::from_slice(&self.name).map_err(|_| NoObject)?;
            found(&name, place);
        } else {
            let name = &self.name[1..self.name.len() - 1];
            found(std::str::from_utf8(name).map_err(|_| NoObject)?, place);
        }
        self.state = State::Comma;
        Ok(())
    }
}

/// To behind the end of a string, or of the part; and how the string goes on, if it does. Quotes alone
/// are looked for, which takes half the time of looking for backslashes too.
fn string(text: Text, part: &[u8], at: usize) -> (usize, Option<Text>) {
    let from = at + usize::from(text == Text::Escaped);
    let mut next = from;
    while let Some(offset) = memchr::memchr(b'"', &part[next..]) {
        let quote = next + offset;
        if !escapes(&part[from..quote]) {
            return (quote + 1, None);
        }
        next = quote + 1;
    }
    let after = if escapes(&part[from..]) { Text::Escaped } else { Text::Plain };
    (part.len(), Some(after))
}

/// Whether the byte behind this text of a string is escaped: after an odd number of backslashes.
fn escapes(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Which of those that are open are objects, 64 in a word.
#[derive(Default)]
struct Open {
    words: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.words.len() {
            self.words.push(0);
        }
        self.words[word] = self.words[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) -> Option<bool> {
        self.depth = self.depth.checked_sub(1)?;
        Some(self.words[self.depth / 64] >> (self.depth % 64) & 1 == 1)
    }
}

/// A byte of a number, `true`, `false` or `null`.
fn scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn places(text: &[u8], step: usize) -> Result<Vec<(String, Range<usize>)>, NoObject> {
        let (mut members, mut places) = (Members::default(), Vec::new());
        for part in text.chunks(step) {
            members.feed(part, |name, place| places.push((name.to_owned(), place)))?;
        }
        members.end().map(|()| places)
    }

    fn all(text: &[u8]) -> Result<Vec<(String, Value)>, NoObject> {
        let whole = places(text, text.len().max(1));
        for step in 1..=text.len().min(9) {
            assert_eq!(places(text, step), whole, "in parts of {step}");
        }
        let read = |(name, place): (String, Range<usize>)| {
            Ok((name, serde_json::from_slice(&text[place]).map_err(|_| NoObject)?))
        };
        whole?.into_iter().map(read).collect()
    }

    #[test]
    fn members_are_found_whatever_is_in_them() {
        let text = r#" { "a" : "}\"{" , "b\u0022":[1,{"c":"\\"},"]"], "d":-1.5e+3,"":null } "#;
        let names: Vec<String> =
            all(text.as_bytes()).expect("an object").into_iter().map(|m| m.0).collect();
        assert_eq!(names, ["a", "b\"", "d", ""]);
        assert_eq!(all(b"{}"), Ok(Vec::new()));
        assert_eq!(all(b" {\n} "), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_object_or_ends_elsewhere_is_none() {
        let deep = |close: &str| format!("{{\"a\":{}{close}}}", "[{\"b\":".repeat(500));
        let closed = deep(&format!("1{}", "}]".repeat(500)));
        assert_eq!(places(closed.as_bytes(), 7).map(|places| places.len()), Ok(1));
        let crossed = deep(&format!("1{}]}}{}", "}]".repeat(250), "}]".repeat(249)));
        for text in [
            "",
            " ",
            "1",
            "[]",
            "\"{}\"",
            "{",
            "{}}",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[}",
            "{\"a\":[1}]}",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{a:1}",
            "{\"a\":1",
            &crossed,
        ] {
            for step in 1..=text.len().max(1) {
                assert_eq!(places(text.as_bytes(), step), Err(NoObject), "{text}");
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = r#"["\\{}\[\],: a\n\u{e9}]{0,8}"#;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            let object = prop::collection::vec((text, inner.clone()), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..5).prop_map(Value::Array),
                object.prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_reader_agrees_on_every_object(value in value(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
            let read = all(&text.expect("JSON"));
            let Value::Object(object) = value else {
                prop_assert_eq!(read, Err(NoObject));
                return Ok(());
            };
            let members: Map<String, Value> = read.expect("an object").into_iter().collect();
            prop_assert_eq!(members, object);
        }

        #[test]
        fn what_serde_takes_for_an_object_is_one(
            value in value(), place in any::<prop::sample::Index>(), byte in r#"["\\{}\[\],:a0 ]"#,
        ) {
            let mut text = serde_json::to_vec(&value).expect("JSON");
            let place = place.index(text.len());
            text[place] = byte.as_bytes()[0];
            if let Ok(Value::Object(object)) = serde_json::from_slice(&text) {
                let members: Map<String, Value> = all(&text).expect("an object").into_iter().collect();
                prop_assert_eq!(members, object);
            }
        }
    }
}
