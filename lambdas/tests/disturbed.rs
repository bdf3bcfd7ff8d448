//! The journey of people through the deployed program, disturbed: messages and events come twice, calls
//! are throttled, functions are killed, and messages are poison. Everybody gets ready all the same, and
//! what is left does not tell that anything happened.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

#[allow(dead_code, reason = "each test program uses a part of it")]
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

use deaths::{Death, Deaths, When, deadly};
use events::WorkspaceId;
use journey::{AS_STACKED, CLASSES, Deployment, How};
use throttles::{Tally, throttled};
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
    here.repeats_events();
    here.all_stop(&people).await;
    here.repeats_events();
    here.is_as_undisturbed(&people).await;
}

/// What one person's quiet journey asks of AWS, in order.
async fn quiet_journey() -> Story {
    let people = people(1);
    let story = Arc::new(Mutex::new(Story::of(&people)));
    let here = Deployment::under(calm(&story), AS_STACKED).await;
    here.all_come_up(&people).await;
    here.all_stop(&people).await;
    here.is_as_undisturbed(&people).await;
    drop(here);
    std::mem::take(&mut *story.lock().expect("unpoisoned"))
}

/// Deals the calls that a quiet journey asks of these functions out among people as deaths, so that two
/// that follow each other are not the same person's: a message that comes back again and again would
/// be set aside. What changes nothing is the same before and after it was done.
fn deal(quiet: &Story, functions: &[&str], people: &[WorkspaceId]) -> Vec<Death> {
    let mut next = people.iter().cycle();
    let calls = quiet.calls.iter().filter(|(_, at)| functions.contains(&at.by.as_str()));
    let deaths = calls.flat_map(|(whose, at)| {
        let whens = if at.changes() { &[When::Before, When::After][..] } else { &[When::Before] };
        whens.iter().map(move |when| (whose.is_some(), at.clone(), *when))
    });
    let deaths = deaths.map(|(of_one, at, when)| {
        let whose = next.next().filter(|_| of_one).cloned();
        Death { whose, at, when }
    });
    deaths.collect()
}

/// Lets people live through these deaths. Gives those that did not come.
async fn survive(people: &[WorkspaceId], deaths: Vec<Death>, how: How) -> Vec<Death> {
    let deaths = Deaths::new(people, deaths);
    let here = Deployment::under(deadly(&deaths), how).await;
    here.all_come_up(people).await;
    here.all_stop(people).await;
    here.is_as_undisturbed(people).await;
    let deaths = deaths.lock().expect("unpoisoned");
    for Death { whose, at, when } in &deaths.came {
        println!("{} {} {when:?} {} #{}", name(whose.as_ref()), at.by, at.what, at.time);
    }
    for Death { whose, at, when } in &deaths.to_come {
        println!("never: {} {} {when:?} {} #{}", name(whose.as_ref()), at.by, at.what, at.time);
    }
    deaths.to_come.clone()
}

fn name(whose: Option<&WorkspaceId>) -> &str {
    whose.map_or("everybody", WorkspaceId::as_str)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_dies_at_any_call_is_made_good_by_its_message_alone() {
    let (quiet, people) = (quiet_journey().await, people(12));
    let deaths = deal(&quiet, &["storage", "compute", "routing"], &people);
    println!("{} deaths", deaths.len());
    // A message each, so that nobody dies of another's death.
    let never = survive(&people, deaths, How { batch: 1, ..AS_STACKED }).await;
    assert!(never.len() < 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_a_stop_an_event_or_a_sweep_that_dies_at_any_call_is_made_good() {
    let (quiet, people) = (quiet_journey().await, people(6));
    let deaths = deal(&quiet, &["session", "operator", "observer", "sequencer"], &people);
    println!("{} deaths", deaths.len());
    let sweeps = Some(Duration::from_secs(5));
    let never = survive(&people, deaths, How { sweeps, ..AS_STACKED }).await;
    assert!(never.len() < 3);
}

/// Lets people live while these calls are refused as too many. Gives what was carried out and refused.
async fn endure(people: &[WorkspaceId], refuses: fn(u32) -> bool) -> (u32, u32) {
    let tally = Arc::new(Tally::default());
    let here = Deployment::under(throttled(refuses, &tally), AS_STACKED).await;
    here.all_come_up(people).await;
    here.all_stop(people).await;
    here.is_as_undisturbed(people).await;
    println!("{} carried out, {} refused", tally.carried_out(), tally.refused());
    (tally.carried_out(), tally.refused())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_too_many_are_made_again_and_nobody_is_parked_for_it() {
    let people = people(2);
    let (quiet, _) = endure(&people, |_| false).await;
    // Every third for good.
    let (carried_out, refused) = endure(&people, |number| number % 3 == 2).await;
    assert!(refused >= carried_out / 3 && carried_out < quiet * 2);
    // Three of five for a while.
    let (carried_out, refused) =
        endure(&people, |number| number < 200 && number % 5 % 2 == 0).await;
    assert!(refused == 120 && carried_out < quiet * 2);
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
    here.is_as_undisturbed_but_for(&people, &POISON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet() {
    let began = std::time::Instant::now();
    let story = quiet_journey().await;
    for (who, point) in &story.calls {
        println!("{} {} {} {}", name(who.as_ref()), point.by, point.what, point.time);
    }
    println!("{:?}", began.elapsed());
}
