//! What a seed stands for: how many people and processes, what goes wrong, and who comes when.

use fastrand::Rng;

/// How long each simulated world lasts.
pub const DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// People of one world.
const PEOPLE_MIN: usize = 20;
const PEOPLE_MAX: usize = 200;
/// In one of so many worlds everybody comes, and some twice. In the others few do and the rest sleep,
/// so that many more worlds can be tried: what goes wrong with a workspace needs no crowd.
const CROWDED_EVERY: u32 = 16;
/// So many visits there are where few come.
const FEW_MIN: usize = 4;
const FEW_MAX: usize = 14;
/// How much before the end the last rush begins: so that faults stop in the midst of work.
const LAST_RUSH_MS: i64 = 10 * 60 * 1_000;

/// A world's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many people there are.
    pub people: usize,
    /// How many processes of the engine.
    pub processes: usize,
    /// When the faults stop.
    pub ends_ms: i64,
    /// Who comes, and when, in order.
    pub visits: Vec<Visit>,
}

/// Somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// When.
    pub at_ms: i64,
    /// Who.
    pub person: usize,
    /// What chance makes of the visit.
    pub seed: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people = rng.usize(PEOPLE_MIN..=PEOPLE_MAX);
        let crowded = rng.u32(0..CROWDED_EVERY) == 0;
        let few = rng.usize(FEW_MIN..=FEW_MAX);
        let count = if crowded { people + people / 4 } else { few };
        let processes = rng.usize(1..=3);
        let ends_ms = DAYS * DAY_MS;
        // Most come together, as people do.
        let rushes: Vec<i64> = (0..4).map(|_| rng.i64(0..ends_ms - DAY_MS)).collect();
        let mut visits = Vec::new();
        for number in 0..count {
            let person = if number < people && crowded { number } else { rng.usize(0..people) };
            let at_ms = match rng.u32(0..8) {
                0 => rng.i64(0..ends_ms - LAST_RUSH_MS),
                1..3 => ends_ms - LAST_RUSH_MS + rng.i64(0..LAST_RUSH_MS),
                _ => rushes[rng.usize(0..rushes.len())] + rng.i64(0..300_000),
            };
            visits.push(Visit { at_ms, person, seed: rng.u64(..) });
        }
        visits.sort();
        Self { people, processes, ends_ms, visits }
    }
}
