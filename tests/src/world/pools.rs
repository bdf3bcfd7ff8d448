//! The key pool with what lies beside it, the lists of rotations, and the providers' word on a key.

use std::collections::{BTreeMap, BTreeSet};

use events::rotation::Number;
use events::token::key_print;
use events::{Envelope, KeyPrint, ProviderId, Reason, ReasonClass, Rotations, Secret, Version};
use jiff::Timestamp;
use ports::{
    Fault, KeyInfo, Keys, PoolKey, Rotated, RotationLists, Staging, Trial, Tried, Turn, async_trait,
};

use super::seat::Call;
use super::{Hazard, Seat, State};

/// The longest key that a pool takes.
const KEY_LENGTH_MAX: usize = 4_096;

/// Every pool.
#[derive(Clone, Default)]
pub struct Pools {
    lists: BTreeMap<ProviderId, (Vec<Envelope>, Rotations)>,
    keys: BTreeMap<String, Vec<Secret>>,
    stages: BTreeMap<(ProviderId, Number), Stage>,
    /// The keys that their providers do not take.
    pub refused: BTreeSet<KeyPrint>,
    /// Until when no provider answers.
    pub down_until_ms: i64,
}

#[derive(Clone, Default)]
struct Stage {
    pending: Vec<Secret>,
    added: Vec<KeyPrint>,
    previous: Vec<Secret>,
    fence: u32,
}

impl Pools {
    /// What is known of a provider's rotations.
    pub fn rotations(&self, provider: &ProviderId) -> Rotations {
        self.lists.get(provider).map(|(_, rotations)| rotations.clone()).unwrap_or_default()
    }

    /// The keys in force.
    pub fn prints(&self, provider: &ProviderId) -> Vec<KeyPrint> {
        self.keys.get(provider.as_str()).into_iter().flatten().map(key_print).collect()
    }

    /// How many rotations something lies beside the pool for.
    pub fn staged(&self) -> usize {
        self.stages.len()
    }

    /// Adds a key, as an administrator does; gives whether it was new.
    pub fn add(&mut self, provider: &str, key: Secret) -> bool {
        let keys = self.keys.entry(provider.to_owned()).or_default();
        let fresh = !keys.iter().any(|known| known.matches(key.expose()));
        if fresh {
            keys.push(key);
        }
        fresh
    }

    /// Removes a key; gives whether it was there.
    pub fn remove(&mut self, provider: &str, print: &KeyPrint) -> bool {
        let Some(keys) = self.keys.get_mut(provider) else { return false };
        let before = keys.len();
        keys.retain(|key| key_print(key) != *print);
        keys.len() < before
    }

    fn open(&mut self, provider: &ProviderId, turn: Turn) -> Result<&mut Stage, Fault> {
        let stage = self.stages.get_mut(&(provider.clone(), turn.rotation));
        let stage = stage.ok_or_else(|| refused("nothing lies beside the pool"))?;
        if turn.attempt.0 <= stage.fence {
            return Err(refused("this try was taken back"));
        }
        Ok(stage)
    }

    fn promote(
        &mut self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        let pending = self.open(provider, turn)?.pending.clone();
        let find = |print: &KeyPrint| pending.iter().find(|key| key_print(key) == *print).cloned();
        let found: Option<Vec<Secret>> = new.iter().map(find).collect();
        for key in found.ok_or_else(|| refused("one is not staged"))? {
            let print = key_print(&key);
            if self.add(provider.as_str(), key) {
                let stage = self.open(provider, turn)?;
                if !stage.added.contains(&print) {
                    stage.added.push(print);
                }
            }
        }
        Ok(self.open(provider, turn)?.added.clone())
    }

    fn retire(
        &mut self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.open(provider, turn)?;
        let keys = self.keys.entry(provider.as_str().to_owned()).or_default();
        if !new.iter().all(|print| keys.iter().any(|key| key_print(key) == *print)) {
            return Err(refused("a new key is not in the pool"));
        }
        let (gone, stay) = keys.drain(..).partition(|key| old.contains(&key_print(key)));
        *keys = stay;
        let stage = self.open(provider, turn)?;
        stage.previous.extend::<Vec<Secret>>(gone);
        Ok(stage.previous.iter().map(key_print).collect())
    }

