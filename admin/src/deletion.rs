//! Deleting a person.

use axum::Json;
use axum::extract::{Path, State};
use events::WorkspaceId;
use ports::Loaded;

use crate::api::{DeleteRequest, Deletion};
use crate::workspaces::{known, parse};
use crate::{Api, Refusal};

pub(crate) async fn delete(
    State(api): Api,
    Path(id): Path<String>,
    Json(request): Json<DeleteRequest>,
) -> Result<Json<Deletion>, Refusal> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, workspace } = known(&api, &id).await?;
    let generation = workspace.generation();
    let mut deletion = Deletion {
        status: workspace.status(),
        version,
        already: workspace.is_deleted(),
        home: (api.home)(&id),
        task: workspace.task(generation).cloned(),
        lease: workspace.lease_attempt(generation).is_some(),
        sessions: api.people.count(&id, api.bus.now()).await?,
    };
    if !request.dry_run {
        // First, so that nobody comes back by a session of before and begins anew.
        api.people.forget(&id).await?;
        let workspace = producers::command::delete(&api.bus, &id).await?;
        deletion.status = workspace.status();
    }
    Ok(Json(deletion))
}
