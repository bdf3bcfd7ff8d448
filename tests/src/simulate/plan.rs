//! What a seed stands for: how many people and processes, what goes wrong, and who comes when.

use fastrand::Rng;

/// How long each simulated world lasts.
pub const DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// People of one world.
const PEOPLE_MIN: usize = 20;
const PEOPLE_MAX: usize = 200;
/// One in so many worlds has any number of people up to the most; the others have few more than the
/// least, so that many seeds can be tried.
const LARGE_EVERY: u32 = 32;
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
        let large = rng.u32(0..LARGE_EVERY) == 0;
        let most = if large { PEOPLE_MAX } else { PEOPLE_MIN + 10 };
        let people = rng.usize(PEOPLE_MIN..=most);
        let processes = rng.usize(1..=3);
        let ends_ms = DAYS * DAY_MS;
        // Everybody comes at least once; most come together, as people do.
        let rushes: Vec<i64> = (0..4).map(|_| rng.i64(0..ends_ms - DAY_MS)).collect();
        let mut visits = Vec::new();
        for number in 0..people + people / 4 {
            let person = if number < people { number } else { rng.usize(0..people) };
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
