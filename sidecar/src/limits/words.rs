//! What a client is told when the gate stays shut: what happened, which setting it follows from,
//! and what to do.

use events::limits::{Bound, Exceeded, ModelPattern, NotAllowed};
use jiff::Timestamp;

use crate::refusal::{Kind, Refusal};

/// How many patterns of a list are shown.
const SHOWN_MAX: usize = 10;
/// How much of a model's name is shown, in characters.
const NAME_SHOWN_MAX: usize = 100;

/// The ledger cannot be asked.
pub(super) const UNKNOWN: &str = "what this workspace has used cannot be read right now, and its \
    limits reach back; try again in a moment, and tell an administrator if it stays so";

/// The request does not say which model it wants.
pub(super) const UNREADABLE: &str = "it cannot be read which model this request asks for, and \
    this workspace may not ask for every model: name one model, in its usual place, in a request \
    of at most 8 MiB";

/// A model that may not be asked for.
pub(super) fn not_allowed(provider: &str, model: &str, why: NotAllowed<'_>) -> Refusal {
    let model: String = model.chars().take(NAME_SHOWN_MAX).collect();
    let words = match why {
        NotAllowed::Denied(pattern) => format!(
            "{provider}/{model} may not be asked for by this workspace (models_denied has \
             \"{pattern}\"); choose another model, or ask an administrator"
        ),
        NotAllowed::NotListed(list) => format!(
            "{provider}/{model} may not be asked for by this workspace; models_allowed are {}; \
             choose one of them, or ask an administrator",
            shown(list)
        ),
    };
    Refusal::new(Kind::NotAllowed, words)
}

fn shown(list: &[ModelPattern]) -> String {
    let names: Vec<String> = list.iter().take(SHOWN_MAX).map(|p| format!("\"{p}\"")).collect();
    let more = list.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}

/// A model whose cost nobody can say, where dollars are limited.
pub(super) fn unpriced(why: &str, table: &str) -> Refusal {
    let words = format!(
        "{why} in the price table {table}, and this workspace's dollars are limited; choose a \
         model with a price, or ask an administrator, who may set unpriced_models = \"allow\""
    );
    Refusal::new(Kind::NotAllowed, words)
}

/// A limit that is used up.
pub(super) fn exceeded(Exceeded { bound, until }: Exceeded, now: Timestamp) -> Refusal {
    let Some(until) = until else {
        let words = format!(
            "this workspace has as many requests under way as it may ({bound}); wait for one to end"
        );
        return Refusal::new(Kind::Limited, words).after(1);
    };
    match bound {
        Bound::RequestsAtOnce(_) | Bound::RequestsPerMinute(_) | Bound::TokensPerMinute(_) => {
            let ms = until.duration_since(now).as_millis().max(1);
            let seconds = u64::try_from(ms).unwrap_or(1).div_ceil(1_000);
            let words = format!(
                "this workspace has used up its limit {bound}; there is room again in {seconds} s; \
                 ask an administrator if it has to be more"
            );
            Refusal::new(Kind::Limited, words).after(seconds)
        }
        Bound::TokensPerDay(_) | Bound::DollarsPerDay(_) | Bound::DollarsPerMonth(_) => {
            let until = until.strftime("%Y-%m-%d %H:%M UTC");
            let words = format!(
                "this workspace has used up its limit {bound}; it frees at {until}; ask an \
                 administrator to raise it if that is too late"
            );
            Refusal::new(Kind::Spent, words)
        }
    }
}
