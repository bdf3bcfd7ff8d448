//! Key rotation over HTTP: what a command asks for, and what it may see. No answer ever holds a key.

use axum::Json;
use axum::extract::{Path, Query as Fields, State};
use events::rotation::{NEW_KEYS_MAX, RequestedBy};
use events::{Event, KeyPrint, ProviderId, RotationId, Secret, Version};
use ports::Tried;
use producers::rotation::{self, Order};

use crate::api::{
    Entry, History, RotateRequest, RotationBegun, RotationPlan, RotationReplay, RotationRow,
    RotationRows, TriedKey,
};
use crate::feed::Window;
use crate::{Api, Refusal};

type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) async fn begin(
    State(api): Api,
    Json(request): Json<RotateRequest>,
) -> Answer<RotationBegun> {
    let order = order(request)?;
    let (id, put) = rotation::request(&api.pools, &*api.keys, &order).await?;
    Ok(Json(RotationBegun { id, version: before(put.version) }))
}

pub(crate) async fn plan(
    State(api): Api,
    Json(request): Json<RotateRequest>,
) -> Answer<RotationPlan> {
    let order = order(request)?;
    let plan = rotation::plan(&api.pools, &*api.keys, &order).await?;
    let Event::RotationRequested { retire, .. } = plan else {
        return Err(Refusal::bad("nothing would be rotated", "give the new keys"));
    };
    let pool = api.keys.of(order.provider.as_str()).await?;
    let stays = |key: &KeyPrint| !retire.contains(key);
    let stay = pool.into_iter().map(|key| key.print).filter(stays).collect();
    let mut new = Vec::with_capacity(order.new.len());
    for key in &order.new {
        new.push(tried(&api, &order.provider, key).await);
    }
    Ok(Json(RotationPlan { new, retire, stay }))
}

async fn tried(api: &crate::Operator, provider: &ProviderId, key: &Secret) -> TriedKey {
    let (taken, words) = match api.trial.try_key(provider, key).await {
        Ok(Tried::Taken) => (Some(true), format!("{provider} takes it")),
        Ok(Tried::Refused(status)) => (Some(false), format!("{provider} refuses it ({status})")),
        Ok(Tried::Unasked) => (None, format!("{provider} has no cheap question to try it by")),
        Err(fault) => (None, fault.reason().words),
    };
    TriedKey { key: events::token::key_print(key), taken, words }
}

pub(crate) async fn replay(
    State(api): Api,
    Path((provider, number)): Path<(String, String)>,
    Json(request): Json<RotationReplay>,
) -> Answer<RotationBegun> {
    let id: RotationId = format!("{provider}-{number}")
        .parse()
        .map_err(|bad: &str| Refusal::bad(bad, "look at: teamclaw keys rotations"))?;
    let put = rotation::replay(&api.pools, &id, request.from).await?;
    Ok(Json(RotationBegun { id, version: before(put.version) }))
}

pub(crate) async fn list(State(api): Api) -> Answer<RotationRows> {
    let mut rows = Vec::new();
    for (provider, rotations) in api.pools.lists().list().await? {
        let row = |view| RotationRow { provider: provider.clone(), view };
        rows.extend(rotations.views().map(row));
    }
    Ok(Json(RotationRows { rows }))
}

pub(crate) async fn events(
    State(api): Api,
    Path(provider): Path<String>,
    Fields(window): Fields<Window>,
) -> Answer<History> {
    let provider: ProviderId = provider.parse().map_err(|bad: events::provider::BadProvider| {
        Refusal::bad(bad.to_string(), "for example: anthropic")
    })?;
    let lists = api.pools.lists();
    let read = || lists.history(&provider, window.after(), window.limit());
    let mut events = read().await?;
    let watch = async {
        while events.is_empty() {
            tokio::time::sleep(api.look_every).await;
            events = read().await?;
        }
        Ok::<_, Refusal>(())
    };
    tokio::time::timeout(window.wait(), watch).await.unwrap_or(Ok(()))?;
    let entry = |(version, event)| Entry { version, event };
    Ok(Json(History { events: events.into_iter().map(entry).collect() }))
}

fn order(request: RotateRequest) -> Result<Order, Refusal> {
    let RotateRequest { provider, keys, retire } = request;
    if keys.len() > NEW_KEYS_MAX {
        let why = format!("a rotation takes at most {NEW_KEYS_MAX} new keys");
        return Err(Refusal::bad(why, "give fewer"));
    }
    let good = |key: &String| !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
    if !keys.iter().all(good) {
        let why = "a key is visible ASCII characters without spaces";
        return Err(Refusal::bad(why, "give one key a line"));
    }
    let new = keys.into_iter().map(Secret::new).collect();
    Ok(Order { provider, requested_by: RequestedBy::Command, new, retire })
}

fn before(version: Version) -> Version {
    Version(version.0.saturating_sub(1))
}
