//! What lies beside the pool while its keys are rotated: a part of the pool's own text, so that a
//! change of both is one write. Nothing here touches a file, and no error tells a key.
//!
//! `"rotations":{"anthropic":{"3":{"pending":["…"],"added":["0123456789ab"],"previous":["…"],
//! "fence":1}}}`: the new keys, which of them the pool did not have, the old ones that left it, and
//! up to which try all of this was taken back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Pool, PoolError, PoolKey, bad, check_key};
use crate::rotation::Number;
use crate::token::key_print;
use crate::{Attempt, KeyPrint, ProviderId, Reason, ReasonClass, Secret};

/// Where in the pool's text it stands.
const ROTATIONS: &str = "rotations";
/// The most keys that lie beside the pool for one rotation: what several who ask at once put there.
const PENDING_MAX: usize = 64;

/// Which try of which rotation acts. A try that was taken back changes nothing any more, and neither
/// does one of a rotation that was forgotten: a late message writes no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Which rotation.
    pub rotation: Number,
    /// Which try.
    pub attempt: Attempt,
}

/// What lies there for one rotation. No `Debug`: it holds keys.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Stage {
    pending: Vec<String>,
    added: Vec<KeyPrint>,
    previous: Vec<String>,
    fence: u32,
}

impl Pool {
    /// Puts keys beside the pool.
    pub fn stage(
        &mut self,
        provider: &ProviderId,
        rotation: Number,
        keys: &[Secret],
    ) -> Result<Vec<KeyPrint>, PoolError> {
        let mut stage = self.staged_for(provider, rotation)?.unwrap_or_default();
        for key in keys {
            check_key(key)?;
            if !stage.pending.iter().any(|known| key.matches(known)) {
                stage.pending.push(key.expose().to_owned());
            }
        }
        if stage.pending.len() > PENDING_MAX {
            let words = "too many keys lie beside the pool for its next rotation";
            return Err(refused(words, "ask again when the other requests are through"));
        }
        self.keep(provider, rotation, &stage)?;
        Ok(keys.iter().map(key_print).collect())
    }

    /// The keys that lie beside the pool.
    pub fn staged(
        &self,
        provider: &ProviderId,
        rotation: Number,
    ) -> Result<Vec<PoolKey>, PoolError> {
        let stage = self.staged_for(provider, rotation)?.unwrap_or_default();
        Ok(stage.pending.into_iter().map(|key| PoolKey::new(Secret::new(key))).collect())
    }

