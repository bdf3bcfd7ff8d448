//! A rotation's events as lines for a person, one by one as they come. Pure: times are the
//! envelopes' own.

use events::{Envelope, Event, KeyPrint, KeyStep, Reason};
use jiff::{SignedDuration, Timestamp};

use super::line::{hint, step_line, told};
use crate::output::{BAD, BOLD, DIM, GOOD, WARN};
use crate::words;

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationEnd {
    /// The new keys are in force, and the old ones are used by nobody.
    Rotated,
    /// It did not work, and the old keys are in force.
    Refused(KeyStep, Reason),
    /// This step could not be taken back.
    Parked(KeyStep, Reason),
}

/// What has been told so far of one provider's rotations.
#[derive(Default)]
pub struct RotationTimeline {
    /// When the last step was over: the next one's duration counts from here.
    mark: Option<Timestamp>,
    /// What is under way, for a spinner.
    doing: String,
    end: Option<RotationEnd>,
}

impl RotationTimeline {
    /// How it ended; `None` while it is under way.
    pub fn end(&self) -> Option<&RotationEnd> {
        self.end.as_ref()
    }

    /// What is under way, in a few words.
    pub fn doing(&self) -> &str {
        &self.doing
    }

    /// Takes the next event and gives the lines that it is worth.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a rotation's list holds no other event")]
    pub fn take(&mut self, envelope: &Envelope) -> Vec<String> {
        let at = envelope.time;
        match &envelope.event {
            Event::RotationRequested { provider, rotation, new, retire, .. } => {
                (self.mark, self.end) = (Some(at), None);
                self.doing = "trying the new keys".to_owned();
                let (new, old) = (count(new.len(), "new key"), count(retire.len(), "old key"));
                vec![told(BOLD, "▶", &format!("{provider}-{rotation}: {new} for {old}"))]
            }
            Event::RotationReplayRequested { attempt, from, .. } => {
                (self.mark, self.end) = (Some(at), None);
                self.doing = from.name().to_owned();
                vec![told(BOLD, "▶", &format!("try {attempt}, from {}", from.name()))]
            }
            Event::RotationStepDone { step, keys, .. } => {
                let took = self.took(at);
                self.doing = after(*step).to_owned();
                vec![step_line(GOOD, "✓", step.name(), took, &did(*step, keys))]
            }
            Event::RotationStepRetried { step, failures, reason, undoing, .. } => {
                let back = if *undoing { ", taking it back" } else { "" };
                let words = format!("{} (try {failures}{back})", words::plain(&reason.words));
                vec![step_line(WARN, "↻", step.name(), None, &words)]
            }
            Event::RotationStepRefused { step, reason, undoing, .. } => {
                let took = self.took(at);
                "taking back what was done".clone_into(&mut self.doing);
                if *undoing {
                    self.end = Some(RotationEnd::Parked(*step, reason.clone()));
                }
                let words = words::plain(&reason.words);
                let line = step_line(BAD, "✗", step.name(), took, &words);
                std::iter::once(line).chain(hint(reason)).collect()
            }
            Event::RotationStepUndone { step, .. } => {
                let took = self.took(at);
                vec![step_line(DIM, "↩", step.name(), took, "taken back")]
            }
            Event::RotationRefused { step, reason, .. } => {
                self.end = Some(RotationEnd::Refused(*step, reason.clone()));
                vec![told(BAD, "✗", "not rotated; the old keys are in force")]
            }
            Event::Rotated { .. } => {
                self.end = Some(RotationEnd::Rotated);
                let words =
                    "rotated; nobody uses the old keys any more: revoke them at the provider";
                vec![told(GOOD, "✓", words)]
            }
            _ => Vec::new(),
        }
    }

    fn took(&mut self, at: Timestamp) -> Option<SignedDuration> {
        self.mark.replace(at).map(|mark| at.duration_since(mark))
    }
}

fn did(step: KeyStep, keys: &[KeyPrint]) -> String {
    let names = || keys.iter().map(|key| words::plain(&key.0)).collect::<Vec<_>>().join(", ");
    match (step, keys.is_empty()) {
        (KeyStep::TryKeys, true) => "the provider has no cheap question to try them by".to_owned(),
        (KeyStep::TryKeys, false) => format!("the provider takes {}", names()),
        (KeyStep::WriteVersion, true) => "the pool has them already".to_owned(),
        (KeyStep::WriteVersion, false) => format!("{} joined the pool", names()),
        (KeyStep::AwaitRefresh, _) => "every sidecar knows them".to_owned(),
        (KeyStep::RetireOld, true) => "there is no old key".to_owned(),
        (KeyStep::RetireOld, false) => format!("{} left the pool", names()),
        (KeyStep::AwaitRetired, _) => "no sidecar uses an old key any more".to_owned(),
        (KeyStep::ForgetStaged, _) => "nothing lies beside the pool".to_owned(),
    }
}

/// What is under way when a step is done.
fn after(step: KeyStep) -> &'static str {
    match step {
        KeyStep::TryKeys => "writing them into the pool",
        KeyStep::WriteVersion => "waiting until every sidecar knows them",
        KeyStep::AwaitRefresh => "retiring the old keys",
        KeyStep::RetireOld => "waiting until no sidecar uses an old key",
        KeyStep::AwaitRetired | KeyStep::ForgetStaged => "finishing",
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use events::rotation::{Number, RequestedBy};
    use events::{Attempt, EventId, ReasonClass, Stamp};
    use expect_test::expect;

    use super::*;

    fn told(events: Vec<Event>) -> String {
        let mut timeline = RotationTimeline::default();
        let mut lines = Vec::new();
        for (second, event) in (0..).zip(events) {
            let time = Timestamp::from_second(1_790_000_000 + second).expect("in range");
            let stamp = Stamp { id: EventId(uuid::Uuid::nil()), time, cause: None };
            lines.extend(timeline.take(&Envelope::new("/tests", None, stamp, event)));
        }
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    fn print(text: &str) -> KeyPrint {
        KeyPrint(text.to_owned())
    }

    #[test]
    fn a_refused_rotation_says_which_key_why_and_what_is_in_force() {
        let provider: events::ProviderId = "anthropic".parse().expect("an id");
        let (rotation, attempt, step) = (Number(3), Attempt(1), KeyStep::TryKeys);
        let reason = Reason::new(ReasonClass::KeyRefused, "anthropic does not take key 0123 (401)")
            .with_hint("mend the key");
        let events = vec![
            Event::RotationRequested {
                provider: provider.clone(),
                rotation,
                requested_by: RequestedBy::Command,
                new: vec![print("0123456789ab")],
                retire: vec![print("aaaaaaaaaaaa"), print("bbbbbbbbbbbb")],
            },
            Event::RotationStepRefused {
                provider: provider.clone(),
                rotation,
                attempt,
                step,
                undoing: false,
                reason: reason.clone(),
            },
            Event::RotationRefused { provider, rotation, attempt, step, reason },
        ];
        expect![[r#"
            ▶ anthropic-3: 1 new key for 2 old keys
              ✗ try_keys           1.00 s  anthropic does not take key 0123 (401)
                → mend the key
            ✗ not rotated; the old keys are in force"#]]
        .assert_eq(&told(events));
    }
}
