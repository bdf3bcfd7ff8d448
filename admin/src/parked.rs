//! What needs a human, and what the human decides.

use axum::Json;
use axum::extract::{Path, State};
use events::workspace::WayOut;
use events::{Class, WorkspaceId};
use ports::{Projection, Query, Row};
use producers::parked;

use crate::api::{LeaveRequest, LeftMany, RedriveRequest, Redriven};
use crate::workspaces::known;
use crate::{Api, Refusal};

type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) async fn leave(
    State(api): Api,
    Path(way): Path<String>,
    Json(request): Json<LeaveRequest>,
) -> Answer<LeftMany> {
    let way = parse_way(&way)?;
    let LeaveRequest { user, all, step, reason, since, team, from, dry_run } = request;
    let rows = match (user, all) {
        (Some(user), false) => vec![row(&api, user).await?],
        (None, true) => {
            let query = Query { step, reason, since, team, ..Query::default() };
            parked::find(&api.bus, query).await?
        }
        (Some(_), true) | (None, false) => {
            return Err(Refusal::bad("either one user is named or all are meant", "say which"));
        }
    };
    let mut answer = LeftMany { rows, ..LeftMany::default() };
    for Row { workspace, .. } in &answer.rows {
        let decided = if dry_run {
            parked::check(&api.bus, workspace, way).await
        } else {
            parked::decide(&api.bus, workspace, way, from).await.map(drop)
        };
        match decided {
            Ok(()) => answer.left += 1,
            Err(fault) => answer.refused.push((workspace.clone(), fault.reason())),
        }
    }
    Ok(Json(answer))
}

async fn row(api: &crate::Operator, id: WorkspaceId) -> Result<Row, Refusal> {
    let loaded = known(api, &id).await?;
    let now = api.bus.now();
    Ok(Row::of(&id, &Projection::of(loaded.workspace, api.bus.policy(), now)))
}

pub(crate) async fn redrive(
    State(api): Api,
    Json(request): Json<RedriveRequest>,
) -> Answer<Redriven> {
    let RedriveRequest { class, dry_run } = request;
    let classes = class.map_or_else(|| Class::ALL.to_vec(), |class| vec![class]);
    let letters = parked::letters(&api.bus, &classes).await?;
    let sent = if dry_run { 0 } else { parked::redrive(&api.bus, &classes).await? };
    Ok(Json(Redriven { letters, sent }))
}

fn parse_way(name: &str) -> Result<WayOut, Refusal> {
    WayOut::ALL.into_iter().find(|way| way.name() == name).ok_or_else(|| {
        let known = WayOut::ALL.map(WayOut::name).join(", ");
        Refusal::missing(format!("\"{name}\" is no way out"), format!("use one of {known}"))
    })
}
