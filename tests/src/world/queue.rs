//! Queues with SQS's semantics for standard queues: at least once, in any order, with visibility,
//! receive counts, dead letters, fair groups, and batches that fail in part.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Class, TeamId};
use jiff::Timestamp;
use ports::queue::{BATCH_MAX, DELAY_MAX, IN_FLIGHT_MAX, RECEIVES_MAX, VISIBILITY_MAX, WAIT_MAX};
use ports::{Delivery, Fault, Handle, Letter, Nudge, Outgoing, Queue, async_trait};
use tokio::time::{Instant, timeout_at};

use super::seat::Call;
use super::{Hazard, Pace, START_MS, Seat, State};

/// One queue for each class.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    queues: [One; 4],
    sent: u64,
}

#[derive(Clone, Debug, Default)]
struct One {
    messages: Vec<Message>,
    dead: Vec<Message>,
    /// When each group was served last.
    served: BTreeMap<Option<TeamId>, u64>,
    turns: u64,
}

#[derive(Clone, Debug)]
struct Message {
    number: u64,
    /// `None` is what is no nudge.
    nudge: Option<Nudge>,
    group: Option<TeamId>,
    sent_ms: i64,
    visible_ms: i64,
    received_ms: i64,
    receives: u32,
    /// Whether it is a copy that nobody sent: those are not doubled again.
    copy: bool,
}

impl Message {
    fn handle(&self) -> Handle {
        Handle(format!("{}.{}", self.number, self.receives))
    }

    fn body(&self) -> String {
        let body = self.nudge.as_ref().map(serde_json::to_string);
        body.and_then(Result::ok).unwrap_or_else(|| "{\"not\":\"a nudge\"}".to_owned())
    }

    fn is_in_flight(&self, now: i64) -> bool {
        self.receives > 0 && self.visible_ms > now
    }
}

impl Queues {
    /// When the next message of a class can be received.
    pub fn next_ms(&self, class: Class) -> Option<i64> {
        self.queues[class as usize].messages.iter().map(|message| message.visible_ms).min()
    }

    /// How many messages were ever sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many were set aside.
    pub fn dead(&self) -> usize {
        self.queues.iter().map(|queue| queue.dead.len()).sum()
    }

    /// Of each message that was received and not settled there are so many from now on.
    pub fn copy_what_flies(&mut self, times: usize) {
        for queue in &mut self.queues {
            let flying = queue.messages.iter().filter(|message| message.receives > 0);
            let copies: Vec<Message> =
                flying.flat_map(|it| std::iter::repeat_n(it.clone(), times.max(1) - 1)).collect();
            for mut copy in copies {
                self.sent += 1;
                copy.number = self.sent;
                queue.messages.push(copy);
            }
        }
    }

    fn send(
        &mut self,
        class: Class,
        nudge: Option<Nudge>,
        group: Option<TeamId>,
        times: (i64, i64),
    ) {
        self.sent += 1;
        let (sent_ms, visible_ms) = times;
        let number = self.sent;
        let message = Message {
            number,
            nudge,
            group,
            sent_ms,
            visible_ms,
            received_ms: 0,
            receives: 0,
            copy: false,
        };
        self.queues[class as usize].messages.push(message);
    }

    fn message(&mut self, class: Class, handle: &Handle) -> Option<&mut Message> {
        let (number, receives) = handle.0.split_once('.')?;
        let (number, receives) = (number.parse::<u64>().ok()?, receives.parse::<u32>().ok()?);
        let messages = &mut self.queues[class as usize].messages;
        messages
            .iter_mut()
            .find(|it| it.number == number && it.receives == receives && receives > 0)
    }
}

