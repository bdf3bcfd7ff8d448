//! What goes wrong, and how often: hazards that are switched on and off for each seed (swarm
//! testing), each with a chance of its own. It only says yes or no and counts; what a hazard does
//! stands where it strikes.

/// One way in which the outside goes wrong. The numbers of the faults are those of the threat
/// model's table (F1 to F44).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// F1: a message is delivered, and stays to be delivered again.
    DoubledMessage,
    /// F2: an arbitrary message comes first.
    ReorderedMessage,
    /// A message becomes visible late.
    DelayedMessage,
    /// A message that was sent is lost: SQS does not do it, a process that dies does.
    LostMessage,
    /// F3: an entry of a batch fails while others are sent.
    PartialBatch,
    /// F4: somebody sends what is not a nudge.
    PoisonMessage,
    /// F5, F9: a call takes seconds, sometimes longer than an effect or a visibility may.
    SlowCall,
    /// A call fails before it acts.
    Unavailable,
    /// F6: a call acts and its answer is lost.
    LostAnswer,
    /// F9: a call is throttled.
    Throttled,
    /// F11: an append meets a conflict that nobody made.
    FalseConflict,
    /// F10: a search tells of a workspace as it was a few events ago.
    StaleRead,
    /// F10: a task that was just started is missed.
    MissedTask,
    /// F12: a timer fires twice.
    DoubledTimer,
    /// F12: a timer fires late.
    LateTimer,
    /// F13: a change of a task is never told.
    LostChange,
    /// A change of a task is told twice, the second time late.
    DoubledChange,
    /// F14: the clocks of the processes differ.
    SkewedClock,
    /// F15: a clock jumps.
    ClockJump,
    /// F16: there is no room for a task.
    NoCapacity,
    /// F17: a task needs long until it listens.
    SlowTask,
    /// F17: a task never listens.
    SilentTask,
    /// F19: a task ends before it listens.
    TaskDiesStarting,
    /// A task ends just after it was ready.
    TaskDiesReady,
    /// F18: a home cannot be mounted.
    HomeFails,
    /// An agent does not answer questions.
    DeafAgent,
    /// An agent says that it is busy.
    BusyAgent,
    /// An address is given to another task soon after it was free.
    ReusedAddress,
    /// F5: a process is killed at one of its waits.
    Crash,
    /// A usage batch is counted and its answer lost, or it comes twice.
    DoubledUsage,
    /// The sweeper's and the idle check's process is away for long.
    AbsentSweeper,
    /// On AWS: the functions are replaced by ones with another template of tasks.
    Deploy,
    /// On AWS: no change of any task is told for an hour.
    DeafHour,
    /// On AWS: a task's first change is told long after its others.
    LateChange,
    /// On AWS: a function dies after it has handled a batch, and all of it comes again.
    RedeliveredBatch,
    /// On AWS: a search by an index finds nothing of a workspace that is there.
    MissedRow,
    /// On AWS: the launch rate is so low that people stand in line.
    NarrowLine,
}

/// Every hazard, in the order of the enum.
pub const HAZARDS: [Hazard; 37] = [
    Hazard::DoubledMessage,
    Hazard::ReorderedMessage,
    Hazard::DelayedMessage,
    Hazard::LostMessage,
    Hazard::PartialBatch,
    Hazard::PoisonMessage,
    Hazard::SlowCall,
    Hazard::Unavailable,
    Hazard::LostAnswer,
    Hazard::Throttled,
    Hazard::FalseConflict,
    Hazard::StaleRead,
    Hazard::MissedTask,
    Hazard::DoubledTimer,
    Hazard::LateTimer,
    Hazard::LostChange,
    Hazard::DoubledChange,
    Hazard::SkewedClock,
    Hazard::ClockJump,
    Hazard::NoCapacity,
    Hazard::SlowTask,
    Hazard::SilentTask,
    Hazard::TaskDiesStarting,
    Hazard::TaskDiesReady,
    Hazard::HomeFails,
    Hazard::DeafAgent,
    Hazard::BusyAgent,
    Hazard::ReusedAddress,
    Hazard::Crash,
    Hazard::DoubledUsage,
    Hazard::AbsentSweeper,
    Hazard::Deploy,
    Hazard::DeafHour,
    Hazard::LateChange,
    Hazard::RedeliveredBatch,
    Hazard::MissedRow,
    Hazard::NarrowLine,
];

/// So many of them there are everywhere; the others are AWS's own.
const EVERYWHERE: usize = 31;

/// The chance that a hazard strikes at one opportunity when it is on, in ten-thousandths. High
/// where an opportunity is rare, low where every call is one.
fn usual(hazard: Hazard) -> u32 {
    match hazard {
        Hazard::Unavailable | Hazard::LostAnswer => 150,
        Hazard::Throttled | Hazard::FalseConflict | Hazard::SlowCall => 200,
        Hazard::Crash => 30,
        Hazard::DoubledMessage => 500,
        Hazard::DelayedMessage => 1_500,
        Hazard::ReorderedMessage | Hazard::StaleRead => 1_500,
        Hazard::LostMessage | Hazard::PartialBatch => 300,
        Hazard::PoisonMessage => 100,
        Hazard::MissedTask | Hazard::DoubledTimer | Hazard::LateTimer => 2_000,
        Hazard::LostChange | Hazard::DoubledChange => 3_000,
        Hazard::SkewedClock | Hazard::ClockJump => 5_000,
        Hazard::NoCapacity | Hazard::SilentTask => 800,
        Hazard::SlowTask | Hazard::ReusedAddress => 3_000,
        Hazard::TaskDiesStarting | Hazard::TaskDiesReady | Hazard::HomeFails => 1_000,
        Hazard::DeafAgent | Hazard::BusyAgent | Hazard::DoubledUsage => 2_000,
        Hazard::AbsentSweeper | Hazard::LateChange | Hazard::NarrowLine => 3_000,
        Hazard::Deploy | Hazard::DeafHour | Hazard::MissedRow => 1_000,
        Hazard::RedeliveredBatch => 300,
    }
}

