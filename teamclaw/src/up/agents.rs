//! What is decided about agents on one machine: which program, with what environment, asked how.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use consumers::World;
use events::{Status, StopReason};
use local::compute as processes;
use local::confine::Confinement;
use ports::{Agents, Query};

use super::install::Runtime;
use super::settings::{AgentChoice, Settings};
use crate::problem::Problem;
use admin::api::Measure;

/// OpenClaw keeps locks there whatever it is told (agent/FACTS.md).
const OPENCLAW_PLACE: &str = "/tmp/openclaw-state-locks-{uid}";
/// How long `up` waits at its end for agents to finish and stop.
const STOP_ALL_MAX: Duration = Duration::from_secs(60);
/// How often it looks whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What an agent is, on this machine.
pub(super) struct Spec<'a> {
    pub(super) settings: &'a Settings,
    pub(super) runtime: Option<&'a Runtime>,
    pub(super) origins: &'a [String],
}

impl Spec<'_> {
    /// What runs, as `status` shows it.
    pub(super) fn name(&self) -> String {
        match (&self.settings.agent, self.runtime) {
            (AgentChoice::OpenClaw, Some(runtime)) => format!("openclaw {}", runtime.version),
            (AgentChoice::OpenClaw, None) => "openclaw".to_owned(),
            (AgentChoice::BuiltIn, _) => "the built-in demonstration agent".to_owned(),
            (AgentChoice::Command { command, .. }, _) => command.clone(),
        }
    }

    /// Who asks agents how they are.
    pub(super) fn agents(&self) -> Arc<dyn Agents> {
        match &self.settings.agent {
            AgentChoice::OpenClaw => Arc::new(agent::OpenClaw),
            AgentChoice::BuiltIn => Arc::new(agent::Custom::default()),
            AgentChoice::Command { health, .. } => Arc::new(agent::Custom::new(health.clone())),
        }
    }

    /// How their processes are run.
    pub(super) fn compute(&self, sidecar: SocketAddr) -> Result<processes::Settings, Problem> {
        let program = std::env::current_exe().map_err(|error| {
            Problem::new(
                "this program cannot find itself",
                error.to_string(),
                "start it by its path",
            )
        })?;
        let launcher = vec![program.into_os_string(), "task".into()];
        let words: processes::Words = Arc::new(|ending, log| {
            agent::words::reason(&agent::words::Ending {
                code: ending.code,
                signal: ending.signal,
                tail: log.to_owned(),
            })
        });
        let mut compute =
            processes::Settings::new(&self.settings.data_dir, sidecar, launcher, words);
        if let Some(ports) = &self.settings.agent_ports {
            compute.ports = ports.clone();
        }
        compute.require_confinement = self.settings.require_confinement;
        compute.environment = self.environment();
        match &self.settings.agent {
            AgentChoice::OpenClaw => {
                compute.runtime_dir = self.runtime.map(|runtime| runtime.dir.clone());
                compute.places = vec![OPENCLAW_PLACE.to_owned()];
            }
            AgentChoice::BuiltIn => {}
            AgentChoice::Command { command, .. } => {
                compute.readable = self.settings.agent_files.clone();
                compute.readable.extend(program_of(command));
            }
        }
        Ok(compute)
    }

    /// What every agent gets besides what its task gives it.
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment = vec![("TEAMCLAW_ORIGINS".to_owned(), self.origins.join(","))];
        let mut set = |name: &str, value: &str| {
            environment.push((name.to_owned(), value.to_owned()));
        };
        for name in ["PATH", "LANG"] {
            #[expect(
                clippy::disallowed_methods,
                reason = "the composition root hands these two on"
            )]
            if let Ok(value) = std::env::var(name) {
                set(name, &value);
            }
        }
        if let Some(model) = &self.settings.model {
            set("TEAMCLAW_MODEL", model);
        }
        match (&self.settings.agent, self.runtime) {
            (AgentChoice::OpenClaw, Some(runtime)) => {
                set("TEAMCLAW_RUNTIME", &runtime.dir.display().to_string());
            }
            (AgentChoice::OpenClaw, None) => {}
            (AgentChoice::BuiltIn, _) => set("TEAMCLAW_AGENT", "exec '{launcher}' demo-agent"),
            (AgentChoice::Command { command, .. }, _) => set("TEAMCLAW_AGENT", command),
        }
        environment
    }
}

/// The file that a command begins with, when it is one: whoever names it wants it run.
fn program_of(command: &str) -> Option<PathBuf> {
    let words = command.split_whitespace().skip_while(|word| *word == "exec");
    words.take(1).map(PathBuf::from).find(|path| path.is_absolute() && path.is_file())
}

/// What confines agents here, for the screen and for `status`.
pub(super) fn measures(confinement: &Confinement) -> Vec<Measure> {
    let shown = |measure: &local::confine::Measure| Measure {
        name: measure.name.clone(),
        in_force: measure.in_force,
        words: measure.words.clone(),
    };
    confinement.measures().into_iter().map(shown).collect()
}

/// Asks every workspace to stop and waits until all have, within a bound.
pub(super) async fn stop_all(world: &World) {
    let up = [Status::Starting, Status::Ready, Status::Stopping];
    let find = |status: Vec<Status>| async move {
        let query = Query { status, ..Query::default() };
        world.bus.find_all(&query).await.unwrap_or_default()
    };
    for row in find(up.to_vec()).await {
        if let Err(fault) =
            producers::command::stop(&world.bus, &row.workspace, StopReason::Admin).await
        {
            tracing::warn!(workspace = %row.workspace, %fault, "could not be asked to stop");
        }
    }
    let gone = async {
        while !find(up.to_vec()).await.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(STOP_ALL_MAX, gone).await.is_err() {
        tracing::warn!("some agents have not stopped yet; the next start finishes them");
    }
}
