//! The key pool in Secrets Manager: one secret in the original's JSON format, whose every change is a
//! new version made from the one that was read.
//!
//! PutSecretValue has no condition, so a change is two calls: the new version is put beside the pool
//! (AWSPENDING), and AWSCURRENT is moved from the version that was read, which fails if it is not
//! there any more (secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html). Then the
//! change is made anew on what is there: of two who edit at once neither is lost. Who dies between
//! the calls leaves the old keys in force.

mod versions;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use events::pool::{Pool, PoolError};
use events::rotation::Number;
use events::{KeyPrint, ProviderId, Reason, ReasonClass, Secret};
use ports::keys::SERVICE;
use ports::{Fault, Grant, KeyInfo, Keys, PoolKey, Renewed, Staging, Turn};
use tokio::time::sleep;

use crate::Environment;
use versions::{Moved, Versions};

/// The most bytes of a secret's text
/// (secretsmanager/latest/userguide/reference_limits.html).
const LENGTH_MAX: usize = 65_536;
/// How often a change is made anew because somebody else made theirs first, or because what was read
/// was not the newest yet.
const CHANGES_MAX: u32 = 8;
/// How much longer each try waits than the one before it.
const PAUSE: Duration = Duration::from_millis(50);

/// The pool of an environment.
pub struct SecretsKeys {
    versions: Versions,
    may_write: bool,
}

impl SecretsKeys {
    /// The pool, for who may write it: the consumer of key rotations, and operators.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { versions: Versions::of(client, environment), may_write: true }
    }

    /// The pool for who may only read it. It gives no refresh tokens: who cannot keep a renewed token
    /// must not spend what it is bought with.
    pub fn reader(client: Client, environment: &Environment) -> Self {
        Self { may_write: false, ..Self::new(client, environment) }
    }

    async fn pool(&self) -> Result<Pool, Fault> {
        Ok(self.versions.read().await?.pool)
    }

    /// Makes a change on top of the pool as it is, and anew if it has changed meanwhile.
    async fn change<T: Send>(
        &self,
        work: impl Fn(&mut Pool) -> Result<T, PoolError> + Send + Sync,
    ) -> Result<T, Fault> {
        if !self.may_write {
            let words = "the pool is only read here".to_owned();
            return Err(Fault::Nonsense { service: SERVICE, words });
        }
        for tried in 0..CHANGES_MAX {
            sleep(PAUSE * tried).await;
            let read = self.versions.read().await?;
            let mut pool = read.pool.clone();
            let done = work(&mut pool)?;
            if pool == read.pool {
                return Ok(done);
            }
            let text = Secret::new(pool.text()?);
            check_length(&text)?;
            match self.versions.replace(&read, &text).await? {
                Moved::Here => return Ok(done),
                Moved::Elsewhere => {}
            }
        }
        Err(Fault::unavailable(SERVICE, "somebody else writes it all the time"))
    }
}

fn check_length(text: &Secret) -> Result<(), Fault> {
    if text.expose().len() <= LENGTH_MAX {
        return Ok(());
    }
    let words = "the key pool would be longer than the 65,536 bytes that a secret may have";
    let reason = Reason::new(ReasonClass::Capacity, words);
    Err(Fault::Refused(reason.with_hint("remove keys that are no longer used")))
}

/// A key without what would renew it.
fn without_refresh(key: PoolKey) -> PoolKey {
    let grant = key.grant.map(|grant| Grant { refresh: None, ..grant });
    PoolKey { grant, ..key }
}

#[async_trait]
impl Keys for SecretsKeys {
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault> {
        let keys = self.pool().await?.of(provider).into_iter();
        Ok(keys.map(|key| if self.may_write { key } else { without_refresh(key) }).collect())
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        Ok(self.pool().await?.list())
    }

    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        self.change(|pool| pool.add(provider, &key)).await
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        self.change(|pool| pool.remove(provider, key)).await
    }

    async fn renew(&self, provider: &str, spent: &KeyPrint, to: &Renewed) -> Result<bool, Fault> {
        self.change(|pool| Ok(pool.renew(provider, spent, to))).await
    }
}

#[async_trait]
impl Staging for SecretsKeys {
    async fn stage(
        &self,
        provider: &ProviderId,
        rotation: Number,
        keys: &[Secret],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.change(|pool| pool.stage(provider, rotation, keys)).await
    }

    async fn staged(&self, provider: &ProviderId, rotation: Number) -> Result<Vec<PoolKey>, Fault> {
        Ok(self.pool().await?.staged(provider, rotation)?)
    }

    async fn promote(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.change(|pool| pool.promote(provider, turn, new)).await
    }

    async fn retire(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.change(|pool| pool.retire(provider, turn, new, old)).await
    }

    async fn restore(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        self.change(|pool| pool.restore(provider, turn)).await
    }

    async fn withdraw(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        self.change(|pool| pool.withdraw(provider, turn)).await
    }

    async fn forget(&self, provider: &ProviderId, up_to: Number) -> Result<(), Fault> {
        self.change(|pool| pool.forget(provider, up_to)).await
    }
}

/// Makes the secret as the stacks do, for tests: a pool without keys.
///
/// # Errors
/// What Secrets Manager says.
pub async fn create(client: &Client, environment: &Environment) -> Result<(), Fault> {
    let call = client.create_secret().name(environment.pool_secret());
    let made = call.secret_string(Pool::empty().text()?).send().await;
    made.map(drop).map_err(|error| crate::error::fault(SERVICE, &error))
}
