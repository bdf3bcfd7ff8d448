//! After a restart of the engine: every task on record is watched again or finished up.
//!
//! A keeper does both: one whose process is gone finds that at once, ends what it left behind, and
//! records the end.

use std::sync::Arc;

use ports::{Fault, TaskStatus};
use rusqlite::Transaction;

use super::keeper::Keeper;
use super::kin::Kin;
use super::{Inner, SERVICE, kernel, log, table};
use crate::signals::Topic;

/// Takes over all tasks on record.
pub(super) async fn all(inner: &Arc<Inner>) -> Result<(), Fault> {
    let boot = kernel::boot_id().map_err(|error| Fault::unavailable(SERVICE, error))?;
    inner.database.write_for(Topic::Tasks, table::forget_never_started).await?;
    for record in inner.database.read(table::live).await? {
        let id = record.task.id.clone();
        let Some(process) = record.process.clone().filter(|process| process.boot == boot) else {
            // Another boot: the number means nothing, and nothing of then is left.
            let reason = ended_away();
            let stop = move |work: &Transaction<'_>| table::set_stopped(work, &id, &reason);
            inner.database.write_for(Topic::Tasks, stop).await?;
            continue;
        };
        tracing::info!(task = %id, pid = process.pid, "a task of before the restart");
        let keeper = Keeper {
            database: Arc::clone(&inner.database),
            settings: Arc::clone(&inner.settings),
            id: id.clone(),
            workspace: record.task.workspace.clone(),
            kin: Kin {
                leader: process.pid,
                started: process.started,
                uid: record.uid,
                log: log::path(&inner.settings.data_dir, &record.task.workspace),
            },
            port: record.port,
            log_start: record.log_start,
            child: None,
            stopping: record.task.status == TaskStatus::Stopping,
            listening: matches!(record.task.status, TaskStatus::Listening(_)),
        };
        inner.keep(id, keeper.start());
    }
    Ok(())
}

/// Why a task ended that nobody watched.
pub(super) fn ended_away() -> events::Reason {
    events::Reason::new(
        events::ReasonClass::AgentExited,
        "it ended while the engine was away (a restart of the machine or of teamclaw)",
    )
}