    fn restore(&mut self, provider: &ProviderId, turn: Turn) {
        let Some(stage) = self.stages.get_mut(&(provider.clone(), turn.rotation)) else { return };
        stage.fence = stage.fence.max(turn.attempt.0);
        let previous = std::mem::take(&mut stage.previous);
        let keys = self.keys.entry(provider.as_str().to_owned()).or_default();
        let missing = |key: &Secret| !keys.iter().any(|known| known.matches(key.expose()));
        let mut all: Vec<Secret> = previous.into_iter().filter(missing).collect();
        all.append(keys);
        *keys = all;
    }

    fn withdraw(&mut self, provider: &ProviderId, turn: Turn) {
        let Some(stage) = self.stages.get_mut(&(provider.clone(), turn.rotation)) else { return };
        stage.fence = stage.fence.max(turn.attempt.0);
        for print in std::mem::take(&mut stage.added) {
            self.remove(provider.as_str(), &print);
        }
    }

    fn append(
        &mut self,
        provider: &ProviderId,
        expected: Version,
        events: &[Envelope],
        rotations: &Rotations,
    ) -> Result<Version, Fault> {
        if events.iter().any(|event| Rotations::list_of(&event.event) != Some(provider)) {
            return Err(nonsense("an event of another list"));
        }
        let (list, fold) = self.lists.entry(provider.clone()).or_default();
        let place = |event: &Envelope| list.iter().position(|known| known.id == event.id);
        let places: Option<Vec<usize>> = events.iter().map(place).collect();
        if let Some(last) = places.and_then(|places| places.into_iter().max()) {
            return Ok(Version(last as u64 + 1));
        }
        if list.len() as u64 != expected.0 {
            return Err(Fault::Conflict);
        }
        list.extend(events.iter().cloned());
        *fold = rotations.clone();
        Ok(Version(list.len() as u64))
    }
}

fn refused(words: &str) -> Fault {
    Fault::Refused(Reason::new(ReasonClass::Internal, words))
}

fn nonsense(words: &str) -> Fault {
    Fault::Nonsense { service: "the key pool", words: words.to_owned() }
}

fn check(key: &Secret) -> Result<(), Fault> {
    let text = key.expose();
    let length = (1..=KEY_LENGTH_MAX).contains(&text.len());
    if length && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(nonsense("that is no key"))
}

#[async_trait]
impl Keys for Seat {
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault> {
        let of = |state: &mut State, _| {
            let keys = state.pools.keys.get(provider).into_iter().flatten();
            Ok(keys.cloned().map(PoolKey::new).collect())
        };
        self.call(Call::KeysOf, of).await
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        let list = |state: &mut State, _| {
            let line = |(provider, keys): (&String, &Vec<Secret>)| {
                let info = |key| KeyInfo { provider: provider.clone(), key: key_print(key) };
                keys.iter().map(info).collect::<Vec<_>>()
            };
            Ok(state.pools.keys.iter().flat_map(line).collect())
        };
        self.call(Call::ListKeys, list).await
    }

    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        let add = |state: &mut State, _| {
            check(&key)?;
            provider.parse::<ProviderId>().map_err(|bad| nonsense(&bad.to_string()))?;
            Ok((key_print(&key), state.pools.add(provider, key)))
        };
        self.call(Call::AddKey, add).await
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        let remove = |state: &mut State, _| Ok(state.pools.remove(provider, key));
        self.call(Call::RemoveKey, remove).await
    }
}

#[async_trait]
impl Staging for Seat {
    async fn stage(
        &self,
        provider: &ProviderId,
        rotation: Number,
        keys: &[Secret],
    ) -> Result<Vec<KeyPrint>, Fault> {
        let stage = |state: &mut State, _| {
            keys.iter().try_for_each(check)?;
            let stage = state.pools.stages.entry((provider.clone(), rotation)).or_default();
            for key in keys {
                if !stage.pending.iter().any(|known| known.matches(key.expose())) {
                    stage.pending.push(key.clone());
                }
            }
            Ok(keys.iter().map(key_print).collect())
        };
        self.call(Call::StageKeys, stage).await
    }

