//! Lines about what belongs to no start and no stop: logins, settings, schedules, usage, keys.

use events::Event;
use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use jiff::Timestamp;

use super::line::{next_command, told};
use crate::output::{DIM, PLAIN, WARN};
use crate::words;

/// The person is told that it is about to stop.
pub(super) fn notice(
    idle_since: Timestamp,
    stop_at: Timestamp,
    at: Timestamp,
    user: &str,
) -> Vec<String> {
    let idle = words::about(at.duration_since(idle_since));
    let left = words::about(stop_at.duration_since(at));
    let words = format!("idle for {idle}, stops in {left}");
    vec![told(WARN, "!", &words), next_command(&format!("teamclaw snooze {user}"))]
}

/// Everything else that can be said in one line; nothing for what is said elsewhere.
pub(super) fn lines(event: &Event, at: Timestamp) -> Vec<String> {
    let until = |later: &Timestamp| words::about(later.duration_since(at));
    let (style, sign, words) = match event {
        Event::Invited { team } => (PLAIN, "•", format!("invited, team {team}")),
        Event::LoggedIn { team } => (PLAIN, "•", format!("logged in, team {team}")),
        Event::SettingsChanged { idle_timeout: Some(time), .. } => {
            (PLAIN, "•", format!("may be left alone for {}", words::about(*time)))
        }
        Event::SettingsChanged { idle_timeout: None, .. } => {
            (PLAIN, "•", "may be left alone for as long as the default says".to_owned())
        }
        Event::Busy { looks, what, .. } => {
            let times = if *looks > 1 { format!(" ({looks} in a row)") } else { String::new() };
            (DIM, "·", format!("is busy{times}: {}", words::plain(what)))
        }
        Event::Snoozed { until: later, .. } => {
            (PLAIN, "•", format!("snoozed: no idle stop for {}", until(later)))
        }
        Event::WakePlanned { at: Some(due), .. } => {
            (DIM, "·", format!("its next scheduled work is due in {}", until(due)))
        }
        Event::WakePlanned { at: None, .. } => (DIM, "·", "nothing is scheduled".to_owned()),
        Event::UsageRecorded(usage) => (PLAIN, "$", used(usage)),
        Event::KeyAdded { provider, key } => (PLAIN, "•", pool(&key.0, provider, "joined")),
        Event::KeyRemoved { provider, key } => (PLAIN, "•", pool(&key.0, provider, "left")),
        Event::StartRequested { .. }
        | Event::StopRequested { .. }
        | Event::ReplayRequested { .. }
        | Event::StepDone { .. }
        | Event::StepRetried { .. }
        | Event::StepDeferred(_)
        | Event::StepRefused { .. }
        | Event::StepUndone { .. }
        | Event::StepSkipped { .. }
        | Event::PurgeRequested { .. }
        | Event::Purged { .. }
        | Event::Parked { .. }
        | Event::Quiesced { .. }
        | Event::TaskChanged { .. }
        | Event::Ready { .. }
        | Event::Failed { .. }
        | Event::Stopped { .. }
        | Event::Active { .. }
        | Event::NoticeGiven { .. }
        // Of a pool and no workspace: told in a timeline of its own.
        | Event::RotationRequested { .. }
        | Event::RotationReplayRequested { .. }
        | Event::RotationStepDone { .. }
        | Event::RotationStepRetried { .. }
        | Event::RotationStepRefused { .. }
        | Event::RotationStepUndone { .. }
        | Event::Rotated { .. }
        | Event::RotationRefused { .. } => return Vec::new(),
    };
    vec![told(style, sign, &words)]
}

fn pool(key: &str, provider: &str, verb: &str) -> String {
    format!("key {} of {} {verb} the pool", words::plain(key), words::plain(provider))
}

fn used(usage: &UsageRecord) -> String {
    let (provider, model) = (words::plain(&usage.provider), words::plain(&usage.model));
    let (input, output) = (words::count(usage.tokens.input()), words::count(usage.tokens.output));
    let cost = match &usage.cost {
        Cost::Known { pico_dollars, .. } => {
            format!("${}", words::dollars(i128::from(*pico_dollars)))
        }
        Cost::Unknown { why } => format!("cost unknown ({})", words::plain(why)),
    };
    let ended = match usage.completion {
        Completion::Complete => "",
        Completion::Aborted => ", broken off",
        Completion::Failed => ", failed",
    };
    format!("{provider}/{model}: {input} tokens in, {output} out, {cost}{ended}")
}
