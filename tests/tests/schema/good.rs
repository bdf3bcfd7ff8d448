//! Good events, several of each kind, made with the real types so that none can be misspelled.

use events::envelope::Cause;
use events::price::Cost;
use events::rotation::{KEY_STEPS, Number, RequestedBy};
use events::usage::{Completion, Tokens};
use events::workspace::StopNotice;
use events::{
    Activity, Attempt, Deferral, Envelope, Event, EventId, Gen, KeyPrint, KeyStep, Output, Reason,
    ReasonClass, Stamp, StartCause, Step, StopReason, TaskId, TaskState, UsageRecord,
};
use jiff::{SignedDuration, Timestamp};

/// Every good event with the name of its file: the kind of event, and a number.
pub(crate) fn all() -> Vec<(String, Envelope)> {
    let mut numbered = Vec::new();
    let mut last = (String::new(), 0);
    for (index, event) in events().into_iter().enumerate() {
        let kind = event.name().trim_start_matches("teamclaw.").trim_end_matches(".v1").to_owned();
        last = if kind == last.0 { (kind, last.1 + 1) } else { (kind, 1) };
        numbered.push((format!("{}.{}", last.0, last.1), envelope(index, event)));
    }
    numbered
}

/// Envelopes differ too: some begin a story, some follow from a fact, some are about no workspace.
fn envelope(index: usize, event: Event) -> Envelope {
    let number = u128::try_from(index).expect("a small number");
    let about_keys = matches!(event, Event::KeyAdded { .. } | Event::KeyRemoved { .. })
        || events::Rotations::list_of(&event).is_some();
    let subject =
        (!about_keys).then(|| ["ann", "b", "c-3-p-o"][index % 3].parse().expect("a name"));
    let cause = (index % 2 == 1).then(|| Cause { id: id(7000 + number), correlation: id(7) });
    let stamp = Stamp { id: id(number), time: time("2026-11-22T17:25:53.123456789Z"), cause };
    let source = ["/consumers/handle", "/producers/session", "/sidecar"][index % 3];
    Envelope::new(source, subject, stamp, event)
}

