//! What stands behind each port of a function. It has the adapters for what its role allows, and
//! [`Forbidden`] for the rest; `functions.json` says the same of the role.

use std::sync::Arc;

use agent::openclaw::OpenClaw;
use aws::alb_routes::AlbRoutes;
use aws::compute::EcsCompute;
use aws::homes::EfsHomes;
use aws::journal::DynamoJournal;
use aws::keys::SecretsKeys;
use aws::leases::DynamoLeases;
use aws::queue::SqsQueue;
use aws::rotations::DynamoRotations;
use aws::routes::DynamoRoutes;
use aws::secret_text;
use aws::starts::{Capacity, DynamoStarts};
use aws::suspects::DynamoSuspects;
use aws::timers::DynamoTimers;
use consumers::World;
use events::pool::Pool;
use events::price::PriceTable;
use events::{Class, Secret, rotation};
use lambda_runtime::Diagnostic;
use ports::{Compute, Fault, Routes, Starts, Timers, Trial};
use producers::{Bus, Pools};
use sidecar::{Outside, Sidecar};

use crate::forbidden::Forbidden;
use crate::root::{Root, cannot_start};
use crate::rotate::OFFERED;

impl Root {
    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// The journal.
    pub fn journal(&self) -> DynamoJournal {
        DynamoJournal::new(self.dynamodb(), &self.environment)
    }

    /// The timers.
    pub fn timers(&self) -> Arc<dyn Timers> {
        Arc::new(DynamoTimers::new(self.dynamodb(), &self.environment))
    }

