//! What a test wants to go wrong, and exactly when: at a call of this number, or at every call of a
//! kind.

use events::{Reason, ReasonClass};
use ports::Fault;

use super::seat::Call;

/// When something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At the call that is made after so many others.
    Call(u64),
    /// At every call of this kind, until it is [`Script::set_right`].
    Every(Call),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The call does not act.
    Fails,
    /// It acts, and its answer is lost.
    LosesAnswer,
    /// It is refused for good.
    Refuses,
    /// It makes no sense: a human must look.
    Nonsense,
}

/// Every way to go wrong.
pub const STRIKES: [Strike; 4] =
    [Strike::Fails, Strike::LosesAnswer, Strike::Refuses, Strike::Nonsense];

impl Strike {
    pub(super) fn fault(self, service: &'static str) -> Fault {
        match self {
            Self::Fails => Fault::unavailable(service, "as the script wants it"),
            Self::LosesAnswer => Fault::unavailable(service, "its answer was lost, by the script"),
            Self::Refuses => {
                let words = "refused, as the script wants it";
                Fault::Refused(Reason::new(ReasonClass::BadConfig, words))
            }
            Self::Nonsense => {
                Fault::Nonsense { service, words: "nonsense, as the script wants it".to_owned() }
            }
        }
    }
}

/// What is still to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Script {
    lines: Vec<(When, Strike)>,
    /// The call that is being made loses its answer.
    loses: bool,
}

impl Script {
    /// Adds a line.
    pub fn add(&mut self, when: When, strike: Strike) {
        self.lines.push((when, strike));
    }

    /// From now on no call goes wrong for its kind.
    pub fn set_right(&mut self) {
        self.lines.retain(|(when, _)| matches!(when, When::Call(_)));
    }

    /// What goes wrong with the call of this number before it acts, if anything does.
    pub(super) fn before(&mut self, number: u64, call: Call) -> Option<Strike> {
        let fits = |(when, _): &(When, Strike)| match when {
            When::Call(at) => *at == number,
            When::Every(kind) => *kind == call,
        };
        let place = self.lines.iter().position(fits)?;
        let (when, strike) = self.lines[place];
        if matches!(when, When::Call(_)) {
            self.lines.remove(place);
        }
        self.loses = strike == Strike::LosesAnswer;
        (!self.loses).then_some(strike)
    }

    /// Whether the call that has just acted loses its answer.
    pub(super) fn after(&mut self) -> bool {
        std::mem::take(&mut self.loses)
    }
}