/// A UUIDv7 of a fixed time.
fn id(number: u128) -> EventId {
    EventId(uuid::Uuid::from_u128(0x019a_ac00_0000_7000_8000_0000_0000_0000 + number))
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn reason(class: ReasonClass) -> Reason {
    Reason::new(class, format!("it did not work: {}", class.name()))
}

fn events() -> Vec<Event> {
    let mut all = people();
    all.extend(starts_and_stops());
    all.extend(steps());
    all.extend(trouble());
    all.extend(tasks());
    all.extend(idleness());
    all.extend(usage());
    all.extend(keys());
    // New kinds come last: the envelope of an event follows from its place.
    all.extend(invitations());
    all.extend(skips());
    all.extend(purges());
    all.extend(rotations());
    all.extend(deferrals());
    all
}

fn people() -> Vec<Event> {
    let longest = "a".repeat(36);
    let mut all: Vec<Event> = ["sales", "r-and-d", "0", &longest]
        .map(|team| Event::LoggedIn { team: team.parse().expect("a name") })
        .into();
    let lengths = [None, Some("PT5M"), Some("PT1H30M"), Some("PT24H"), Some("PT0.000000001S")];
    for (revision, text) in (1..).zip(lengths) {
        let idle_timeout = text.map(|text| text.parse::<SignedDuration>().expect("a length"));
        all.push(Event::SettingsChanged { revision, idle_timeout });
    }
    all
}

fn starts_and_stops() -> Vec<Event> {
    let mut all = Vec::new();
    for cause in [StartCause::Login, StartCause::Request, StartCause::Cron, StartCause::Admin] {
        all.push(Event::StartRequested { generation: Gen(all.len() as u64 + 1), cause });
    }
    all.push(Event::StartRequested { generation: Gen(u64::MAX), cause: StartCause::Login });
    let reasons = [
        StopReason::Idle { last_active: time("2026-11-22T16:00:00Z") },
        StopReason::Admin,
        StopReason::Person,
        StopReason::Superseded,
    ];
    let generation = Gen(3);
    all.extend(reasons.iter().cloned().map(|reason| Event::StopRequested { generation, reason }));
    all.extend(reasons.into_iter().map(|reason| Event::Stopped { generation, reason }));
    for (automatic, attempt, from) in [
        (false, Attempt(2), Step::PrepareHome),
        (true, Attempt(3), Step::GrantLease),
        (false, Attempt(u32::MAX), Step::ProbeReady),
    ] {
        all.push(Event::ReplayRequested { generation, attempt, from, automatic });
    }
    all.extend([1, 2, 9].map(|n| Event::Ready { generation: Gen(n), attempt: Attempt(1) }));
    all.extend([false, true].map(|forced| Event::Quiesced { generation, forced }));
    all
}

fn steps() -> Vec<Event> {
    let (generation, attempt) = (Gen(2), Attempt(1));
    let address = |text: &str| Output::Address { address: text.parse().expect("an address") };
    let outputs = [
        (Step::PrepareHome, Output::Home { place: "homes/ann".to_owned() }),
        (Step::PrepareHome, Output::Home { place: "fsap-0123456789abcdef0".to_owned() }),
        (Step::RegisterTask, Output::Nothing),
        (Step::GrantLease, Output::Lease { attempt: Attempt(2) }),
        (Step::RunTask, Output::Task { task: TaskId("4711".to_owned()) }),
        (Step::RunTask, Output::Task { task: TaskId("x".repeat(256)) }),
        (Step::AwaitAddress, address("127.0.0.1:1")),
        (Step::AwaitAddress, address("255.255.255.255:65535")),
        (Step::AwaitAddress, address("[::1]:18789")),
        (Step::AwaitAddress, address("[2001:db8::8a2e:370:7334]:443")),
        (Step::AwaitAddress, address("[::ffff:10.0.0.1]:80")),
        (Step::OpenRoute, Output::Nothing),
        (Step::ProbeReady, Output::Nothing),
    ];
    let done = |(step, output)| Event::StepDone { generation, attempt, step, output };
    let mut all: Vec<Event> = outputs.into_iter().map(done).collect();
    for step in [Step::GrantLease, Step::RunTask, Step::OpenRoute] {
        all.push(Event::StepUndone { generation, attempt, step });
    }
    all
}

fn trouble() -> Vec<Event> {
    let (generation, attempt, step) = (Gen(2), Attempt(1), Step::RunTask);
    let refused = |class| Event::StepRefused { generation, attempt, step, reason: reason(class) };
    // The one that a rotation brought stands with the rotations.
    let first = ReasonClass::ALL.into_iter().filter(|class| *class != ReasonClass::KeyRefused);
    let mut all: Vec<Event> = first.map(refused).collect();
    let full = Reason {
        request: Some("b7a1-\u{1f980}".to_owned()),
        ..reason(ReasonClass::Unavailable).with_hint("ask again tomorrow")
    };
    let longest = Reason::new(ReasonClass::Internal, "ü".repeat(601)).with_hint("");
    for (undoing, failures) in [(false, 1), (true, 8), (false, u32::MAX)] {
        let reason = full.clone();
        all.push(Event::StepRetried { generation, attempt, step, undoing, failures, reason });
    }
    for (undoing, reason) in [(false, full.clone()), (true, longest.clone())] {
        all.push(Event::Parked { generation, attempt, step, undoing, reason });
    }
    all.extend([full, longest].map(|reason| Event::Failed { generation, attempt, step, reason }));
    all
}

fn tasks() -> Vec<Event> {
    let listening =
        |text: &str| TaskState::Listening { address: text.parse().expect("an address") };
    let states = [
        (1, listening("127.0.0.1:18789")),
        (2, listening("[fe80::1]:65535")),
        (3, TaskState::Stopped { reason: reason(ReasonClass::AgentExited) }),
        (u64::MAX, TaskState::Stopped { reason: reason(ReasonClass::Unavailable) }),
    ];
    let (generation, attempt, task) = (Gen(2), Attempt(1), TaskId("4711".to_owned()));
    let change = |(version, state)| {
        let task = task.clone();
        Event::TaskChanged { generation, attempt, task, version, state }
    };
    states.into_iter().map(change).collect()
}

fn idleness() -> Vec<Event> {
    let generation = Gen(1);
    let active = |activity| Event::Active { generation, activity };
    let kinds =
        [Activity::UserInput, Activity::AgentTurn, Activity::ToolRunning, Activity::CronDue];
    let mut all: Vec<Event> = kinds.map(active).into();
    for (looks, what) in (1..).zip(["", "a turn is running", "2 tasks\nand a \"queue\""]) {
        all.push(Event::Busy { generation, looks, what: what.to_owned() });
    }
    let notice = StopNotice {
        idle_since: time("2026-11-22T16:00:00Z"),
        stop_at: time("2026-11-22T16:32:00.5Z"),
    };
    let StopNotice { idle_since, stop_at } = notice;
    all.push(Event::NoticeGiven { generation, idle_since, stop_at });
    all.push(Event::NoticeGiven { generation: Gen(0), idle_since: stop_at, stop_at });
    for text in ["2028-02-29T23:59:59.999999999Z", "1970-01-01T00:00:00Z"] {
        all.push(Event::Snoozed { generation, until: time(text) });
    }
    for at in [None, Some("2027-01-01T08:00:00Z"), Some("2099-12-31T23:59:59Z")] {
        all.push(Event::WakePlanned { generation, at: at.map(time) });
    }
    all
}

fn usage() -> Vec<Event> {
    let known = Cost::Known { pico_dollars: 18_000_000, table: "2026-11-22".to_owned() };
    let unknown = Cost::Unknown { why: "no price for model x of y".to_owned() };
    let tokens = Tokens {
        uncached_input: 12,
        cache_read: 34_567,
        cache_write5m: 8,
        cache_write1h: 9,
        output: 1_024,
        reasoning: 512,
    };
    let raw = serde_json::json!({"input_tokens": 12, "nested": {"any": [1, 2.5, null]}});
    let cases = [
        (known.clone(), tokens, Completion::Complete, 200, Some(raw)),
        (unknown.clone(), tokens, Completion::Aborted, 200, None),
        (unknown, Tokens::default(), Completion::Failed, 529, None),
        (known, Tokens { output: u64::MAX, ..tokens }, Completion::Complete, u16::MAX, None),
    ];
    let record = |(cost, tokens, completion, status, raw)| {
        Event::UsageRecorded(UsageRecord {
            generation: Gen(4),
            team: "sales".parse().expect("a name"),
            provider: "anthropic".to_owned(),
            model: "claude-sonnet-4-6-20260217".to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            started: time("2026-11-22T17:25:51.5Z"),
            duration_ms: 1_623,
            status,
            completion,
            tokens,
            estimated: false,
            cost,
            raw,
        })
    };
    cases.into_iter().map(record).collect()
}

fn keys() -> Vec<Event> {
    let key = |text: &str| KeyPrint(text.to_owned());
    let provider = |text: &str| text.to_owned();
    vec![
        Event::KeyAdded { provider: provider("anthropic"), key: key("0123456789ab") },
        Event::KeyAdded { provider: provider("openai"), key: key("ffffffffffff") },
        Event::KeyRemoved { provider: provider("anthropic"), key: key("000000000000") },
        Event::KeyRemoved { provider: provider("openai"), key: key("deadbeef0123") },
    ]
}

fn invitations() -> Vec<Event> {
    let teams = ["sales", "r-and-d", "0"];
    teams.map(|team| Event::Invited { team: team.parse().expect("a name") }).into()
}

fn skips() -> Vec<Event> {
    let (generation, attempt) = (Gen(2), Attempt(2));
    let skipped = |(step, undoing)| Event::StepSkipped { generation, attempt, step, undoing };
    [(Step::OpenRoute, false), (Step::RunTask, true)].map(skipped).into()
}

fn deferrals() -> Vec<Event> {
    let wait = |(generation, place)| {
        let (generation, attempt, step) = (Gen(generation), Attempt(1), Step::RunTask);
        let until = time("2026-11-22T09:02:25Z");
        Event::StepDeferred(Deferral { generation, attempt, step, until, place })
    };
    [(2, 2_900), (u64::MAX, u32::MAX)].map(wait).into()
}

fn purges() -> Vec<Event> {
    let asked = |(generation, attempt)| Event::PurgeRequested {
        generation: Gen(generation),
        attempt: Attempt(attempt),
    };
    let mut all: Vec<Event> = [(3, 1), (3, 2), (u64::MAX, u32::MAX)].map(asked).into();
    all.extend([3, u64::MAX].map(|generation| Event::Purged { generation: Gen(generation) }));
    all
}

fn rotations() -> Vec<Event> {
    let provider = |text: &str| text.parse().expect("an id");
    let (rotation, attempt) = (Number(3), Attempt(1));
    let prints = |texts: &[&str]| texts.iter().map(|text| KeyPrint((*text).to_owned())).collect();
    let ours = || provider("anthropic");
    let mut all: Vec<Event> = [
        (RequestedBy::Command, ours(), &["0123456789ab"][..], &["deadbeef0123"][..]),
        (RequestedBy::Schedule, provider("openai-codex"), &["ffffffffffff"], &[]),
        (
            RequestedBy::Event,
            provider("a.b_c"),
            &["0123456789ab", "ffffffffffff"],
            &["000000000000"],
        ),
    ]
    .map(|(requested_by, provider, new, retire)| Event::RotationRequested {
        provider,
        rotation,
        requested_by,
        new: prints(new),
        retire: prints(retire),
    })
    .into();
    all.extend([(KeyStep::TryKeys, 2), (KeyStep::RetireOld, u32::MAX)].map(|(from, attempt)| {
        Event::RotationReplayRequested {
            provider: ours(),
            rotation,
            attempt: Attempt(attempt),
            from,
        }
    }));
    all.extend(KEY_STEPS.map(|step| {
        let keys = if step.only_waits() { Vec::new() } else { prints(&["0123456789ab"]) };
        Event::RotationStepDone { provider: ours(), rotation, attempt, step, keys }
    }));
    all.extend([(false, 1), (true, u32::MAX)].map(|(undoing, failures)| {
        let (provider, step) = (ours(), KeyStep::WriteVersion);
        let reason = reason(ReasonClass::Unavailable);
        Event::RotationStepRetried { provider, rotation, attempt, step, undoing, failures, reason }
    }));
    all.extend([(false, KeyStep::TryKeys), (true, KeyStep::RetireOld)].map(|(undoing, step)| {
        let (provider, reason) = (ours(), reason(ReasonClass::KeyRefused).with_hint("mend it"));
        Event::RotationStepRefused { provider, rotation, attempt, step, undoing, reason }
    }));
    all.extend([KeyStep::RetireOld, KeyStep::WriteVersion].map(|step| Event::RotationStepUndone {
        provider: ours(),
        rotation,
        attempt,
        step,
    }));
    all.extend(
        [1, u64::MAX].map(|number| Event::Rotated { provider: ours(), rotation: Number(number) }),
    );
    all.extend([ReasonClass::KeyRefused, ReasonClass::DeadlinePassed].map(|class| {
        let (provider, step, reason) = (ours(), KeyStep::TryKeys, reason(class));
        Event::RotationRefused { provider, rotation, attempt, step, reason }
    }));
    all
}
