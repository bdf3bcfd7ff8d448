//! One poison message in a thousand must not hold up the others: the real batch handler behind a model
//! of Lambda's event source mapping, in simulated time, so that the numbers are the same everywhere.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambdas::batch::{self, End};
use lambdas::message::Message;
use ports::Handle;
use tokio::time::{Instant, sleep};

/// How many messages, and how often one is sent: a busy morning.
const MESSAGES: usize = 1_000;
const SENT_EVERY: Duration = Duration::from_millis(10);
/// Which of them is the poison.
const POISON: usize = 137;
/// How many batches are handled at once: `maximumConcurrency` in functions.json.
const CONCURRENCY: usize = 50;
/// How often the mapping looks when the queue is empty.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a handler may go on.
const TIME: Duration = Duration::from_secs(58);
/// How long an effect may hang before the engine ends it.
const HANG: Duration = consumers::handle::EFFECT_MAX;
/// When what failed comes back.
const BACK_AFTER: Duration = Duration::from_secs(8);

type Queue = Arc<Mutex<VecDeque<Message>>>;
type Times = Arc<Mutex<Vec<Duration>>>;

fn message(number: usize, body: &str) -> Message {
    Message {
        id: number.to_string(),
        handle: Handle(number.to_string()),
        body: body.to_owned(),
        receives: 1,
        sent: None,
        sender: String::new(),
    }
}

/// A step takes 20 to 80 ms, always the same for the same message.
fn work(number: usize) -> Duration {
    Duration::from_millis(20 + (number as u64 * 7_919) % 61)
}

async fn handle(message: Message, began: Instant, done: Times) -> End {
    match message.body.as_str() {
        "unreadable" => return End::Again,
        "panic" => panic!("a poison message"),
        "hang" => {
            sleep(HANG).await;
            return End::Again;
        }
        _ => {}
    }
    let number: usize = message.id.parse().expect("a number");
    sleep(work(number)).await;
    if number != POISON {
        let sent = SENT_EVERY * u32::try_from(number).expect("small");
        done.lock().expect("unpoisoned").push(began.elapsed() - sent);
    }
    End::Done
}

/// Takes batches from the queue and calls the handler, as one of the mapping's pollers does.
async fn poll(queue: Queue, began: Instant, done: Times) {
    while done.lock().expect("unpoisoned").len() < MESSAGES - 1 {
        let batch: Vec<Message> = {
            let mut queue = queue.lock().expect("unpoisoned");
            let length = queue.len().min(ports::queue::BATCH_MAX);
            queue.drain(..length).collect()
        };
        if batch.is_empty() {
            sleep(LOOK_EVERY).await;
            continue;
        }
        let one = |message| handle(message, began, Arc::clone(&done));
        let ended = batch::run(batch, TIME, one).await;
        let back: Vec<Message> = ended.again.into_iter().chain(ended.lost).collect();
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            sleep(BACK_AFTER).await;
            queue.lock().expect("unpoisoned").extend(back);
        });
    }
}

/// How long the other messages took from being sent to being done: on average, and the slowest.
async fn run(poison: &'static str) -> (Duration, Duration) {
    let (began, queue, done) = (Instant::now(), Queue::default(), Times::default());
    let sender = Arc::clone(&queue);
    tokio::spawn(async move {
        for number in 0..MESSAGES {
            let body = if number == POISON { poison } else { "good" };
            sender.lock().expect("unpoisoned").push_back(message(number, body));
            sleep(SENT_EVERY).await;
        }
    });
    let pollers: Vec<_> = (0..CONCURRENCY)
        .map(|_| tokio::spawn(poll(Arc::clone(&queue), began, Arc::clone(&done))))
        .collect();
    for poller in pollers {
        poller.await.expect("a poller ends");
    }
    let times = done.lock().expect("unpoisoned").clone();
    assert_eq!(times.len(), MESSAGES - 1);
    let sum: Duration = times.iter().sum();
    (sum / u32::try_from(times.len()).expect("small"), times.into_iter().max().expect("some"))
}

#[tokio::test(start_paused = true)]
async fn a_poison_message_in_a_thousand_delays_the_others_by_a_twentieth_at_the_most() {
    let (mean, slowest) = run("good").await;
    for poison in ["unreadable", "panic", "hang"] {
        let (poisoned, slowest_then) = run(poison).await;
        assert!(poisoned <= mean.mul_f64(1.05), "{poison}: {mean:?} became {poisoned:?}");
        assert!(slowest_then <= slowest.mul_f64(1.05), "{poison}: {slowest:?}, {slowest_then:?}");
    }
}
