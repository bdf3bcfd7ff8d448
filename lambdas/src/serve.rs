//! How Lambda calls each function: what is built once, when the process starts, and what is done with
//! each event. A handler ends itself before Lambda would, and tells its numbers when it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aws::broker::StsBroker;
use aws::broker::policy::Grants;
use aws::compute::task_of;
use aws::homes::Leftovers;
use aws::journal::{DynamoJournal, announced};
use aws::people::DynamoPeople;
use aws::usage::DynamoUsage;
use aws_lambda_events::sqs::SqsEvent;
use consumers::World;
use events::Class;
use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt as _};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use ports::Fault;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::time::timeout;

use crate::broker::Broker;
use crate::cleaner::clean;
use crate::function::Function;
use crate::metrics::Metrics;
use crate::root::{Root, cannot_start, failed};
use crate::rotate::{self, Started};
use crate::session::Front;
use crate::usage::Books;
use crate::world::needed;
use crate::{answer, batch, broker, consume, minute, renewal, session, usage};

/// Answers Lambda until the process is ended.
///
/// # Errors
/// The function cannot start, or Lambda's own interface does not answer.
pub async fn serve(root: Root) -> Result<(), Error> {
    let root = Arc::new(root);
    match root.function {
        Function::Consumer(class) => consumer(root, class).await,
        Function::Usage => counter(root).await,
        Function::Sequencer => sequencer(root).await,
        Function::Announcer => announcer(root).await,
        Function::Observer => observer(root).await,
        Function::IdleCheck => idle_check(root).await,
        Function::CronWake => cron_wake(root).await,
        Function::Sweeper => sweeper(root).await,
        Function::Cleaner => cleaner(root).await,
        Function::Renewal => renewal(root).await,
        Function::Rotation => rotation(root).await,
        Function::Session => sessions(root).await,
        Function::Broker => leases(root).await,
        Function::Operator => operator(root).await,
    }
}

/// What one run may use.
struct Call {
    /// How long it may go on.
    time: Duration,
    /// What it tells.
    metrics: Arc<Metrics>,
}

