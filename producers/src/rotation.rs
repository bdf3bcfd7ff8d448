//! What asks for a rotation: an administrator's command, a schedule, something that happened. Each
//! names itself; the rules are the same for all.

use events::rotation::{self, RequestedBy, Wish};
use events::{Event, KeyPrint, KeyStep, ProviderId, RotationId, Secret};
use ports::{Fault, Rotated, Staging};

use crate::pools::Pools;

const SOURCE: &str = "/producers/rotation";

/// What shall be rotated. No `Debug`: it holds keys.
pub struct Order {
    /// Whose keys.
    pub provider: ProviderId,
    /// What asks.
    pub requested_by: RequestedBy,
    /// The new keys.
    pub new: Vec<Secret>,
    /// Those that shall leave the pool; `None`: all that are in it and not among the new.
    pub retire: Option<Vec<KeyPrint>>,
}

impl Order {
    fn wish(&self, new: Vec<KeyPrint>) -> Wish {
        let Self { provider, requested_by, retire, .. } = self;
        let (provider, retire) = (provider.clone(), retire.clone());
        Wish { provider, requested_by: *requested_by, new, retire }
    }
}

/// Begins a rotation. The new keys are put beside the pool first, for the number that this rotation
/// will have, so that no fact names a key that lies nowhere. Should somebody else's rotation get that
/// number, theirs is acted on and ours is refused; what we put there is forgotten with it.
///
/// # Errors
/// [`Fault::Refused`] while another rotation of these keys is under way, and for what cannot be
/// rotated.
pub async fn request(
    pools: &Pools,
    keys: &dyn Staging,
    order: &Order,
) -> Result<(RotationId, Rotated), Fault> {
    let provider = &order.provider;
    let plan = plan(pools, keys, order).await?;
    let Event::RotationRequested { rotation, .. } = &plan else { return Err(Fault::Conflict) };
    let rotation = *rotation;
    keys.stage(provider, rotation, &order.new).await?;
    let pool = in_pool(keys, provider).await?;
    let wish = order.wish(prints(order));
    let decide = |known: &events::Rotations| {
        let event = rotation::request(known, &wish, &pool)?;
        if matches!(&event, Event::RotationRequested { rotation: it, .. } if *it == rotation) {
            return Ok(event);
        }
        // The number that the keys were staged for is somebody else's by now.
        let words = format!("another rotation of {provider} was asked for at the same moment");
        let class = events::ReasonClass::Internal;
        Err(events::Reason::new(class, words).with_hint("look at: teamclaw keys rotations"))
    };
    let put = pools.put(SOURCE, provider, decide).await?;
    Ok((RotationId { provider: provider.clone(), rotation }, put))
}

/// The fact by which a rotation would begin, for a dry run; changes nothing.
///
/// # Errors
/// As [`request`].
pub async fn plan(pools: &Pools, keys: &dyn Staging, order: &Order) -> Result<Event, Fault> {
    let known = pools.lists().load(&order.provider).await?;
    let pool = in_pool(keys, &order.provider).await?;
    rotation::request(&known.rotations, &order.wish(prints(order)), &pool).map_err(Fault::Refused)
}

/// Tries a refused or parked rotation again, from `from` or else from the step that was refused.
///
/// # Errors
/// [`Fault::Refused`] when there is nothing to replay.
pub async fn replay(
    pools: &Pools,
    id: &RotationId,
    from: Option<KeyStep>,
) -> Result<Rotated, Fault> {
    pools.put(SOURCE, &id.provider, |known| rotation::replay(known, id, from)).await
}

fn prints(order: &Order) -> Vec<KeyPrint> {
    order.new.iter().map(events::token::key_print).collect()
}

async fn in_pool(keys: &dyn Staging, provider: &ProviderId) -> Result<Vec<KeyPrint>, Fault> {
    let keys = keys.of(provider.as_str()).await?;
    Ok(keys.into_iter().map(|key| key.print).collect())
}
