//! One whole journey of one person, seen from outside: log in, ask, be counted, fall asleep, come
//! back and find everything as it was.
//!
//! It acts over HTTP at the front door like anybody else, has no way around it, and checks at each
//! turn what was promised. It prints nothing: the caller is told and shows it.

mod person;
mod places;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use events::{Event, Gen, Status, StopReason, WorkspaceId};
use tokio::time::Instant;

use crate::problem::Problem;
use crate::target::Target;
use admin::api::Entry;

use person::{Person, Reply};
use places::Operator;
use watch::Watch;

/// The longest that one phase may take; each takes a second or two on an idle machine.
const PHASE_MAX: Duration = Duration::from_secs(30);

/// What the person asks first, and after the sleep.
const QUESTIONS: [&str; 2] =
    ["What can you do for our team?", "Do you still know what I asked before?"];

/// What the journey needs to know. No `Debug`: it holds the operator's token.
pub(crate) struct Demo<'a> {
    /// The front door and the operator's way in.
    pub(crate) target: &'a Target,
    /// Who travels.
    pub(crate) person: WorkspaceId,
    /// Is told what happens, as it happens.
    pub(crate) tell: &'a mut (dyn FnMut(Line) + Send),
}

/// What happens on the way.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// The person begins something, in words.
    Doing(String),
    /// The engine recorded a fact about the person's workspace.
    Fact(Box<Entry>),
    /// What came of it.
    Done(Phase),
}

/// One part of the journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    /// Its name: `first answer`.
    pub(crate) name: &'static str,
    /// What came of it, in words.
    pub(crate) words: String,
    /// How long it took.
    pub(crate) took: Duration,
}

/// A journey on which every promise was kept; one on which one was not is a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    /// Its parts, in order.
    pub(crate) phases: Vec<Phase>,
    /// How long it took altogether.
    pub(crate) took: Duration,
    /// Input tokens of the first question, as counted by the engine.
    pub(crate) input: u64,
    /// Output tokens of its answer.
    pub(crate) output: u64,
    /// What they cost, in pico-dollars.
    pub(crate) pico_dollars: i128,
}

/// Makes the journey.
///
/// # Errors
/// A promise was not kept: which one, what was seen instead, and where to look. The facts told
/// until then show the way to it.
pub(crate) async fn run(demo: Demo<'_>) -> Result<Journey, Problem> {
    let operator = Operator::new(demo.target)?;
    let mut trip = Trip::new(operator, demo.person, demo.tell);

    trip.begin("opens a log-in link that works once");
    let person = trip.log_in().await?;
    trip.end("log in", "logged in, and the agent is being woken".to_owned());

    trip.begin("waits for the agent");
    let view = trip.watch.meanwhile("the agent gets ready", person.ready()).await?;
    trip.end("ready", view.words);

    trip.begin(&format!("asks: {}", QUESTIONS[0]));
    let before = trip.operator.spending(&trip.id).await.map_err(|e| e.broken("usage is told"))?;
    let promise = "the agent answers through the front door";
    let first = trip.watch.meanwhile(promise, person.say(QUESTIONS[0])).await?;
    trip.end("first answer", first.reply.clone());

    trip.begin("looks at what it cost");
    let spent = trip.operator.counted(&trip.id, &before);
    let spent = trip.watch.meanwhile("every request is counted and priced", spent).await?;
    trip.end("counted", format!("{} tokens in, {} tokens out", spent.input, spent.output));

    trip.sleep(&person).await?;
    trip.come_back(&person, &first).await?;
    Ok(Journey {
        phases: trip.phases,
        took: trip.began.elapsed(),
        input: spent.input,
        output: spent.output,
        pico_dollars: spent.pico_dollars,
    })
}

struct Trip<'a> {
    id: WorkspaceId,
    operator: Operator,
    watch: Watch<'a>,
    phases: Vec<Phase>,
    began: Instant,
    phase_began: Instant,
}

impl<'a> Trip<'a> {
    fn new(operator: Operator, id: WorkspaceId, tell: &'a mut (dyn FnMut(Line) + Send)) -> Self {
        let watch = Watch::new(operator.clone(), id.clone(), tell);
        // How long a person waits is measured where they are, not by the engine's clock.
        let now = Instant::now();
        Self { id, operator, watch, phases: Vec::new(), began: now, phase_began: now }
    }

