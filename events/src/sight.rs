//! What has become of a start, judged by what a cloud shows of it: a task is shown a moment late, and
//! a start's client token is forgotten after a day. ECS is such a cloud, and so is the model of it.
//!
//! It knows no clock and asks nobody. Times are milliseconds since 1970.

/// How long a start that was asked for may be on its way or missed by the cloud: a function's time
/// limit is a minute, and ECS shows a task within seconds.
const UNSEEN_MAX_MS: i64 = 90 * 1_000;
/// How long a client token is believed: an hour less than the 24 that ECS keeps it at the most
/// (docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
const TOKEN_BELIEVED_MS: i64 = 23 * 60 * 60 * 1_000;

/// What is seen of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its task lives, or is about to end.
    Alive,
    /// Nothing lives of it, and nothing will.
    Gone,
    /// Nothing is seen, and it is too early to say.
    Unseen,
}

impl Sight {
    /// `lives` tells whether the task that is shown lives, `None` that none is shown. One that is not
    /// shown is not gone until nobody can still be starting it and the cloud would show it: an answer
    /// that was lost may have led to a task at the last asking, not only at the first.
    pub fn of(lives: Option<bool>, last_asked_ms: i64, now_ms: i64) -> Self {
        match lives {
            Some(true) => Self::Alive,
            Some(false) => Self::Gone,
            None if now_ms.saturating_sub(last_asked_ms) > UNSEEN_MAX_MS => Self::Gone,
            None => Self::Unseen,
        }
    }
}

/// Whether asking again by the client token of a start gives the task that it led to. Later it could
/// start a second one.
pub fn token_is_believed(first_asked_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(first_asked_ms) <= TOKEN_BELIEVED_MS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_task_that_is_not_shown_is_gone_only_when_it_would_be() {
        for (waited, sight) in [
            (0, Sight::Unseen),
            (UNSEEN_MAX_MS, Sight::Unseen),
            (UNSEEN_MAX_MS + 1, Sight::Gone),
            // A clock that went back is no proof.
            (-1, Sight::Unseen),
        ] {
            assert_eq!(Sight::of(None, 5, 5 + waited), sight, "{waited}");
        }
    }

    #[test]
    fn a_token_is_believed_for_less_than_the_day_that_it_is_kept() {
        assert!(token_is_believed(5, 5));
        assert!(token_is_believed(5, 5 + TOKEN_BELIEVED_MS));
        assert!(!token_is_believed(5, 5 + TOKEN_BELIEVED_MS + 1));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_believed_at_any_time(lives: bool, asked: i64, now: i64) {
            let want = if lives { Sight::Alive } else { Sight::Gone };
            prop_assert_eq!(Sight::of(Some(lives), asked, now), want);
        }

        #[test]
        fn asking_again_never_makes_a_start_gone(asked: i64, again in 0..i64::MAX, now: i64) {
            let again = asked.saturating_add(again);
            if Sight::of(None, asked, now) == Sight::Unseen {
                prop_assert_eq!(Sight::of(None, again, now), Sight::Unseen);
            }
        }
    }
}
