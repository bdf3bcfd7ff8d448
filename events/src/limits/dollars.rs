//! An amount of US dollars as a person writes it: decimal, exact, more than nothing.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::price::PICO_PER_DOLLAR;

/// How many digits a pico-dollar has behind the point.
const DECIMALS: usize = 12;

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "it is not an amount of dollars: write decimal dollars as text, such as \"20\" or \"0.50\", \
     more than nothing and at most 18 million"
)]
pub struct BadDollars;

/// So many US dollars, in whole pico-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars(NonZeroU64);

impl Dollars {
    /// In pico-dollars.
    pub fn pico(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Dollars {
    type Err = BadDollars;

    fn from_str(text: &str) -> Result<Self, BadDollars> {
        let (whole, part) = match text.split_once('.') {
            Some((whole, part)) if !part.is_empty() => (whole, part),
            Some(_) => return Err(BadDollars),
            None => (text, ""),
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || part.len() > DECIMALS || !digits(whole) || !digits(part) {
            return Err(BadDollars);
        }
        let whole: u64 = whole.parse().map_err(|_| BadDollars)?;
        let part: u64 = format!("{part:0<DECIMALS$}").parse().map_err(|_| BadDollars)?;
        let pico = whole.checked_mul(PICO_PER_DOLLAR).and_then(|pico| pico.checked_add(part));
        pico.and_then(NonZeroU64::new).map(Self).ok_or(BadDollars)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.pico() / PICO_PER_DOLLAR, self.pico() % PICO_PER_DOLLAR);
        let part = format!("{part:0DECIMALS$}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            part => write!(f, "{whole}.{part}"),
        }
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    /// From text, or from a whole number. Never from a fraction: 0.1 is none in binary.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Dollars;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("decimal dollars as text, such as \"20\" or \"0.50\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Dollars, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, whole: u64) -> Result<Dollars, E> {
                whole.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, whole: i64) -> Result<Dollars, E> {
                whole.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text)
    }
}
