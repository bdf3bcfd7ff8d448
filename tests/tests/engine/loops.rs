//! The engine's own loops, on the fake world and simulated time: each finds its work by itself, and
//! none goes on after a stop.

use std::sync::Arc;
use std::time::Duration;

use consumers::{Engine, World as Ports};
use events::{Activity, Attempt, Gen, Status, Step, Workspace};
use ports::Query;
use producers::activity::Meter;
use tests::world::{Hazard, Pace, Seat, State, Weather, World};
use tokio::time::{Instant, sleep};

use crate::sweeping::spec;
use crate::system::id;

/// Longer than a start or a stop takes in good weather, and shorter than a sweep's minute.
const SOON: Duration = Duration::from_secs(25);
/// Longer than the idle time-out, its notice and a stop.
const IDLE: Duration = Duration::from_secs(33 * 60);

/// How long two hundred may take who log in at once, in simulated time: no loop rests meanwhile.
const MORNING: Duration = Duration::from_secs(3);

struct Machine {
    ports: Ports,
    seat: Seat,
    meter: Meter,
    engine: Engine,
}

impl Machine {
    fn start(weather: Weather) -> Self {
        let world = World::new(Pace::Live, State::under(weather));
        let seat = world.start_process(0);
        let ports = seat.ports();
        let meter = Meter::new(ports.bus.clone());
        let engine = Engine::start(&ports, Arc::new(seat.clone()), meter.clone());
        Self { ports, seat, meter, engine }
    }
}

async fn log_in(ports: &Ports, name: &str) {
    let team = "everyone".parse().expect("a name");
    let person = ports::Person { id: id(name), team, admin: false };
    producers::session::log_in(&ports.bus, &person).await.expect("logged in");
}

async fn workspace(ports: &Ports) -> Workspace {
    ports.bus.journal().load(&id("ann")).await.expect("read").workspace
}

async fn status(ports: &Ports) -> Status {
    workspace(ports).await.status()
}

#[tokio::test(start_paused = true)]
async fn a_login_is_served_and_who_is_left_alone_is_stopped() {
    let machine = Machine::start(Weather::calm());
    log_in(&machine.ports, "ann").await;
    sleep(SOON).await;
    assert_eq!(status(&machine.ports).await, Status::Ready);
    sleep(IDLE).await;
    assert_eq!(status(&machine.ports).await, Status::Asleep);
}

#[tokio::test(start_paused = true)]
async fn the_idle_check_finds_whose_timer_is_late() {
    let machine = Machine::start(Weather::only(Hazard::LateTimer, 10_000));
    log_in(&machine.ports, "ann").await;
    sleep(SOON + IDLE).await;
    assert_eq!(status(&machine.ports).await, Status::Asleep);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_ends_is_noticed_before_the_sweeper_comes() {
    let machine = Machine::start(Weather::calm());
    log_in(&machine.ports, "ann").await;
    sleep(SOON).await;
    let (ann, compute) = (id("ann"), &machine.ports.compute);
    compute.stop(&ann, Gen(1), Attempt(1), Duration::ZERO).await.expect("stopped by hand");
    sleep(SOON).await;
    let workspace = workspace(&machine.ports).await;
    assert_eq!((workspace.status(), workspace.attempt().0), (Status::Ready, 2));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_owns_is_swept() {
    let machine = Machine::start(Weather::calm());
    machine.ports.compute.run(&spec("ghost", Gen(1))).await.expect("an orphan");
    sleep(Duration::from_secs(4 * 60)).await;
    let left = machine.ports.compute.list().await.expect("listed");
    assert!(
        left.iter().all(|task| matches!(
            task.status,
            ports::TaskStatus::Stopped(_) | ports::TaskStatus::Stopping
        )),
        "{left:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn uses_that_were_noted_are_written_down() {
    let machine = Machine::start(Weather::calm());
    log_in(&machine.ports, "ann").await;
    sleep(SOON).await;
    let before = workspace(&machine.ports).await.last_active();
    machine.meter.note(&id("ann"), Activity::UserInput);
    sleep(Duration::from_secs(6)).await;
    assert!(workspace(&machine.ports).await.last_active() > before);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_every_service_ends_no_loop() {
    let machine = Machine::start(Weather::only(Hazard::Unavailable, 9_900));
    sleep(Duration::from_secs(10 * 60)).await;
    machine.seat.world().clear_up();
    log_in(&machine.ports, "ann").await;
    sleep(SOON).await;
    assert_eq!(status(&machine.ports).await, Status::Ready);
}

/// More than one queue's messages that are handled at a time.
#[tokio::test(start_paused = true)]
async fn a_morning_of_logins_is_served_without_a_rest() {
    let machine = Machine::start(Weather::calm());
    let names: Vec<String> = (0..200).map(|number| format!("p{number}")).collect();
    let began = Instant::now();
    for name in names.clone() {
        let ports = machine.ports.clone();
        tokio::spawn(async move { log_in(&ports, &name).await });
    }
    let ready = Query { status: vec![Status::Ready], ..Query::default() };
    while machine.ports.bus.find_all(&ready).await.expect("found").len() < names.len() {
        assert!(began.elapsed() < MORNING, "not ready: {:?}", began.elapsed());
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_nothing_goes_on() {
    let machine = Machine::start(Weather::calm());
    let ports = machine.ports.clone();
    machine.engine.stop().await;
    log_in(&ports, "ann").await;
    sleep(IDLE).await;
    let workspace = workspace(&ports).await;
    assert_eq!(
        (workspace.status(), workspace.current_step()),
        (Status::Starting, Some(Step::PrepareHome))
    );
}