    /// Where facts go.
    pub fn bus(&self) -> Bus {
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), &self.environment);
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        let policy = self.settings.policy;
        Bus::new(Arc::new(self.journal()), Arc::new(queue), self.timers(), clock, ids, policy)
    }

    /// Where the facts of rotations go.
    pub fn pools(&self, bus: &Bus) -> Pools {
        let lists = DynamoRotations::new(self.dynamodb(), &self.environment);
        let policy = rotation::Policy::believing(self.settings.keys_believed);
        Pools::new(bus.clone(), Arc::new(lists), policy)
    }

    /// The key pool.
    pub fn keys(&self) -> Arc<SecretsKeys> {
        Arc::new(SecretsKeys::new(self.secrets(), &self.environment))
    }

    /// A world in which nothing is allowed but to record, to nudge and to set timers.
    pub fn bare_world(&self) -> World {
        let forbidden = Arc::new(Forbidden);
        let bus = self.bus();
        World {
            pools: self.pools(&bus),
            bus,
            homes: forbidden.clone(),
            compute: forbidden.clone(),
            starts: None,
            leases: forbidden.clone(),
            routes: forbidden.clone(),
            suspects: forbidden.clone(),
            agents: forbidden.clone(),
            keys: forbidden.clone(),
            trial: forbidden,
            default_team: self.settings.default_team.clone(),
        }
    }

    /// The world of a class's consumer.
    ///
    /// # Errors
    /// A setting that it needs is missing, or its secret cannot be read.
    pub async fn world_of(&self, class: Class) -> Result<World, Diagnostic> {
        let bare = self.bare_world();
        Ok(match class {
            Class::Storage => World { homes: Arc::new(self.homes()?), ..bare },
            Class::Compute => World {
                compute: self.compute()?,
                starts: Some(self.starts()?),
                leases: self.leases(self.token_secret().await?),
                ..bare
            },
            Class::Routing => World {
                routes: self.routes(),
                leases: self.leases(self.token_secret().await?),
                agents: Arc::new(OpenClaw),
                ..bare
            },
            Class::Keys => World { keys: self.keys(), trial: self.trial()?, ..bare },
        })
    }

    /// The sweeper's world. It mints no tokens, so it needs no secret.
    ///
    /// # Errors
    /// A setting that it needs is missing.
    pub fn sweepers_world(&self) -> Result<World, Diagnostic> {
        Ok(World {
            compute: self.compute()?,
            leases: self.leases(self.ids.token()),
            routes: self.routes(),
            suspects: self.suspects(),
            ..self.bare_world()
        })
    }

    /// The ways to agents: rows that the router reads, or rules of a load balancer where settings name one.
    fn routes(&self) -> Arc<dyn Routes> {
        let (dynamodb, environment) = (self.dynamodb(), &self.environment);
        match self.settings.load_balancer.clone() {
            None => Arc::new(DynamoRoutes::new(dynamodb, environment)),
            Some(balancer) => {
                let client = aws_sdk_elasticloadbalancingv2::Client::new(&self.config);
                Arc::new(AlbRoutes::new(client, environment, dynamodb, balancer))
            }
        }
    }

    /// What the sweeper suspects.
    pub fn suspects(&self) -> Arc<DynamoSuspects> {
        Arc::new(DynamoSuspects::new(self.dynamodb(), &self.environment))
    }

    /// The leases, with tokens that follow from this secret.
    pub fn leases(&self, secret: Secret) -> Arc<DynamoLeases> {
        let leases = DynamoLeases::new(self.dynamodb(), &self.environment, secret);
        Arc::new(leases.limited_by(self.settings.limits.clone()))
    }

    fn homes(&self) -> Result<EfsHomes, Diagnostic> {
        let client = aws_sdk_efs::Client::new(&self.config);
        let file_system = needed("fileSystem", self.settings.file_system.as_ref())?;
        Ok(EfsHomes::new(client, &self.environment, self.dynamodb(), file_system))
    }

    fn compute(&self) -> Result<Arc<dyn Compute>, Diagnostic> {
        let ecs = aws_sdk_ecs::Client::new(&self.config);
        let iam = aws_sdk_iam::Client::new(&self.config);
        let tasks = needed("tasks", self.settings.tasks.as_ref())?.clone();
        let clock = Arc::clone(&self.clock);
        let (environment, dynamodb) = (&self.environment, self.dynamodb());
        Ok(Arc::new(EcsCompute::new(ecs, environment, iam, dynamodb, tasks, clock)))
    }

    fn starts(&self) -> Result<Arc<dyn Starts>, Diagnostic> {
        let spot = needed("tasks", self.settings.tasks.as_ref())?.spot;
        let capacity = if spot { Capacity::Spot } else { Capacity::OnDemand };
        let rate = self.settings.admission.rate();
        let (client, environment) = (self.dynamodb(), &self.environment);
        Ok(Arc::new(DynamoStarts::new(client, environment, capacity, rate)))
    }

    /// The providers' own word on a key.
    ///
    /// # Errors
    /// No TLS, or a provider's place that is none.
    pub fn trial(&self) -> Result<Arc<dyn Trial>, Diagnostic> {
        let forbidden = Arc::new(Forbidden);
        let outside = Outside {
            leases: forbidden.clone(),
            keys: forbidden.clone(),
            usage: forbidden.clone(),
            totals: forbidden,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            prices: Arc::new(PriceTable::built_in()),
            on_activity: Arc::new(|_, _| {}),
        };
        let upstreams = self.settings.upstreams.clone();
        let config = sidecar::Config { upstreams, ..sidecar::Config::default() };
        let asker = Sidecar::new(&config, outside).map_err(cannot_start)?;
        Ok(asker)
    }

    fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// The secret from which tokens and passes follow.
    async fn token_secret(&self) -> Result<Secret, Diagnostic> {
        let name = self.environment.token_secret();
        let read = secret_text::needed(&self.secrets(), &name).await;
        read.map_err(|fault| cannot_start(&fault))
    }

    /// The new keys that somebody has put beside the pool, if anybody has.
    ///
    /// # Errors
    /// What the store said, or that they are no pool.
    pub async fn offered_keys(&self) -> Result<Option<Pool>, Fault> {
        let name = self.environment.pool_secret();
        let offered = secret_text::labelled(&self.secrets(), &name, OFFERED).await?;
        Ok(offered.map(|text| Pool::parse(text.expose())).transpose()?)
    }
}

/// A setting that a function cannot do without.
///
/// # Errors
/// It is not there.
pub fn needed<'a, T>(name: &str, setting: Option<&'a T>) -> Result<&'a T, Diagnostic> {
    setting.ok_or_else(|| cannot_start(format!("TEAMCLAW_SETTINGS has no \"{name}\"")))
}