impl One {
    /// The place of the message that comes next: of the group with the fewest in flight, among
    /// equals of the one that was served the longest ago, there the one visible the longest.
    fn next(&self, now: i64) -> Option<usize> {
        let mut flying: BTreeMap<&TeamId, usize> = BTreeMap::new();
        let in_flight = self.messages.iter().filter(|message| message.is_in_flight(now));
        for team in in_flight.filter_map(|message| message.group.as_ref()) {
            *flying.entry(team).or_default() += 1;
        }
        let turn = |(_, message): &(usize, &Message)| {
            let group = message.group.as_ref();
            let flying = group.and_then(|team| flying.get(team)).copied().unwrap_or(0);
            let served = self.served.get(&message.group).copied().unwrap_or(0);
            (flying, served, message.visible_ms, message.number)
        };
        let all = self.messages.iter().enumerate();
        all.filter(|(_, message)| message.visible_ms <= now).min_by_key(turn).map(|(at, _)| at)
    }

    fn serve(&mut self, place: usize, now: i64, visibility_ms: i64) -> Option<Delivery> {
        if self.messages[place].receives >= RECEIVES_MAX {
            let message = self.messages.remove(place);
            self.dead.push(message);
            return None;
        }
        self.turns += 1;
        let message = &mut self.messages[place];
        message.receives += 1;
        message.received_ms = now;
        message.visible_ms = now.saturating_add(visibility_ms);
        self.served.insert(message.group.clone(), self.turns);
        Some(Delivery {
            handle: message.handle(),
            nudge: message.nudge.clone(),
            receives: message.receives,
            sent: timestamp(message.sent_ms),
        })
    }
}

#[async_trait]
impl Queue for Seat {
    async fn send(
        &self,
        class: Class,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        within("messages in one call", messages.len(), 0)?;
        let send = |state: &mut State, now| {
            Ok(messages.iter().map(|message| send(state, class, message, now)).collect())
        };
        let sent = self.call(Call::Send, send).await;
        self.world().news().messages[class as usize].notify_waiters();
        self.world().news().stir.notify_waiters();
        sent
    }

