//! The members of a JSON object with the places of their values. No value is read: prompts are long,
//! and their strings are gone over at the speed of memory. So what is wrong deep within a value is
//! left for the provider to refuse; where a member begins and ends, every reader agrees.

use std::borrow::Cow;
use std::ops::Range;

/// What is read is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoObject;

/// The members of one object, in their order.
pub(crate) struct Members<'a> {
    text: &'a [u8],
    at: usize,
    begun: bool,
    over: bool,
}

/// A member: its name, and where its value is.
pub(crate) type Member<'a> = (Cow<'a, str>, Range<usize>);

impl<'a> Members<'a> {
    /// Those of the object that is all of this text.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0, begun: false, over: false }
    }

    fn member(&mut self) -> Option<Option<Member<'a>>> {
        let first = !std::mem::replace(&mut self.begun, true);
        self.space();
        match (self.byte()?, first) {
            (b'{', true) => {
                self.space();
                if self.peek()? == b'}' {
                    self.at += 1;
                    return self.end();
                }
            }
            (b',', false) => self.space(),
            (b'}', false) => return self.end(),
            _ => return None,
        }
        let name = self.name()?;
        self.space();
        if self.byte()? != b':' {
            return None;
        }
        self.space();
        let from = self.at;
        self.value()?;
        Some(Some((name, from..self.at)))
    }

    /// After the object there is nothing.
    fn end(&mut self) -> Option<Option<Member<'a>>> {
        self.space();
        (self.at == self.text.len()).then_some(None)
    }

    fn name(&mut self) -> Option<Cow<'a, str>> {
        let from = self.at;
        if self.byte()? != b'"' {
            return None;
        }
        self.string()?;
        let quoted = &self.text[from..self.at];
        if memchr::memchr(b'\\', quoted).is_some() {
            return serde_json::from_slice(quoted).ok().map(Cow::Owned);
        }
        std::str::from_utf8(&quoted[1..quoted.len() - 1]).ok().map(Cow::Borrowed)
    }

    fn value(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' => self.string(),
            byte @ (b'{' | b'[') => self.nested(byte == b'{'),
            byte if scalar(byte) => {
                let rest = &self.text[self.at..];
                self.at += rest.iter().position(|byte| !scalar(*byte)).unwrap_or(rest.len());
                Some(())
            }
            _ => None,
        }
    }

    /// To the end of a list or an object whose first byte is behind us. However deep it is: a bit is
    /// kept for each that is open.
    fn nested(&mut self, object: bool) -> Option<()> {
        let mut outer = Open::default();
        let mut within_object = object;
        loop {
            match self.byte()? {
                b'"' => self.string()?,
                byte @ (b'{' | b'[') => {
                    outer.push(within_object);
                    within_object = byte == b'{';
                }
                byte @ (b'}' | b']') => {
                    if within_object != (byte == b'}') {
                        return None;
                    }
                    match outer.pop() {
                        Some(object) => within_object = object,
                        None => return Some(()),
                    }
                }
                _ => {}
            }
        }
    }

    /// To the end of a string whose first quote is behind us.
    fn string(&mut self) -> Option<()> {
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            let quote = self.text[self.at + found] == b'"';
            self.at += found + if quote { 1 } else { 2 };
            if quote {
                return Some(());
            }
        }
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().position(|byte| !space(byte)).unwrap_or(rest.len());
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
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

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, NoObject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let member = self.member();
        self.over = !matches!(member, Some(Some(_)));
        member.ok_or(NoObject).transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn all(text: &[u8]) -> Result<Vec<(String, Value)>, NoObject> {
        let read = |member: Result<Member<'_>, NoObject>| {
            let (name, place) = member?;
            let value = serde_json::from_slice(&text[place]).map_err(|_| NoObject)?;
            Ok((name.into_owned(), value))
        };
        Members::of(text).map(read).collect()
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
        assert_eq!(Members::of(deep(&format!("1{}", "}]".repeat(500))).as_bytes()).count(), 1);
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
            assert!(Members::of(text.as_bytes()).any(|member| member.is_err()), "{text}");
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
