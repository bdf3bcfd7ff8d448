//! Whether a rotation may begin, or be tried again, and as which fact that is written down.

use super::{KeyStep, RequestedBy, RotationId, Rotations, Standing};
use crate::event::Event;
use crate::ids::KeyPrint;
use crate::provider::ProviderId;
use crate::reason::{Reason, ReasonClass};

/// The most new keys in one rotation: they are tried at the same time, within one look.
pub const NEW_KEYS_MAX: usize = 16;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose keys.
    pub provider: ProviderId,
    /// What asks.
    pub requested_by: RequestedBy,
    /// The new keys.
    pub new: Vec<KeyPrint>,
    /// Those that shall leave the pool; `None`: all that are in it and not among the new.
    pub retire: Option<Vec<KeyPrint>>,
}

/// The fact by which a rotation begins; `pool` is what the pool has of this provider now.
///
/// # Errors
/// Why it may not, with what to do instead.
pub fn request(rotations: &Rotations, wish: &Wish, pool: &[KeyPrint]) -> Result<Event, Reason> {
    let provider = wish.provider.clone();
    if let Some(current) = rotations.current().filter(|it| it.standing != Standing::Rotated) {
        let id = RotationId { provider: provider.clone(), rotation: current.rotation };
        match current.standing {
            Standing::Running | Standing::Unwinding => {
                let words = format!("a rotation of {provider} is under way: {id}");
                return Err(closed(words, "wait for it: teamclaw keys rotations"));
            }
            Standing::Parked => {
                let words = format!("{id} could not be taken back and waits for a human");
                let hint = format!("mend that, then: teamclaw keys rotate --replay {id}");
                return Err(closed(words, hint));
            }
            Standing::Refused | Standing::Rotated => {}
        }
    }
    let mut new: Vec<KeyPrint> = Vec::new();
    for key in &wish.new {
        if !new.contains(key) {
            new.push(key.clone());
        }
    }
    if new.is_empty() || new.len() > NEW_KEYS_MAX {
        let words = format!("a rotation takes 1 to {NEW_KEYS_MAX} new keys, not {}", new.len());
        return Err(closed(words, "give the new keys, one a line"));
    }
    let retire = retired(wish, &new, pool)?;
    let (rotation, requested_by) = (rotations.newest().next(), wish.requested_by);
    Ok(Event::RotationRequested { provider, rotation, requested_by, new, retire })
}

fn retired(wish: &Wish, new: &[KeyPrint], pool: &[KeyPrint]) -> Result<Vec<KeyPrint>, Reason> {
    let provider = &wish.provider;
    let Some(named) = &wish.retire else {
        return Ok(pool.iter().filter(|key| !new.contains(key)).cloned().collect());
    };
    if let Some(unknown) = named.iter().find(|key| !pool.contains(key)) {
        let words = format!("the pool has no key {unknown} of {provider}");
        return Err(closed(words, "look at: teamclaw keys list"));
    }
    if let Some(both) = named.iter().find(|key| new.contains(key)) {
        let words = format!("key {both} cannot join the pool and leave it");
        return Err(closed(words, "leave it out of one of the two"));
    }
    Ok(named.clone())
}

/// The fact by which the newest rotation is tried again, from `from` or else from the step that
/// was refused.
///
/// # Errors
/// Why it is not, with what to do instead.
pub fn replay(
    rotations: &Rotations,
    id: &RotationId,
    from: Option<KeyStep>,
) -> Result<Event, Reason> {
    let list = "look at: teamclaw keys rotations";
    let Some((number, rotation)) =
        rotations.all.last_key_value().filter(|(number, _)| **number >= id.rotation)
    else {
        return Err(closed(format!("there is no rotation {id}"), list));
    };
    if *number > id.rotation {
        let newer = RotationId { provider: id.provider.clone(), rotation: *number };
        return Err(closed(format!("{id} was followed by {newer}"), "ask for a new rotation"));
    }
    let Some(trouble) = rotation.trouble().filter(|_| !rotation.standing().is_moving()) else {
        let standing = rotation.standing().name();
        let words = format!("{id} is {standing}: only a refused or parked one is replayed");
        return Err(closed(words, list));
    };
    Ok(Event::RotationReplayRequested {
        provider: id.provider.clone(),
        rotation: *number,
        attempt: rotation.attempt().next(),
        from: from.unwrap_or(trouble.step),
    })
}

fn closed(words: impl AsRef<str>, hint: impl AsRef<str>) -> Reason {
    Reason::new(ReasonClass::Internal, words).with_hint(hint)
}
