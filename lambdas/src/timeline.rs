//! What has become of the newest start, step by step, for a page that is looked at now and then. Pure.

use events::{Envelope, Event, Gen, Reason, Step, Version};
use jiff::Timestamp;
use serde::Serialize;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It is done.
    Done,
    /// It did not work this time.
    Retried,
    /// It can never work.
    Refused,
    /// What it made is gone again.
    Undone,
    /// A human went on past it.
    Skipped,
    /// It waits for a human.
    Parked,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Which step.
    pub step: Step,
    /// What became of it.
    pub became: Became,
    /// When.
    pub at: Timestamp,
    /// How many milliseconds after what was told before it, in this generation.
    pub after_ms: u64,
    /// Why, where it did not go well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The lines of one generation, as they were recorded.
pub fn timeline(facts: &[(Version, Envelope)], generation: Gen) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut before: Option<Timestamp> = None;
    for (_, fact) in facts {
        if let Event::StartRequested { generation: started, .. } = &fact.event {
            if *started == generation {
                before = Some(fact.time);
            }
            continue;
        }
        let Some((step, became, reason)) = told(&fact.event, generation) else { continue };
        let at = fact.time;
        let passed = before.map_or(0, |before| at.duration_since(before).as_millis());
        let after_ms = u64::try_from(passed).unwrap_or(0);
        lines.push(Line { step, became, at, after_ms, reason });
        before = Some(at);
    }
    lines
}

fn told(event: &Event, wanted: Gen) -> Option<(Step, Became, Option<Reason>)> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only steps have lines")]
    let (generation, step, became, reason) = match event {
        Event::StepDone { generation, step, .. } => (generation, step, Became::Done, None),
        Event::StepRetried { generation, step, reason, .. } => {
            (generation, step, Became::Retried, Some(reason))
        }
        Event::StepRefused { generation, step, reason, .. } => {
            (generation, step, Became::Refused, Some(reason))
        }
        Event::StepUndone { generation, step, .. } => (generation, step, Became::Undone, None),
        Event::StepSkipped { generation, step, .. } => (generation, step, Became::Skipped, None),
        Event::Parked { generation, step, reason, .. } => {
            (generation, step, Became::Parked, Some(reason))
        }
        _ => return None,
    };
    (*generation == wanted).then(|| (*step, became, reason.cloned()))
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Output, ReasonClass, Stamp, StartCause};

    use super::*;

    const ATTEMPT: Attempt = Attempt(1);

    fn fact(ms: i64, event: Event) -> (Version, Envelope) {
        let time = Timestamp::from_millisecond(ms).expect("in range");
        let id = ports::Ids::event_id(&system::SystemIds::default(), time);
        let subject = Some("ann".parse().expect("a name"));
        (Version(1), Envelope::new("/test", subject, Stamp { id, time, cause: None }, event))
    }

    fn done(generation: Gen, step: Step) -> Event {
        Event::StepDone { generation, attempt: ATTEMPT, step, output: Output::Nothing }
    }

    #[test]
    fn each_step_of_the_newest_start_has_its_lines_with_how_long_it_took() {
        let (old, generation) = (Gen(1), Gen(2));
        let reason = Reason::new(ReasonClass::Unavailable, "EFS is unavailable");
        let (attempt, step, undoing) = (ATTEMPT, Step::PrepareHome, false);
        let failed = reason.clone();
        let retried =
            Event::StepRetried { generation, attempt, step, undoing, failures: 1, reason: failed };
        let cause = StartCause::Login;
        let facts = [
            fact(500, done(old, Step::ProbeReady)),
            fact(1_000, Event::StartRequested { generation, cause }),
            fact(1_200, retried),
            fact(2_000, done(generation, Step::PrepareHome)),
            fact(2_001, Event::Ready { generation, attempt }),
            fact(2_300, done(generation, Step::RegisterTask)),
        ];
        let lines = timeline(&facts, generation);
        let shown: Vec<_> = lines.iter().map(|it| (it.step, it.became, it.after_ms)).collect();
        let expected = [
            (Step::PrepareHome, Became::Retried, 200),
            (Step::PrepareHome, Became::Done, 800),
            (Step::RegisterTask, Became::Done, 300),
        ];
        assert_eq!(shown, expected);
        assert_eq!(lines[0].reason, Some(reason));
    }
}
