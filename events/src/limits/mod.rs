//! Who may ask for which models, how often, and for how much: what an administrator sets, which of
//! several settings counts, and the arithmetic of what was used. Knows no clock and no provider.
//!
//! What a request uses is known at its end. So a limit on tokens or dollars is passed by what is
//! under way when it is reached, and by no more; nothing is estimated beforehand.

mod book;
mod dollars;
mod pattern;
mod spent;

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

pub use book::LimitsBook;
pub use dollars::{BadDollars, Dollars};
pub use pattern::{BadPattern, ModelPattern};
pub use spent::{Bound, Exceeded, Spent, Used, day_start, month_start};

/// What a workspace may ask for. What is `None` is not limited.
///
/// An unknown name is an error and never ignored: a limit that is not understood would not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The models that may be asked for; all when there is none in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_allowed: Option<Vec<ModelPattern>>,
    /// The models that may not, whatever else is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_denied: Option<Vec<ModelPattern>>,
    /// Requests in a minute, those that nothing is billed for included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests under way at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_at_once: Option<NonZeroU32>,
    /// Input and output tokens in a minute, the caches included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// The same in a day of UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<NonZeroU64>,
    /// What a day of UTC may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dollars_per_day: Option<Dollars>,
    /// What a month of UTC may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dollars_per_month: Option<Dollars>,
    /// What becomes of a request for a model without a price while dollars are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpriced_models: Option<UnpricedModels>,
}

/// What becomes of a request for a model without a price while dollars are limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnpricedModels {
    /// It is refused: what nobody can price cannot be kept within a limit.
    #[default]
    Refuse,
    /// It goes on, and counts as no dollars; the ledger shows it as unpriced.
    Allow,
}

/// Why a model may not be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed<'a> {
    /// This pattern denies it.
    Denied(&'a ModelPattern),
    /// None of these allows it.
    NotListed(&'a [ModelPattern]),
}

impl Limits {
    /// These, and for each field that is not set here the other's.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let patterns = |mine: &Option<Vec<ModelPattern>>, others: &Option<Vec<ModelPattern>>| {
            mine.as_ref().or(others.as_ref()).cloned()
        };
        Self {
            models_allowed: patterns(&self.models_allowed, &other.models_allowed),
            models_denied: patterns(&self.models_denied, &other.models_denied),
            requests_per_minute: self.requests_per_minute.or(other.requests_per_minute),
            requests_at_once: self.requests_at_once.or(other.requests_at_once),
            tokens_per_minute: self.tokens_per_minute.or(other.tokens_per_minute),
            tokens_per_day: self.tokens_per_day.or(other.tokens_per_day),
            dollars_per_day: self.dollars_per_day.or(other.dollars_per_day),
            dollars_per_month: self.dollars_per_month.or(other.dollars_per_month),
            unpriced_models: self.unpriced_models.or(other.unpriced_models),
        }
    }

    /// Whether any model is kept out.
    pub fn lists_models(&self) -> bool {
        let lists = [&self.models_allowed, &self.models_denied];
        lists.into_iter().flatten().any(|list| !list.is_empty())
    }

    /// Whether dollars are limited.
    pub fn limits_dollars(&self) -> bool {
        self.dollars_per_day.is_some() || self.dollars_per_month.is_some()
    }

    /// Whether what was used before this process began matters.
    pub fn reaches_back(&self) -> bool {
        self.limits_dollars() || self.tokens_per_day.is_some()
    }

    /// Whether a model may be asked for, by the name that the client gives it.
    ///
    /// # Errors
    /// [`NotAllowed`]: a pattern denies it, or there is a list and it is not on it.
    pub fn allows(&self, provider: &str, model: &str) -> Result<(), NotAllowed<'_>> {
        let matching = |list: &&ModelPattern| list.matches(provider, model);
        if let Some(pattern) = self.models_denied.iter().flatten().find(matching) {
            return Err(NotAllowed::Denied(pattern));
        }
        match self.models_allowed.as_deref() {
            None | Some([]) => Ok(()),
            Some(list) if list.iter().any(|pattern| matching(&pattern)) => Ok(()),
            Some(list) => Err(NotAllowed::NotListed(list)),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
