//! What becomes of a suspect as things stand: decides, and touches nothing.

use events::{Status, Workspace};
use ports::Suspect;
use serde::{Deserialize, Serialize};

use super::owns;

/// How far a thing's generation may be ahead of its workspace's. A journal that was restored from a
/// copy is behind by some starts; a number beyond this was never a start of ours.
const AHEAD_MAX: u64 = 1_000_000;

/// What becomes of a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is removed.
    Goes,
    /// The task is missing and is written down as gone.
    DeclaredGone,
    /// Nobody asked for it yet. It is removed when its workspace rests: what that has is of an older
    /// generation and would be taken back as well.
    WaitsForRest,
    /// A human must remove it: its generation is a number that no start ever had.
    NeedsHuman,
    /// It belongs to somebody by now.
    Stays,
}

/// What becomes of it once it has been suspected for long enough.
pub fn fate(workspace: &Workspace, suspect: &Suspect) -> Fate {
    if suspect.missing {
        return Fate::DeclaredGone;
    }
    let ahead = suspect.generation.0.saturating_sub(workspace.generation().0);
    match ahead {
        0 if owns(workspace, suspect.generation) => Fate::Stays,
        0 => Fate::Goes,
        1..=AHEAD_MAX if rests(workspace) => Fate::Goes,
        1..=AHEAD_MAX => Fate::WaitsForRest,
        _ => Fate::NeedsHuman,
    }
}

/// Whether nothing of a workspace exists or is being made or taken back.
fn rests(workspace: &Workspace) -> bool {
    matches!(workspace.status(), Status::Asleep | Status::Failed)
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Event, Gen, StartCause, StopReason, WorkspaceId};
    use jiff::Timestamp;
    use ports::Kind;

    use super::*;

    /// Generation 2 starts, or has ended.
    fn workspace(ended: bool) -> Workspace {
        let (at, generation) = (Timestamp::UNIX_EPOCH, Gen(2));
        let mut workspace = Workspace::default();
        workspace.absorb(at, &Event::StartRequested { generation, cause: StartCause::Login });
        if ended {
            workspace.absorb(at, &Event::Stopped { generation, reason: StopReason::Person });
        }
        workspace
    }

    #[test]
    fn what_becomes_of_a_suspect_follows_from_its_generation_and_whether_its_workspace_rests() {
        let table = [
            (false, 2, Fate::Stays),
            (false, 1, Fate::Stays),
            (false, 3, Fate::WaitsForRest),
            (false, 2 + AHEAD_MAX, Fate::WaitsForRest),
            (false, 3 + AHEAD_MAX, Fate::NeedsHuman),
            (true, 2, Fate::Goes),
            (true, 1, Fate::Goes),
            (true, 3, Fate::Goes),
            (true, 2 + AHEAD_MAX, Fate::Goes),
            (true, 3 + AHEAD_MAX, Fate::NeedsHuman),
        ];
        let ann: WorkspaceId = "ann".parse().expect("a name");
        for (ended, generation, want) in table {
            let (workspace, generation) = (workspace(ended), Gen(generation));
            let (id, attempt) = (ann.clone(), Attempt(1));
            let suspect =
                Suspect { kind: Kind::Task, missing: false, workspace: id, generation, attempt };
            assert_eq!(fate(&workspace, &suspect), want, "ended: {ended}, {generation}");
            let missing = Suspect { missing: true, ..suspect };
            assert_eq!(fate(&workspace, &missing), Fate::DeclaredGone);
        }
    }
}