/// Calls `handle` with each event.
async fn each<E, A, F>(root: &Arc<Root>, handle: impl Fn(E, Call) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Fault>>,
{
    let service = service_fn(|event: LambdaEvent<E>| {
        let metrics = Arc::new(Metrics::default());
        let time = batch::time_left(event.context.deadline, root.clock.now());
        let handled = handle(event.payload, Call { time, metrics: Arc::clone(&metrics) });
        async move {
            let outcome = timeout(time + batch::LAST, handled).await;
            root.tell(&metrics);
            let late = |_| Fault::unavailable("our own code", "it was not done in time");
            outcome.map_err(late).flatten().map_err(|fault| failed(&fault))
        }
    });
    lambda_runtime::run(service).await
}

async fn consumer(root: Arc<Root>, class: Class) -> Result<(), Error> {
    let world = root.world_of(class).await.map_err(start)?;
    each(&root, move |event: SqsEvent, call| {
        let world = world.clone();
        async move { Ok(consume::consume(&world, class, event, call.time, &call.metrics).await) }
    })
    .await
}

async fn counter(root: Arc<Root>) -> Result<(), Error> {
    let ledger = DynamoUsage::new(root.dynamodb(), &root.environment);
    let books = Books { ledger: Arc::new(ledger), bus: root.bus() };
    each(&root, |event: SqsEvent, call| {
        let (books, now) = (books.clone(), root.clock.now());
        async move { Ok(usage::count(&books, event, (call.time, now), &call.metrics).await) }
    })
    .await
}

/// What the stream says is a hint; what is pending is read from the table.
async fn sequencer(root: Arc<Root>) -> Result<(), Error> {
    let journal = Arc::new(root.journal());
    each(&root, |_: IgnoredAny, call| {
        let journal = Arc::clone(&journal);
        async move { minute::order(&journal, &call.metrics).await }
    })
    .await
}

/// The pipe hands over records of the journal's stream and sends on what it is answered.
async fn announcer(root: Arc<Root>) -> Result<(), Error> {
    each(&root, |records: Vec<Value>, _| async move {
        records.iter().map(announced).collect::<Result<Vec<_>, _>>()
    })
    .await
}

/// An event holds its task's variables, and with them tokens: nothing of it is ever logged.
async fn observer(root: Arc<Root>) -> Result<(), Error> {
    let bus = root.bus();
    each(&root, |event: Value, _| {
        let bus = bus.clone();
        async move {
            if let Some(task) = task_of(&event) {
                consumers::observer::observe(&bus, &task).await?;
            }
            Ok(())
        }
    })
    .await
}

async fn idle_check(root: Arc<Root>) -> Result<(), Error> {
    let bus = root.bus();
    each(&root, |_: IgnoredAny, call| {
        let bus = bus.clone();
        async move { minute::check_idle(&bus, &call.metrics).await }
    })
    .await
}

async fn cron_wake(root: Arc<Root>) -> Result<(), Error> {
    let (bus, timers) = (root.bus(), root.timers());
    each(&root, |_: IgnoredAny, call| {
        let (bus, timers) = (bus.clone(), Arc::clone(&timers));
        async move { minute::wake(&bus, &*timers, call.time, &call.metrics).await }
    })
    .await
}

async fn sweeper(root: Arc<Root>) -> Result<(), Error> {
    let (world, journal) = (root.sweepers_world().map_err(start)?, root.journal());
    each(&root, |_: IgnoredAny, call| {
        let (world, journal): (World, DynamoJournal) = (world.clone(), journal.clone());
        async move { minute::sweep(&world, &journal, &call.metrics).await }
    })
    .await
}

async fn cleaner(root: Arc<Root>) -> Result<(), Error> {
    let users = needed("homesMount", root.settings.homes_mount.as_ref()).map_err(start)?;
    let leftovers = Leftovers::new(root.dynamodb(), &root.environment);
    each(&root, |_: IgnoredAny, call| {
        let (leftovers, users, now) = (leftovers.clone(), users.clone(), root.clock.now());
        async move { clean(&leftovers, &users, now, call.time, &call.metrics).await }
    })
    .await
}

async fn renewal(root: Arc<Root>) -> Result<(), Error> {
    let renewer = root.renewer().map_err(start)?;
    each(&root, |_: IgnoredAny, call| {
        let renewer = Arc::clone(&renewer);
        async move { renewal::renew(renewer, call.time, &call.metrics).await }
    })
    .await
}

async fn rotation(root: Arc<Root>) -> Result<(), Error> {
    let (pools, keys) = (root.pools(&root.bus()), root.keys());
    each(&root, |event: Started, call| {
        let (root, pools, keys) = (Arc::clone(&root), pools.clone(), Arc::clone(&keys));
        async move {
            let offered = root.offered_keys().await?;
            let Some(offered) = offered else { return Ok(()) };
            rotate::ask(&pools, &*keys, (&offered, event.by()), &call.metrics).await
        }
    })
    .await
}

async fn sessions(root: Arc<Root>) -> Result<(), Error> {
    let people = DynamoPeople::new(root.dynamodb(), &root.environment, Arc::clone(&root.ids));
    let front = Arc::new(Front { bus: root.bus(), people: Box::new(people) });
    let service = service_fn(|request: Request| {
        let (root, front) = (Arc::clone(&root), Arc::clone(&front));
        async move {
            let answered = session::answer(&front, &root.settings, &request);
            Ok::<_, Infallible>(in_time(&root, &request, answered).await)
        }
    });
    lambda_http::run(service).await
}

async fn leases(root: Arc<Root>) -> Result<(), Error> {
    let sidecars = needed("sidecars", root.settings.sidecars.as_ref()).map_err(start)?;
    let region = root.config.region().map(ToString::to_string);
    let region = region.ok_or_else(|| start(cannot_start("there is no region")))?;
    let (role, pool_key) = (sidecars.role.clone(), sidecars.pool_key.clone());
    let grants = Grants { role, region, pool_key };
    let client = aws_sdk_sts::Client::new(&root.config);
    let leases = root.leases(root.ids.token());
    let totals = Box::new(DynamoUsage::new(root.dynamodb(), &root.environment));
    let sts = StsBroker::new(client, &root.environment, &grants, leases.clone())?;
    let broker = Arc::new(Broker { sts, leases, totals });
    let service = service_fn(|request: Request| {
        let (root, broker) = (Arc::clone(&root), Arc::clone(&broker));
        async move {
            let metrics = Metrics::default();
            let answered = broker::answer(&broker, &request, root.clock.now(), &metrics);
            let answer = in_time(&root, &request, answered).await;
            root.tell(&metrics);
            Ok::<_, Infallible>(answer)
        }
    });
    lambda_http::run(service).await
}

/// What is answered, or that it took too long, before Lambda would end it.
async fn in_time(
    root: &Root,
    request: &Request,
    answered: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let deadline = request.lambda_context_ref().map_or(u64::MAX, |context| context.deadline);
    let late = |_| answer::fault(&Fault::unavailable("our own code", "it was not done in time"));
    timeout(batch::time_left(deadline, root.clock.now()), answered).await.unwrap_or_else(late)
}

async fn operator(root: Arc<Root>) -> Result<(), Error> {
    lambda_http::run(root.operators_api().map_err(start)?).await
}

/// Why the process ends at its start.
fn start(why: Diagnostic) -> Error {
    tracing::error!(why = why.error_message, "the function cannot start");
    why.error_message.into()
}