    /// Adds staged keys to the pool; gives those that it did not have.
    pub fn promote(
        &mut self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, PoolError> {
        let mut stage = self.open(provider, turn)?;
        for print in new {
            let staged = stage.pending.iter().map(|key| Secret::new(key.as_str()));
            let Some(key) = staged.into_iter().find(|key| key_print(key) == *print) else {
                let words = format!("the new key {print} does not lie beside the pool any more");
                return Err(refused(&words, "ask for a new rotation"));
            };
            let (print, fresh) = self.add(provider.as_str(), &key)?;
            if fresh && !stage.added.contains(&print) {
                stage.added.push(print);
            }
        }
        self.keep(provider, turn.rotation, &stage)?;
        Ok(stage.added)
    }

    /// Takes the old keys out and keeps them beside the pool; gives those that it has taken out.
    pub fn retire(
        &mut self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, PoolError> {
        let mut stage = self.open(provider, turn)?;
        let pool = self.of(provider.as_str());
        if let Some(gone) = new.iter().find(|print| !pool.iter().any(|key| key.print == **print)) {
            let words = format!("somebody has taken the new key {gone} out of the pool meanwhile");
            return Err(refused(&words, "replay it, or ask for a new rotation"));
        }
        for key in pool.iter().filter(|key| old.contains(&key.print)) {
            self.remove(provider.as_str(), &key.print)?;
            stage.previous.push(key.secret.expose().to_owned());
        }
        self.keep(provider, turn.rotation, &stage)?;
        Ok(stage.previous.iter().map(|key| key_print(&Secret::new(key.as_str()))).collect())
    }

    /// Puts what was retired back.
    pub fn restore(&mut self, provider: &ProviderId, turn: Turn) -> Result<(), PoolError> {
        self.take_back(provider, turn, |pool, stage| {
            let previous = std::mem::take(&mut stage.previous);
            pool.put_first(provider.as_str(), previous)
        })
    }

    /// Takes what was added out again.
    pub fn withdraw(&mut self, provider: &ProviderId, turn: Turn) -> Result<(), PoolError> {
        self.take_back(provider, turn, |pool, stage| {
            for print in std::mem::take(&mut stage.added) {
                pool.remove(provider.as_str(), &print)?;
            }
            Ok(())
        })
    }

    /// Forgets what lies there for rotations up to this one.
    pub fn forget(&mut self, provider: &ProviderId, up_to: Number) -> Result<(), PoolError> {
        let Some(all) = self.root().get_mut(ROTATIONS) else { return Ok(()) };
        let all = all.as_object_mut().ok_or_else(unreadable)?;
        if let Some(of) = all.get_mut(provider.as_str()) {
            let of = of.as_object_mut().ok_or_else(unreadable)?;
            of.retain(|number, _| number.parse().is_ok_and(|number: u64| number > up_to.0));
            if of.is_empty() {
                all.remove(provider.as_str());
            }
        }
        if all.is_empty() {
            self.root().remove(ROTATIONS);
        }
        Ok(())
    }

    /// What lies there for a try that may still act.
    fn open(&self, provider: &ProviderId, turn: Turn) -> Result<Stage, PoolError> {
        let Some(stage) = self.staged_for(provider, turn.rotation)? else {
            let words = "the new keys do not lie beside the pool any more";
            return Err(refused(words, "ask for a new rotation"));
        };
        if turn.attempt.0 <= stage.fence {
            return Err(refused("this try was taken back already", "replay the rotation"));
        }
        Ok(stage)
    }

    fn take_back(
        &mut self,
        provider: &ProviderId,
        turn: Turn,
        change: impl FnOnce(&mut Self, &mut Stage) -> Result<(), PoolError>,
    ) -> Result<(), PoolError> {
        let Some(mut stage) = self.staged_for(provider, turn.rotation)? else { return Ok(()) };
        stage.fence = stage.fence.max(turn.attempt.0);
        change(self, &mut stage)?;
        self.keep(provider, turn.rotation, &stage)
    }

    fn staged_for(
        &self,
        provider: &ProviderId,
        rotation: Number,
    ) -> Result<Option<Stage>, PoolError> {
        let of = self.text_of(ROTATIONS).and_then(|all| all.get(provider.as_str()));
        let Some(stage) = of.and_then(|of| of.get(rotation.to_string())) else { return Ok(None) };
        // The library's own words could tell a key.
        serde_json::from_value(stage.clone()).map(Some).map_err(|_| unreadable())
    }

    fn keep(
        &mut self,
        provider: &ProviderId,
        rotation: Number,
        stage: &Stage,
    ) -> Result<(), PoolError> {
        let text = serde_json::to_value(stage).map_err(|_| unreadable())?;
        let all = part(self.root(), ROTATIONS)?;
        part(all, provider.as_str())?.insert(rotation.to_string(), text);
        Ok(())
    }
}

fn part<'a>(
    of: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, PoolError> {
    let part = of.entry(name).or_insert_with(|| json!({}));
    part.as_object_mut().ok_or_else(unreadable)
}

fn unreadable() -> PoolError {
    bad("what lies beside the pool under \"rotations\" cannot be read")
}

fn refused(words: &str, hint: &str) -> PoolError {
    PoolError::Refused(Reason::new(ReasonClass::Internal, words).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_there_is_no_key_of_the_pool_and_what_is_broken_is_said_without_the_text() {
        let provider: ProviderId = "x".parse().expect("an id");
        let mut pool = Pool::parse(r#"{"x":["old"]}"#).expect("a pool");
        pool.stage(&provider, Number(1), &[Secret::new("new")]).expect("staged");
        let again = Pool::parse(&pool.text().expect("text")).expect("a pool");
        assert_eq!(again.of("x").len(), 1);
        assert_eq!(again.staged(&provider, Number(1)).map(|keys| keys.len()).ok(), Some(1));
        let broken = r#"{"providers":{},"rotations":{"x":{"1":{"pending":"sk-secret"}}}}"#;
        let pool = Pool::parse(broken).expect("a pool");
        let fault = pool.staged(&provider, Number(1)).err().expect("broken");
        assert!(!format!("{fault} {fault:?}").contains("sk-secret"), "{fault}");
    }

    #[test]
    fn nothing_of_a_rotation_is_left_in_the_text_when_it_is_forgotten() {
        let provider: ProviderId = "x".parse().expect("an id");
        let mut pool = Pool::parse(r#"{"providers":{"x":{"keys":["old"]}}}"#).expect("a pool");
        let before = pool.text().expect("text");
        pool.stage(&provider, Number(1), &[Secret::new("new")]).expect("staged");
        pool.forget(&provider, Number(1)).expect("forgotten");
        assert_eq!(pool.text().expect("text"), before);
    }
}
