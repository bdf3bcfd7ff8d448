//! The journey of people through the deployed program, disturbed: messages and events come twice, calls
//! are throttled, functions are killed, and messages are poison. Everybody gets ready all the same, and
//! what is left does not tell that anything happened.

#![expect(clippy::print_stdout, reason = "the transcript of a run, for whoever doubts it")]

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

#[path = "local/deaths.rs"]
mod deaths;
#[path = "local/journey.rs"]
mod journey;
#[path = "local/left.rs"]
mod left;
#[path = "local/throttles.rs"]
mod throttles;
#[path = "local/weather.rs"]
mod weather;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deaths::{Death, Deaths, When, deadly, deadly_about};
use events::WorkspaceId;
use journey::{AS_STACKED, CLASSES, Deployment, How};
use throttles::{Refuses, Tally, is_a_nudge, is_an_operators, is_one_of, throttled};
use weather::{Story, calm, doubled, hasty};

fn people(count: usize) -> Vec<WorkspaceId> {
    (0..count).map(|number| format!("person-{number:02}").parse().expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_events_and_records_that_come_twice_are_done_once() {
    let people = people(2);
    let how = How { streams: 2, events: 2, ..AS_STACKED };
    let here = Deployment::under(doubled(), how).await;
    here.all_come_up(&people).await;
    here.repeats_events().await;
    here.all_stop(&people).await;
    here.repeats_events().await;
    here.ends_undisturbed(&people).await;
}

/// What one person's quiet journey asks of AWS, in order.
async fn quiet_journey() -> Story {
    let people = people(1);
    let story = Arc::new(Mutex::new(Story::of(&people)));
    let here = Deployment::under(calm(&story), AS_STACKED).await;
    here.all_come_up(&people).await;
    here.all_stop(&people).await;
    here.ends_undisturbed(&people).await;
    std::mem::take(&mut *story.lock().expect("unpoisoned"))
}

/// Every call that a quiet journey asks of these functions, as deaths. What changes nothing is the same
/// before and after it was done.
fn deaths<'a>(quiet: &'a Story, functions: &'a [&str]) -> impl Iterator<Item = Death> + 'a {
    let calls = quiet.calls.iter().filter(|(_, at)| functions.contains(&at.by.as_str()));
    calls.flat_map(|(whose, at)| {
        let whens = if at.changes() { &[When::Before, When::After][..] } else { &[When::Before] };
        whens.iter().map(|when| Death { whose: whose.clone(), at: at.clone(), when: *when })
    })
}

/// Lets people live through these deaths, of which all come but for those that depend on who is first.
async fn survive(people: &[WorkspaceId], deaths: Vec<Death>, how: How) {
    let deaths = Deaths::new(people, deaths);
    let here = Deployment::under(deadly(&deaths), how).await;
    here.all_come_up(people).await;
    here.all_stop(people).await;
    here.ends_undisturbed(people).await;
    let deaths = deaths.lock().expect("unpoisoned");
    let never: Vec<String> = deaths.to_come.iter().map(ToString::to_string).collect();
    println!("{} deaths; never: {never:#?}", deaths.came);
    assert!(deaths.to_come.iter().all(|death| death.at.is_a_races()), "never: {never:#?}");
    assert!(deaths.came >= DEATHS_MIN, "{} deaths", deaths.came);
}

/// How many deaths prove something.
const DEATHS_MIN: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_dies_at_any_call_is_made_good_by_its_message_alone() {
    let (quiet, people) = (quiet_journey().await, people(8));
    // Two that follow each other are not the same person's: a message that comes back again and again
    // would be set aside.
    let dealt = |when| {
        let mut next = people.iter().cycle().cloned();
        let deaths = deaths(&quiet, &["storage", "compute", "routing"]);
        let deaths = deaths.filter(move |death| death.when == when).map(move |death| {
            let whose = death.whose.and_then(|_| next.next());
            Death { whose, ..death }
        });
        deaths.collect()
    };
    // A message each, so that nobody dies of another's death.
    let how = How { batch: 1, ..AS_STACKED };
    let before = survive(&people, dealt(When::Before), how);
    tokio::join!(before, survive(&people, dealt(When::After), how));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_a_stop_or_an_event_whose_function_dies_at_any_call_is_made_good() {
    let (quiet, people) = (quiet_journey().await, people(4));
    let asked = ["session", "operator", "observer", "sequencer"];
    let deaths = deaths(&quiet, &asked).filter(|death| death.at.time <= 2);
    let deaths = deaths.map(|death| Death { whose: None, ..death });
    // Who asks again after its fact was recorded has no news, and nudges nobody: the sweeper does.
    let sweeps = Some(Duration::from_secs(2));
    survive(&people, deaths.collect(), How { sweeps, ..AS_STACKED }).await;
}

/// Lets people live while these calls are refused as too many.
async fn endure(people: &[WorkspaceId], refuses: Refuses, how: How) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let here = Deployment::under(throttled(refuses, &tally), how).await;
    here.all_come_up(people).await;
    here.all_stop(people).await;
    here.ends_undisturbed(people).await;
    println!("{} carried out, {} refused", tally.carried_out(), tally.refused());
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_too_many_are_made_again_and_nobody_is_parked_for_it() {
    let people = people(2);
    // For a command that is on record, and whose nudge was refused, only the sweeper nudges.
    let swept = How { sweeps: Some(Duration::from_secs(5)), ..AS_STACKED };
    let (quiet, third, most, commands) = tokio::join!(
        endure(&people, |_, _| false, AS_STACKED),
        endure(&people, |call, at| !is_an_operators(call) && is_one_of(at, (1, 3)), AS_STACKED),
        // Most of them, but for a while.
        endure(
            &people,
            |call, at| !is_an_operators(call) && at < 200 && is_one_of(at, (3, 5)),
            AS_STACKED
        ),
        endure(
            &people,
            |call, at| is_an_operators(call) && (is_a_nudge(call) || is_one_of(at, (1, 3))),
            swept
        ),
    );
    assert_eq!(quiet.refused(), 0);
    assert!(third.refused() > third.carried_out() / 3 && most.refused() > 100);
    assert!(commands.refused() >= 2, "a stop each");
    for tally in [third, most, commands] {
        assert!(tally.carried_out() < quiet.carried_out() * 2, "work that is done again and again");
    }
}

/// What nobody can read.
const POISON: [&str; 4] = ["{", " ", r#"{"workspace":"../x"}"#, r#"{"both":"ann"}"#];

#[tokio::test(flavor = "multi_thread")]
async fn poison_among_twenty_journeys_is_set_aside_and_holds_nobody_up() {
    let people = people(20);
    let here = Deployment::under(hasty(), AS_STACKED).await;
    for class in CLASSES {
        for text in POISON {
            here.send(class, text).await;
        }
    }
    here.all_come_up(&people).await;
    here.all_stop(&people).await;
    for class in CLASSES {
        here.falls_silent(class).await;
        let poison = POISON.map(str::to_owned).into_iter().collect();
        assert_eq!(here.set_aside(class).await, poison, "{class:?}");
    }
    here.ends_undisturbed_but_for_letters(&people).await;
}

/// What it is about is nobody's, and kills whoever looks at it.
const DEADLY: &str = r#"{"workspace":"deadly"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_every_function_is_set_aside_and_takes_nobody_along() {
    let people = people(10);
    // Whoever dies with it again and again may be set aside as well; the sweeper nudges anew.
    let how = How { hidden: 1, sweeps: Some(Duration::from_secs(5)), ..AS_STACKED };
    let here = Deployment::under(deadly_about("deadly"), how).await;
    for class in CLASSES {
        here.send(class, DEADLY).await;
    }
    here.all_come_up(&people).await;
    here.all_stop(&people).await;
    for class in CLASSES {
        here.falls_silent(class).await;
        assert!(here.set_aside(class).await.contains(DEADLY), "{class:?}");
    }
    here.ends_undisturbed_but_for_letters(&people).await;
}