    async fn staged(&self, provider: &ProviderId, rotation: Number) -> Result<Vec<PoolKey>, Fault> {
        let staged = |state: &mut State, _| {
            let stage = state.pools.stages.get(&(provider.clone(), rotation));
            let pending = stage.into_iter().flat_map(|stage| &stage.pending);
            Ok(pending.cloned().map(PoolKey::new).collect())
        };
        self.call(Call::StagedKeys, staged).await
    }

    async fn promote(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.call(Call::PromoteKeys, |state, _| state.pools.promote(provider, turn, new)).await
    }

    async fn retire(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        self.call(Call::RetireKeys, |state, _| state.pools.retire(provider, turn, new, old)).await
    }

    async fn restore(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        let restore = |state: &mut State, _| {
            state.pools.restore(provider, turn);
            Ok(())
        };
        self.call(Call::RestoreKeys, restore).await
    }

    async fn withdraw(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        let withdraw = |state: &mut State, _| {
            state.pools.withdraw(provider, turn);
            Ok(())
        };
        self.call(Call::WithdrawKeys, withdraw).await
    }

    async fn forget(&self, provider: &ProviderId, up_to: Number) -> Result<(), Fault> {
        let forget = |state: &mut State, _| {
            state.pools.stages.retain(|(of, number), _| of != provider || *number > up_to);
            Ok(())
        };
        self.call(Call::ForgetKeys, forget).await
    }
}

#[async_trait]
impl Trial for Seat {
    async fn try_key(&self, _: &ProviderId, key: &Secret) -> Result<Tried, Fault> {
        let tried = |state: &mut State, now| {
            if now < state.pools.down_until_ms {
                return Err(Fault::unavailable("the provider", "it is down"));
            }
            let refused = state.pools.refused.contains(&key_print(key));
            Ok(if refused { Tried::Refused(401) } else { Tried::Taken })
        };
        self.call(Call::TryKey, tried).await
    }
}

#[async_trait]
impl RotationLists for Seat {
    async fn load(&self, provider: &ProviderId) -> Result<Rotated, Fault> {
        let load = |state: &mut State, _| {
            let loaded = state.pools.lists.get(provider).map(|(events, rotations)| Rotated {
                version: Version(events.len() as u64),
                rotations: rotations.clone(),
            });
            Ok(loaded.unwrap_or_default())
        };
        self.call(Call::LoadRotations, load).await
    }

    async fn append(
        &self,
        provider: &ProviderId,
        expected: Version,
        events: &[Envelope],
        rotations: &Rotations,
        _: Option<Timestamp>,
    ) -> Result<Version, Fault> {
        let process = self.process();
        let append = |state: &mut State, now| {
            if state.weather.strikes(Hazard::FalseConflict) {
                return Err(Fault::Conflict);
            }
            let version = state.pools.append(provider, expected, events, rotations)?;
            for event in events {
                state.journal.alone(event);
                let told = || format!("{provider} ⇒ {:?}", event.event);
                state.trace.note(now, process, version.0, told);
            }
            Ok(version)
        };
        let version = self.call(Call::AppendRotation, append).await;
        self.world().news().feed.notify_waiters();
        self.world().news().stir.notify_waiters();
        version
    }

    async fn history(
        &self,
        provider: &ProviderId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        let read = |state: &mut State, _| {
            let events = state.pools.lists.get(provider).map(|(events, _)| events.as_slice());
            let numbered = (1..).map(Version).zip(events.unwrap_or_default());
            let wanted = numbered.filter(|(version, _)| *version > after).take(limit);
            Ok(wanted.map(|(version, event)| (version, event.clone())).collect())
        };
        self.call(Call::RotationHistory, read).await
    }

    async fn list(&self) -> Result<Vec<(ProviderId, Rotations)>, Fault> {
        let list = |state: &mut State, _| {
            let lists = state.pools.lists.iter();
            Ok(lists.map(|(provider, (_, fold))| (provider.clone(), fold.clone())).collect())
        };
        self.call(Call::ListRotations, list).await
    }
}
