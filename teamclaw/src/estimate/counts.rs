//! How often everything happens in a month. The bounds and intervals are the code's own.

use events::Policy;
use jiff::SignedDuration;
use producers::activity::WRITE_EVERY;

use super::journey::journey;
use super::{HOURS_A_MONTH, Mode, Wish};

/// How many people one account and region holds: IAM's 5,000 roles and EC2's 5,000 network
/// interfaces, with room for everything else (DESIGN: cells).
pub const PEOPLE_A_CELL: u32 = 4_000;

/// A task is paid for from the pull of its image on; OpenClaw answers about a minute later.
const BOOT_HOURS: f64 = 1.0 / 60.0;
/// In always-on, agents start anew for a release: once a month.
const RELEASES: f64 = 1.0;

/// Everything that is counted, a month.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Accounts with their own stacks.
    pub cells: f64,
    /// Hours of use.
    pub used: f64,
    /// Hours in which a task runs.
    pub awake: f64,
    /// How `awake` comes about.
    pub awake_formula: String,
    /// Starts.
    pub starts: f64,
    /// Messages about workspaces.
    pub nudges: f64,
    /// Facts of starts and stops.
    pub facts: f64,
    /// Facts of people who are there.
    pub activities: f64,
    /// How `activities` comes about.
    pub activities_formula: String,
    /// Model calls.
    pub calls: f64,
}

impl Counts {
    /// Counts what a wish means in a mode.
    pub fn of(wish: &Wish, mode: Mode) -> Self {
        let users = f64::from(wish.users);
        let used = users * wish.hours * wish.days;
        let (awake, starts, awake_formula) = match mode {
            Mode::IdleStop => {
                let day = awake_a_day(wish);
                let formula = format!(
                    "people × days × ({} h of use + {} starts × ({} idle + 1 min boot), at most 24 h)",
                    wish.hours,
                    wish.starts,
                    idle_words(),
                );
                (users * wish.days * day, users * wish.days * wish.starts, formula)
            }
            Mode::AlwaysOn => {
                let formula = format!("people × {HOURS_A_MONTH} h");
                (users * HOURS_A_MONTH, users * RELEASES, formula)
            }
        };
        let calls = used * wish.calls;
        let counted = journey();
        let often = per_hour(WRITE_EVERY);
        let active = wish.calls.min(often);
        Self {
            cells: f64::from(wish.users.div_ceil(PEOPLE_A_CELL).max(1)),
            used,
            awake,
            awake_formula,
            starts,
            nudges: starts * counted.messages,
            facts: starts * counted.facts,
            activities: used * active,
            activities_formula: format!(
                "hours of use × {active} (an activity each call, at most {often} an hour)"
            ),
            calls,
        }
    }
}

fn awake_a_day(wish: &Wish) -> f64 {
    let idle = Policy::default().idle_default.as_secs_f64() / 3_600.0;
    (wish.hours + wish.starts * (idle + BOOT_HOURS)).min(24.0)
}

fn idle_words() -> String {
    crate::words::about(Policy::default().idle_default)
}

/// How often in an hour something happens that happens once in this time.
pub(super) fn per_hour(every: SignedDuration) -> f64 {
    3_600.0 / every.as_secs_f64()
}
