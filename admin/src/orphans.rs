//! What the sweeper suspects, and what becomes of it. The sweeper alone acts.

use axum::Json;
use axum::extract::State;
use consumers::sweeper::{SUSPECTED_FOR, fate};

use crate::api::{Orphan, Orphans};
use crate::{Api, Refusal};

pub(crate) async fn list(State(api): Api) -> Result<Json<Orphans>, Refusal> {
    let mut orphans = Vec::new();
    for (suspect, since) in api.suspects.list().await? {
        let workspace = api.bus.journal().load(&suspect.workspace).await?.workspace;
        let not_before = since.saturating_add(SUSPECTED_FOR).unwrap_or(since);
        let fate = fate(&workspace, &suspect);
        orphans.push(Orphan { suspect, since, not_before, fate });
    }
    Ok(Json(Orphans { orphans }))
}
