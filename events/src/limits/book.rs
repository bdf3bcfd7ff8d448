//! The limits of everybody, of teams and of people: what is most specific counts, field by field.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Limits;
use crate::ids::{TeamId, WorkspaceId};

/// All limits that an administrator has set, as in a settings file: those of everybody by
/// themselves, and under them `teams.NAME` and `people.NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsBook {
    /// What counts where nothing else is said.
    #[serde(flatten)]
    pub everybody: Limits,
    /// What counts for who belongs to a team.
    pub teams: BTreeMap<TeamId, Limits>,
    /// What counts for one person.
    pub people: BTreeMap<WorkspaceId, Limits>,
}

impl LimitsBook {
    /// The limits of a workspace whose costs are a team's.
    pub fn of(&self, team: &TeamId, workspace: &WorkspaceId) -> Limits {
        let mut limits = self.everybody.clone();
        if let Some(team) = self.teams.get(team) {
            limits = team.over(&limits);
        }
        if let Some(person) = self.people.get(workspace) {
            limits = person.over(&limits);
        }
        limits
    }
}