    fn begin(&mut self, words: &str) {
        self.phase_began = Instant::now();
        self.watch.tell(Line::Doing(format!("{} {words}", self.id)));
    }

    fn end(&mut self, name: &'static str, words: String) {
        let phase = Phase { name, words, took: self.phase_began.elapsed() };
        self.phases.push(phase.clone());
        self.watch.tell(Line::Done(phase));
    }

    /// Trades a link for a session, as a browser does.
    async fn log_in(&mut self) -> Result<Person, Problem> {
        let promise = "a log-in link opens a session";
        let answer = self.operator.log_in(&self.id).await.map_err(|error| error.broken(promise))?;
        self.watch.begin_after(answer.version);
        let redeem = Person::log_in(self.operator.door(), &answer.link);
        self.watch.meanwhile(promise, redeem).await
    }

    /// Does nothing until the engine has said that the agent will sleep, and it sleeps.
    async fn sleep(&mut self, person: &Person) -> Result<(), Problem> {
        self.begin("does nothing for a while");
        // On a very slow machine the agent may have fallen asleep before it was asked anything.
        // That breaks no promise; what counts is the generation that answered.
        let this = self.watch.generation();
        let promise = "notice is given before an idle stop";
        self.watch.until(promise, |event| given_notice(event, this)).await?;
        self.end("notice", "told that the agent will go to sleep".to_owned());

        self.begin("still does nothing");
        let promise = "an idle agent is stopped, for idleness";
        self.watch.until(promise, |event| stopped_for_idleness(event, this)).await?;
        let view = self.watch.meanwhile(promise, person.view()).await?;
        if view.status != Status::Asleep {
            return Err(broken(promise, &format!("the person sees: {}", view.words)));
        }
        self.end("sleep", view.words);
        Ok(())
    }

    /// Asks again, which wakes the agent, and looks whether it remembers.
    async fn come_back(&mut self, person: &Person, first: &Reply) -> Result<(), Problem> {
        self.begin(&format!("asks again: {}", QUESTIONS[1]));
        let promise = "a message wakes the agent and is answered";
        let second = self.watch.meanwhile(promise, person.say(QUESTIONS[1])).await?;
        self.end("woken", second.reply.clone());

        self.begin("looks at the conversation");
        let promise = "the conversation is still there after a sleep";
        let said = self.watch.meanwhile(promise, person.history()).await?;
        let kept = |text: &str| said.iter().any(|message| message.content == text);
        // The oldest are forgotten in pairs, so a conversation at its bound does not grow.
        let grew = second.messages > first.messages || first.messages >= MESSAGES_BOUND;
        if !grew || !kept(QUESTIONS[0]) || !kept(&first.reply) {
            let seen = format!(
                "there were {} messages before the sleep, now there are {}",
                first.messages, second.messages
            );
            return Err(broken(promise, &seen));
        }
        self.end("remembered", format!("all {} messages are there", said.len()));
        Ok(())
    }
}

/// Whether a fact is the notice of this generation, or shows that there was none.
fn given_notice(event: &Event, this: Gen) -> Option<Result<(), String>> {
    if let Event::StopRequested { generation, reason } = event
        && *generation == this
    {
        return Some(Err(format!("it stops without one: {reason:?}")));
    }
    let given = matches!(event, Event::NoticeGiven { generation, .. } if *generation == this);
    given.then_some(Ok(()))
}

/// Whether a fact is the end of this generation for idleness, or for something else.
fn stopped_for_idleness(event: &Event, this: Gen) -> Option<Result<(), String>> {
    let Event::Stopped { generation, reason } = event else { return None };
    let idle = matches!(reason, StopReason::Idle { .. });
    let seen = if idle { Ok(()) } else { Err(format!("it stopped: {reason:?}")) };
    (*generation == this).then_some(seen)
}

/// From how many messages on the small agent forgets as many as come.
const MESSAGES_BOUND: usize = super::agent::MESSAGES_MAX;

/// A promise that was not kept.
fn broken(promise: &str, seen: &str) -> Problem {
    let what = format!("the demonstration is not whole: it was promised that {promise}");
    let do_this = "look at the events above, and at `teamclaw status` and the engine's log";
    Problem::new(what, seen, do_this)
}
