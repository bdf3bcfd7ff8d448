//! OAuth tokens in the key pool's text: read whoever wrote them, and renewed in their place. Pure.
//!
//! The original's fields are `token` or `accessToken`, `refreshToken` and `expiresAt`; other
//! programs write `access`, `refresh` and `expires`. Their programs disagree about the unit of the
//! end: one compares it with milliseconds, another multiplies it by a thousand first, a third
//! writes ISO 8601. Here, and only here, each of them becomes a [`Timestamp`]; what is written is
//! milliseconds, which is what compared with them.
//!
//! `lineage` is ours: the fingerprint of the first token of a sign-in, by which the key is known
//! through all its renewals. Whoever signs in anew replaces the whole object, and with it that.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Grant, PoolKey, Renewed};
use crate::token::key_print;
use crate::{KeyPrint, Secret};

/// Under which names a token stands, the one that wins first.
const TOKEN: [&str; 3] = ["token", "accessToken", "access"];
const REFRESH: [&str; 2] = ["refreshToken", "refresh"];
const ENDS: [&str; 2] = ["expiresAt", "expires"];
const LINEAGE: &str = "lineage";
/// Numbers below are seconds (until the year 5138), others milliseconds (since 1973).
const SECONDS_MAX: i64 = 100_000_000_000;

/// The key that an object holds, if it holds a token.
pub(super) fn read(object: &Map<String, Value>) -> Option<PoolKey> {
    let key = PoolKey::new(Secret::new(text(object, &TOKEN)?));
    let lineage = object.get(LINEAGE).and_then(Value::as_str);
    let print = lineage.map_or_else(|| key.print.clone(), |print| KeyPrint(print.to_owned()));
    let grant = Grant {
        ends: value(object, &ENDS).and_then(ends),
        refresh: text(object, &REFRESH).map(Secret::new),
    };
    Some(PoolKey { print, grant: Some(grant), ..key })
}

/// What is wrong with an object that should hold a token.
pub(super) fn check(object: &Map<String, Value>) -> Result<(), &'static str> {
    if text(object, &TOKEN).is_none() {
        return Err("there is no text in \"token\" or \"accessToken\"");
    }
    if value(object, &ENDS).is_some_and(|value| ends(value).is_none()) {
        return Err("\"expiresAt\" is neither seconds nor milliseconds since 1970, nor ISO 8601");
    }
    if object.get(LINEAGE).is_some_and(|lineage| !lineage.is_string()) {
        return Err("\"lineage\" is not a fingerprint");
    }
    Ok(())
}

/// Whether the object's refresh token has this fingerprint.
pub(super) fn holds(object: &Map<String, Value>, refresh: &KeyPrint) -> bool {
    text(object, &REFRESH).is_some_and(|text| key_print(&Secret::new(text)) == *refresh)
}

/// Puts the renewed token in the place of the one that is there, under the names that it has there.
pub(super) fn renew(object: &mut Map<String, Value>, to: &Renewed) {
    if let Some(before) = read(object) {
        object.insert(LINEAGE.to_owned(), json!(before.print.0));
    }
    put(object, &TOKEN, Some(json!(to.token.expose())));
    put(object, &REFRESH, to.grant.refresh.as_ref().map(|refresh| json!(refresh.expose())));
    put(object, &ENDS, to.grant.ends.map(|ends| json!(ends.as_millisecond())));
}

fn put(object: &mut Map<String, Value>, names: &[&str], fresh: Option<Value>) {
    let name = names.iter().find(|name| object.contains_key(**name)).unwrap_or(&names[0]);
    match fresh {
        Some(fresh) => object.insert((*name).to_owned(), fresh),
        None => object.remove(*name),
    };
}

fn value<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name)).filter(|value| !value.is_null())
}

fn text<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| object.get(*name)?.as_str()).filter(|text| !text.is_empty())
}

/// The moment, whatever unit it was written in; `None` when it is no moment.
fn ends(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    match number {
        Some(seconds) if (0..SECONDS_MAX).contains(&seconds) => {
            Timestamp::from_second(seconds).ok()
        }
        Some(milliseconds) => {
            Timestamp::from_millisecond(milliseconds).ok().filter(|_| milliseconds > 0)
        }
        None => value.as_str()?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("{value}") };
        object
    }

    #[test]
    fn an_end_is_read_in_every_unit_in_which_programs_write_it() {
        let at: Timestamp = "2026-11-26T00:00:00Z".parse().expect("a time");
        for written in [
            json!(1_795_651_200),
            json!(1_795_651_200_000_i64),
            json!("1795651200"),
            json!("1795651200000"),
            json!("2026-11-26T00:00:00Z"),
            json!("2026-11-26T01:00:00+01:00"),
            json!(" 2026-11-26T00:00:00.000Z "),
        ] {
            assert_eq!(ends(&written), Some(at), "{written}");
        }
        for odd in [json!(true), json!("soon"), json!(-1), json!(1e30), json!([1]), json!("")] {
            assert_eq!(ends(&odd), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn one_moment_is_one_moment_in_every_unit(second in 100_000_000_i64..10_000_000_000) {
            let at = Timestamp::from_second(second).expect("a time");
            let all = [json!(second), json!(second * 1000), json!(at.to_string())];
            for written in all {
                prop_assert_eq!(ends(&written), Some(at));
            }
        }
    }

    #[test]
    fn a_token_is_renewed_in_its_place_and_keeps_its_fingerprint() {
        let mut held = object(json!({"authType": "oauthToken", "accessToken": "t1",
            "refreshToken": "r1", "expiresAt": 1_795_651_200, "note": "kept"}));
        let first = read(&held).expect("a token");
        for n in 2..4 {
            let grant = Grant {
                ends: Some(Timestamp::from_second(1_795_651_200 + n).expect("a time")),
                refresh: Some(Secret::new(format!("r{n}"))),
            };
            renew(&mut held, &Renewed { token: Secret::new(format!("t{n}")), grant });
            let key = read(&held).expect("a token");
            assert_eq!(key.print, first.print, "it is the same key");
            assert_eq!(key.secret.expose(), format!("t{n}"));
        }
        let want = json!({"authType": "oauthToken", "accessToken": "t3", "refreshToken": "r3",
            "expiresAt": 1_795_651_203_000_i64, "note": "kept", "lineage": first.print.0});
        assert_eq!(Value::Object(held), want);
    }

    #[test]
    fn the_original_lets_token_win_over_access_token() {
        let held = object(json!({"token": "a", "accessToken": "b"}));
        assert_eq!(read(&held).expect("a token").secret.expose(), "a");
        assert!(read(&object(json!({"refreshToken": "r"}))).is_none());
    }
}