/// Whether a seed has a hazard, and how often it strikes.
fn drawn(hazard: Hazard, rng: &mut fastrand::Rng) -> u32 {
    match rng.u32(0..6) {
        0 => usual(hazard) / 4,
        1 => usual(hazard),
        2 => (usual(hazard) * 3).min(WHOLE),
        _ => 0,
    }
}

/// One in so many ten-thousandths.
const WHOLE: u32 = 10_000;

/// The dice and how they are loaded.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    rng: Option<fastrand::Rng>,
    chances: Vec<u32>,
    struck: Vec<u64>,
    calm: bool,
}

impl Weather {
    /// Nothing goes wrong.
    pub fn calm() -> Self {
        Self::default()
    }

    /// Only one thing goes wrong, with this chance, in ten-thousandths.
    pub fn only(hazard: Hazard, chance: u32) -> Self {
        Self { rng: Some(fastrand::Rng::with_seed(0)), ..Self::default() }.with(hazard, chance)
    }

    /// The weather of a seed: each hazard is on for about half of all seeds, now rare, now usual,
    /// now three times as frequent.
    pub fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x7ea3_c1a3_0bad_d1ce);
        let mut chances: Vec<u32> =
            HAZARDS[..EVERYWHERE].iter().map(|hazard| drawn(*hazard, &mut rng)).collect();
        chances.resize(HAZARDS.len(), 0);
        let struck = vec![0; HAZARDS.len()];
        Self { rng: Some(rng), chances, struck, calm: false }
    }

    /// The weather of a seed on AWS: what there is everywhere, and what AWS has of its own.
    pub fn on_aws(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xa350_0e55_2e1e_c7ed);
        let own = &HAZARDS[EVERYWHERE..];
        own.iter()
            .fold(Self::of(seed), |weather, hazard| weather.with(*hazard, drawn(*hazard, &mut rng)))
    }

    /// The same with one hazard at this chance, in ten-thousandths.
    #[must_use]
    pub fn with(mut self, hazard: Hazard, chance: u32) -> Self {
        self.chances.resize(HAZARDS.len(), 0);
        self.struck.resize(HAZARDS.len(), 0);
        self.chances[hazard as usize] = chance;
        self
    }

    /// From now on nothing goes wrong any more.
    pub fn clear_up(&mut self) {
        self.calm = true;
    }

    /// Whether things go wrong at all.
    pub fn is_calm(&self) -> bool {
        self.calm || self.rng.is_none()
    }

    /// How likely a hazard is, in ten-thousandths, even when the weather has cleared up.
    pub fn chance(&self, hazard: Hazard) -> u32 {
        self.chances.get(hazard as usize).copied().unwrap_or(0)
    }

    /// Whether the hazard strikes at this opportunity. Counts those that do.
    pub fn strikes(&mut self, hazard: Hazard) -> bool {
        let chance = self.chance(hazard);
        if self.calm || chance == 0 {
            return false;
        }
        let Some(rng) = &mut self.rng else { return false };
        let strikes = rng.u32(0..WHOLE) < chance;
        self.struck[hazard as usize] += u64::from(strikes);
        strikes
    }

    /// A number from `low` to below `high`; `low` when nothing is left to chance.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        match &mut self.rng {
            Some(rng) if low < high => rng.i64(low..high),
            Some(_) | None => low,
        }
    }

    /// How often each hazard struck.
    pub fn struck(&self) -> impl Iterator<Item = (Hazard, u64)> + '_ {
        HAZARDS.into_iter().zip(self.struck.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// How often anything struck.
    pub fn faults(&self) -> u64 {
        self.struck.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hazard_stands_at_its_own_place() {
        for (place, hazard) in HAZARDS.into_iter().enumerate() {
            assert_eq!(hazard as usize, place);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_weather_and_every_hazard_has_its_day() {
        let draw = |seed| {
            let mut weather = Weather::on_aws(seed);
            (0..200).map(|n| weather.strikes(HAZARDS[n % HAZARDS.len()])).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for hazard in HAZARDS {
            let (on, off) =
                (0..100).partition::<Vec<u64>, _>(|seed| Weather::on_aws(*seed).chance(hazard) > 0);
            assert!(on.len() > 20 && off.len() > 20, "{hazard:?}");
        }
    }

    #[test]
    fn what_aws_has_of_its_own_changes_nothing_of_a_seed_elsewhere() {
        for seed in 0..100 {
            let (here, there) = (Weather::of(seed), Weather::on_aws(seed));
            for hazard in &HAZARDS[..EVERYWHERE] {
                assert_eq!(here.chance(*hazard), there.chance(*hazard), "seed {seed}: {hazard:?}");
            }
            assert!(HAZARDS[EVERYWHERE..].iter().all(|hazard| here.chance(*hazard) == 0));
        }
    }

    #[test]
    fn nothing_strikes_when_it_is_calm() {
        let mut weather = Weather::of(1);
        weather.clear_up();
        assert!(HAZARDS.into_iter().all(|hazard| !weather.strikes(hazard)));
        assert_eq!(weather.faults(), 0);
    }
}
