//! What a whole step costs: many people log in, get ready and are stopped again, one message after the
//! other through the functions' real processes, and each message's time is told apart into what it
//! waited for AWS and what is ours.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use events::{Class, Event, StopReason, Subject, Version, WorkspaceId};
use ports::{Nudge, Person};
use producers::Bus;
use serde_json::{Value, json};

use crate::rig::ACCOUNT;
use crate::runtime::Run;
use crate::starts::ms;
use crate::units::Units;
use crate::waits::Waited;
use crate::world::World;

/// How many people.
const PEOPLE: usize = 100;
/// The goal for our own work of a step.
const OWN_MAX: Duration = Duration::from_millis(5);
/// The classes whose steps are measured.
const CLASSES: [Class; 3] = [Class::Storage, Class::Compute, Class::Routing];
/// How long a message is hidden, in seconds: as long as the stacks say.
const HIDDEN: i32 = 360;
/// The pause when nobody has anything to do, and how many in a row mean that something is wrong.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSES_MAX: u32 = 1_200;

/// What one message took.
#[derive(Clone, Copy)]
struct Cost {
    /// On the processor.
    processor: Duration,
    /// From the event to the answer, but for the calls that were on their way.
    own: Duration,
    /// The calls that were on their way meanwhile.
    waited: Waited,
}

/// What messages took.
#[derive(Default)]
pub(crate) struct Steps {
    /// By function and by what they led to.
    lines: BTreeMap<(&'static str, String), Vec<Cost>>,
    /// Logins and stops, which no function of these did.
    asked: Vec<Waited>,
    /// How many facts there are in the end.
    facts: u64,
}

/// The functions, and how far each person has come.
struct Journey<'a> {
    world: &'a World,
    bus: Bus,
    queue: aws_sdk_sqs::Client,
    consumers: Vec<(Class, Run)>,
    observer: Run,
    sequencer: Run,
    /// How many events of tasks were handed over.
    told: usize,
    seen: BTreeMap<WorkspaceId, Version>,
    /// Who is ready, and who has stopped.
    ready: BTreeSet<WorkspaceId>,
    stopped: BTreeSet<WorkspaceId>,
    steps: Steps,
}

/// Everybody's journey.
pub(crate) async fn measure(world: &World) -> Steps {
    let consumers = CLASSES.map(|class| (class, world.function(class.name()).0));
    let mut journey = Journey {
        world,
        bus: world.bus(),
        queue: aws_sdk_sqs::Client::new(&world.config),
        consumers: consumers.into(),
        observer: world.function("observer").0,
        sequencer: world.function("sequencer").0,
        told: 0,
        seen: BTreeMap::new(),
        ready: BTreeSet::new(),
        stopped: BTreeSet::new(),
        steps: Steps::default(),
    };
    let people: Vec<WorkspaceId> =
        (0..PEOPLE).map(|number| format!("p{number:03}").parse().expect("a name")).collect();
    for id in &people {
        let team = "all".parse().expect("a name");
        let person = Person { id: id.clone(), team, admin: false };
        world.waits.take();
        producers::session::log_in(&journey.bus, &person).await.expect("a login");
        journey.steps.asked.push(world.waits.take());
    }
    journey.go_on(|journey| journey.ready.len() == PEOPLE).await;
    for id in &people {
        world.waits.take();
        producers::command::stop(&journey.bus, id, StopReason::Admin).await.expect("a stop");
        journey.steps.asked.push(world.waits.take());
    }
    journey.go_on(|journey| journey.stopped.len() == PEOPLE).await;
    let facts = journey.seen.values().map(|version| version.0).sum();
    Steps { facts, ..journey.steps }
}

impl Journey<'_> {
    /// Takes message after message until it is enough.
    async fn go_on(&mut self, enough: impl Fn(&Self) -> bool) {
        let mut pauses = 0;
        while !enough(self) {
            let mut handled = 0;
            for at in 0..self.consumers.len() {
                while let Some(message) = self.receive(self.consumers[at].0).await {
                    self.consume(at, &message).await;
                    handled += 1;
                }
            }
            handled += self.observe().await;
            if handled == 0 {
                pauses += 1;
                assert!(pauses < PAUSES_MAX, "{} are ready and no more", self.ready.len());
                tokio::time::sleep(PAUSE).await;
            } else {
                pauses = 0;
            }
        }
    }

    fn url(&self, class: Class) -> String {
        let (to, name) = (self.world.config.endpoint_url(), self.world.environment.queue(class));
        format!("{}/{ACCOUNT}/{name}", to.expect("the local AWS"))
    }

    async fn receive(&self, class: Class) -> Option<Message> {
        let receive = self.queue.receive_message().queue_url(self.url(class));
        let receive = receive.max_number_of_messages(1).visibility_timeout(HIDDEN);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.send().await.expect("an answer").messages?.into_iter().next()
    }

    /// One message, as a batch of its own.
    async fn consume(&mut self, at: usize, message: &Message) {
        let text = message.body().unwrap_or_default();
        let nudge: Nudge = serde_json::from_str(text).expect("a nudge");
        let Subject::Workspace(id) = nudge.about else { return };
        let class = self.consumers[at].0;
        let batch = batch(message, &self.world.environment.queue(class));
        let (answer, cost) = taken(self.world, &mut self.consumers[at].1, &batch);
        if answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty) {
            let delete = self.queue.delete_message().queue_url(self.url(class));
            let delete = delete.receipt_handle(message.receipt_handle().unwrap_or_default());
            delete.send().await.expect("deleted");
        }
        self.count(class.name(), &id, cost).await;
    }

    /// Hands over what tasks did, as EventBridge would. Gives how much that was.
    async fn observe(&mut self) -> usize {
        let events = self.world.fake.events().split_off(self.told);
        self.told += events.len();
        for event in &events {
            let (_, cost) = taken(self.world, &mut self.observer, event);
            if let Some(task) = aws::compute::task_of(event) {
                self.count("observer", &task.workspace, cost).await;
            }
        }
        events.len()
    }

    /// Puts a message's cost down to what it led to.
    async fn count(&mut self, function: &'static str, id: &WorkspaceId, cost: Cost) {
        let after = self.seen.get(id).copied().unwrap_or(Version(0));
        let news = self.bus.journal().history(id, after, 100).await.expect("a history");
        let mut led_to = BTreeSet::new();
        for (version, envelope) in &news {
            self.seen.insert(id.clone(), *version);
            led_to.extend(name(&envelope.event));
            if matches!(envelope.event, Event::Ready { .. }) {
                self.ready.insert(id.clone());
            }
            if matches!(envelope.event, Event::Stopped { .. }) {
                self.stopped.insert(id.clone());
            }
        }
        let led_to = led_to.into_iter().collect::<Vec<_>>().join(" + ");
        self.steps.lines.entry((function, led_to)).or_default().push(cost);
        if !news.is_empty() {
            self.sequence();
        }
    }

    /// Gives what is recorded its place in the feed, as the table's stream does: after each append, which
    /// is the dearest case.
    fn sequence(&mut self) {
        let (_, cost) = taken(self.world, &mut self.sequencer, &json!({ "Records": [] }));
        self.steps
            .lines
            .entry(("sequencer", "its place in the feed".to_owned()))
            .or_default()
            .push(cost);
    }
}