    async fn receive(
        &self,
        class: Class,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Fault> {
        within("messages in one call", max, 1)?;
        no_longer("wait", wait, WAIT_MAX)?;
        no_longer("visibility", visibility, VISIBILITY_MAX)?;
        let until = Instant::now() + wait;
        loop {
            let news = self.world().news().messages[class as usize].notified();
            let take = |state: &mut State, now| Ok(receive(state, class, max, visibility, now));
            let (found, next) = self.call(Call::Receive, take).await?;
            let over = self.world().pace() != Pace::Live || Instant::now() >= until;
            if !found.is_empty() || over {
                return Ok(found);
            }
            let next = next.map_or(until, |next| self.world().instant(next).min(until));
            // Whether news came or the time did: look again.
            let _ = timeout_at(next, news).await;
        }
    }

    async fn delete(&self, class: Class, handles: &[Handle]) -> Result<(), Fault> {
        within("handles in one call", handles.len(), 0)?;
        let delete = |state: &mut State, _| {
            for handle in handles {
                let number = state.queues.message(class, handle).map(|message| message.number);
                let messages = &mut state.queues.queues[class as usize].messages;
                messages.retain(|message| Some(message.number) != number);
            }
            Ok(())
        };
        self.call(Call::Delete, delete).await
    }

    async fn change_visibility(
        &self,
        class: Class,
        handle: &Handle,
        visibility: Duration,
    ) -> Result<(), Fault> {
        no_longer("visibility", visibility, VISIBILITY_MAX)?;
        let change = |state: &mut State, now| {
            if let Some(message) = state.queues.message(class, handle)
                && message.visible_ms > now
            {
                message.visible_ms = now + millis(visibility);
            }
            Ok(())
        };
        let changed = self.call(Call::ChangeVisibility, change).await;
        self.world().news().messages[class as usize].notify_waiters();
        changed
    }

    async fn dead_letters(&self, class: Class, limit: usize) -> Result<Vec<Letter>, Fault> {
        let read = |state: &mut State, _| {
            let letter = |message: &Message| Letter {
                class,
                body: message.body(),
                receives: message.receives,
                sent: timestamp(message.sent_ms),
            };
            Ok(state.queues.queues[class as usize].dead.iter().take(limit).map(letter).collect())
        };
        self.call(Call::DeadLetters, read).await
    }

    async fn redrive(&self, class: Class) -> Result<usize, Fault> {
        let redrive = |state: &mut State, now| {
            let dead = std::mem::take(&mut state.queues.queues[class as usize].dead);
            let count = dead.len();
            for message in dead {
                state.queues.send(class, message.nudge, message.group, (now, now));
            }
            Ok(count)
        };
        let moved = self.call(Call::Redrive, redrive).await;
        self.world().news().messages[class as usize].notify_waiters();
        moved
    }
}

fn send(state: &mut State, class: Class, message: &Outgoing, now: i64) -> Result<(), Fault> {
    if message.delay > DELAY_MAX {
        return Err(nonsense(format!(
            "a delay of {:?}; the most are {DELAY_MAX:?}",
            message.delay
        )));
    }
    if state.weather.strikes(Hazard::PartialBatch) {
        return Err(Fault::unavailable("the queue", "this entry was not sent"));
    }
    if state.weather.strikes(Hazard::PoisonMessage) {
        state.queues.send(class, None, message.group.clone(), (now, now));
    }
    if state.weather.strikes(Hazard::LostMessage) {
        return Ok(());
    }
    let mut visible = now + millis(message.delay);
    if state.weather.strikes(Hazard::DelayedMessage) {
        visible += state.weather.between(100, 20_000);
    }
    let (nudge, group) = (Some(message.nudge.clone()), message.group.clone());
    state.queues.send(class, nudge, group, (now, visible));
    Ok(())
}

type Received = (Vec<Delivery>, Option<i64>);

fn receive(
    state: &mut State,
    class: Class,
    max: usize,
    visibility: Duration,
    now: i64,
) -> Received {
    let State { queues, weather, .. } = state;
    let queue = &mut queues.queues[class as usize];
    let flying = queue.messages.iter().filter(|message| message.is_in_flight(now)).count();
    let most = max.min(IN_FLIGHT_MAX.saturating_sub(flying));
    let mut found = Vec::new();
    while found.len() < most
        && let Some(mut place) = queue.next(now)
    {
        if weather.strikes(Hazard::ReorderedMessage) {
            let visible = |message: &Message| message.visible_ms <= now;
            let places: Vec<usize> =
                (0..queue.messages.len()).filter(|at| visible(&queue.messages[*at])).collect();
            let high = i64::try_from(places.len()).unwrap_or(1);
            place = places[usize::try_from(weather.between(0, high)).unwrap_or(0)];
        }
        let before = queue.messages[place].clone();
        found.extend(queue.serve(place, now, millis(visibility)));
        if !before.copy && weather.strikes(Hazard::DoubledMessage) {
            // The other copy comes soon, or long after this one is settled.
            queues.sent += 1;
            let again = Message {
                number: queues.sent,
                visible_ms: now + weather.between(1, 120_000),
                copy: true,
                ..before
            };
            queue.messages.push(again);
        }
    }
    if !found.is_empty() && weather.strikes(Hazard::RedeliveredBatch) {
        let batch: Vec<Handle> = found.iter().map(|delivery| delivery.handle.clone()).collect();
        let flying = queue.messages.iter().filter(|it| batch.contains(&it.handle()) && !it.copy);
        let copies: Vec<Message> = flying.cloned().collect();
        for copy in copies {
            queues.sent += 1;
            queue.messages.push(Message { number: queues.sent, copy: true, ..copy });
        }
    }
    let hidden = queue.messages.iter().map(|message| message.visible_ms);
    (found, hidden.filter(|at| *at > now).min())
}

fn within(what: &str, count: usize, least: usize) -> Result<(), Fault> {
    if (least..=BATCH_MAX).contains(&count) {
        return Ok(());
    }
    Err(nonsense(format!("{count} {what}; {least} to {BATCH_MAX} are allowed")))
}

fn no_longer(what: &str, duration: Duration, most: Duration) -> Result<(), Fault> {
    if duration <= most {
        return Ok(());
    }
    Err(nonsense(format!("a {what} of {duration:?}; the most are {most:?}")))
}

fn nonsense(words: String) -> Fault {
    Fault::Nonsense { service: "the queue", words }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START_MS + ms).unwrap_or(Timestamp::MAX)
}