/// Gives a process an event. Gives its answer and what that took.
fn taken(world: &World, run: &mut Run, event: &Value) -> (Value, Cost) {
    world.waits.take();
    let before = run.processor();
    let answer = tokio::task::block_in_place(|| run.event(&event.to_string()));
    let processor = run.processor() - before;
    let waited = world.waits.take();
    let own = answer.waited.saturating_sub(waited.time);
    let value = serde_json::from_str(&answer.body).unwrap_or_default();
    (value, Cost { processor, own, waited })
}

/// A batch of one message, as an event source mapping hands it over
/// (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html).
fn batch(message: &Message, queue: &str) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
        .collect();
    json!({ "Records": [{
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{}:{ACCOUNT}:{queue}", fake_aws::REGION),
        "awsRegion": fake_aws::REGION,
    }] })
}

/// What stands for an event in the table; none for what goes with another.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others happen in no such journey")]
fn name(event: &Event) -> Option<&'static str> {
    match event {
        Event::StepDone { step, .. } => Some(step.name()),
        Event::StepUndone { step, .. } => step.undo_name(),
        Event::LoggedIn { .. } | Event::StartRequested { .. } | Event::StopRequested { .. } => None,
        other => other.name().strip_prefix("teamclaw."),
    }
}

pub(crate) fn print(steps: &Steps) {
    println!(
        "{:<10} {:<34} {:>8} {:>9} {:>9} {:>9} {:>9} {:>14}   goal {OWN_MAX:?}",
        "function",
        "led to",
        "messages",
        "cpu ms",
        "slow 1 %",
        "own ms",
        "slow 5 %",
        "AWS ms in calls"
    );
    for ((function, led_to), costs) in &steps.lines {
        let ours = |of: fn(&Cost) -> Duration, share| ms(quantile(costs, of, share));
        let (cpu, own) = (|it: &Cost| it.processor, |it: &Cost| it.own);
        let calls = costs.iter().map(|it| it.waited.calls).sum::<usize>() as f64;
        let (time, calls) = (ours(|it| it.waited.time, 500), calls / costs.len() as f64);
        let waited = format!("{time:.1} in {calls:.1}");
        let led_to = if led_to.is_empty() { "nothing new" } else { led_to };
        let kept = if ours(cpu, 500) <= ms(OWN_MAX) { "" } else { "   MORE" };
        println!(
            "{function:<10} {led_to:<34} {:>8} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {waited:>14}{kept}",
            costs.len(),
            ours(cpu, 500),
            ours(cpu, 990),
            ours(own, 500),
            ours(own, 950),
        );
    }
    whole(steps);
}

/// What one person's login costs until its end: what `lambdas/journey.json` says, from which
/// `teamclaw estimate` makes a bill.
fn whole(Steps { lines, asked, facts }: &Steps) {
    let each = |sum: f64| sum / PEOPLE as f64;
    let all = || lines.values().flatten();
    let waited = || all().map(|it| it.waited).chain(asked.iter().copied());
    let consumers = CLASSES.map(Class::name);
    let messages = lines.iter().filter(|((function, _), _)| consumers.contains(function));
    let messages: usize = messages.map(|(_, costs)| costs.len()).sum();
    let mut units = Units::default();
    waited().for_each(|it| units += it.units);
    println!("\na login until its end, a person:");
    println!("  processor ms    {:>8.1}", each(all().map(|it| ms(it.processor)).sum()));
    println!("  facts           {:>8.1}", each(*facts as f64));
    println!("  messages        {:>8.1}", each(messages as f64));
    println!("  invocations     {:>8.1}", each(all().count() as f64));
    println!("  write units     {:>8.1}", each(units.writes));
    println!("  read units      {:>8.1}", each(units.reads));
    println!(
        "  sent to queues  {:>8.1}",
        each(waited().map(|it| it.to_queues).sum::<usize>() as f64)
    );
}

/// The time within which this share of them, in thousandths, were.
fn quantile(costs: &[Cost], of: fn(&Cost) -> Duration, thousandths: usize) -> Duration {
    let mut times: Vec<Duration> = costs.iter().map(of).collect();
    times.sort_unstable();
    times[(times.len() * thousandths).div_ceil(1_000).max(1) - 1]
}
