//! What confines agents on this machine, for `up` and `status`: each measure in force or missing,
//! with words that an owner of the machine understands.

use serde::{Deserialize, Serialize};

use super::{Landlock, Outcome, Seen};

/// One measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name in two or three words.
    pub name: String,
    /// Whether it was seen to work.
    pub in_force: bool,
    /// What it does; when it is missing, what follows from that and what to do.
    pub words: String,
}

/// All measures, as a probe process found them on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Each agent runs as a user of its own.
    pub own_user: Measure,
    /// Files of the engine and of others are closed.
    pub files: Measure,
    /// Only the agent's own port and the sidecar's, and outward ones, are open.
    pub ports: Measure,
    /// Processes outside cannot be signalled.
    pub signals: Measure,
    /// Nothing can give an agent more rights.
    pub no_new_privileges: Measure,
    /// Memory, files and processes are limited.
    pub limits: Measure,
    /// No file of the engine is open in an agent.
    pub open_files: Measure,
    /// The Landlock ABI in use; 0 without Landlock.
    pub landlock_abi: u8,
}

impl Confinement {
    /// Every measure, in the order in which they are shown.
    pub fn measures(&self) -> [&Measure; 7] {
        [
            &self.own_user,
            &self.files,
            &self.ports,
            &self.signals,
            &self.no_new_privileges,
            &self.limits,
            &self.open_files,
        ]
    }

    /// Those that are missing; `up` says them loudly.
    pub fn missing(&self) -> Vec<&Measure> {
        self.measures().into_iter().filter(|measure| !measure.in_force).collect()
    }

    /// From what a process behind the walls saw.
    pub fn from_seen(seen: &Seen) -> Self {
        let outcome = &seen.outcome;
        Self {
            own_user: own_user(outcome),
            files: files(seen),
            ports: measure(
                "network ports",
                !seen.listens_elsewhere && !seen.connects_elsewhere,
                "an agent listens on its own port only and connects to the sidecar and outward ports only",
                "agents can reach ports of this machine that are not theirs, each other's among them: \
                 rules for TCP ports need Landlock of Linux 6.7 or newer, and seccomp filters",
            ),
            signals: measure(
                "signals",
                !seen.signals_engine && (outcome.own_uid || outcome.landlock_abi >= SCOPES),
                "an agent can signal its own processes only",
                "an agent can end the engine and other agents: start as root, or use Linux 6.12 or newer",
            ),
            no_new_privileges: measure(
                "no new privileges",
                outcome.no_new_privs && (!outcome.own_uid || outcome.groups.is_empty()),
                "set-user-id programs give an agent nothing",
                "an agent may gain rights from set-user-id programs or from groups that it kept",
            ),
            limits: limits(outcome),
            open_files: measure(
                "open files",
                outcome.open_files.is_empty(),
                "no file of the engine is open in an agent",
                &format!(
                    "agents inherit open files ({}): start the engine without them",
                    outcome.open_files.join(", ")
                ),
            ),
            landlock_abi: outcome.landlock_abi,
        }
    }
}

/// The first Landlock ABI with scopes for signals and abstract sockets.
const SCOPES: u8 = 6;

fn own_user(outcome: &Outcome) -> Measure {
    measure(
        "own user",
        outcome.own_uid,
        "each agent runs as a user of its own",
        "agents run as your own user, kept apart by Landlock alone: local sockets that you may open \
         (a container engine's, for example) are open to them, they can change modes and times of \
         your files though not read them, and a process that leaves its session may outlive a stop. \
         Start as root to give each a user of its own",
    )
}

fn files(seen: &Seen) -> Measure {
    let closed = !seen.reads_our_files && seen.outcome.landlock != Landlock::Off;
    let missing = if seen.outcome.own_uid {
        "this kernel has no Landlock: only file permissions keep agents from the files of others"
    } else {
        "AGENTS CAN READ YOUR KEYS: this kernel has no Landlock and the engine is not root. \
         Start as root, or use Linux 5.13 or newer with Landlock enabled"
    };
    measure(
        "files",
        closed,
        "an agent reads the system and its own home, and nothing else",
        missing,
    )
}

fn limits(outcome: &Outcome) -> Measure {
    measure(
        "limits",
        outcome.limits_missing.is_empty(),
        "memory, file lengths and open files of an agent are limited",
        &format!("not limited: {}", outcome.limits_missing.join(", ")),
    )
}

fn measure(name: &str, in_force: bool, good: &str, missing: &str) -> Measure {
    let words = if in_force { good } else { missing };
    Measure { name: name.to_owned(), in_force, words: words.to_owned() }
}

/// The walls that a launcher can see missing by itself.
pub(super) fn missing_walls(outcome: &Outcome) -> Vec<String> {
    let mut missing = Vec::new();
    match outcome.landlock {
        Landlock::Full => {}
        Landlock::Partial => {
            missing.push(format!("Landlock is only partly in force (ABI {})", outcome.landlock_abi))
        }
        Landlock::Off => missing.push("Landlock is not available".to_owned()),
    }
    if let Some(why) = &outcome.calls_open {
        missing.push(format!("calls around the rules for ports are open ({why})"));
    }
    if !outcome.no_new_privs {
        missing.push("no_new_privs is not set".to_owned());
    }
    if !outcome.groups.is_empty() && outcome.own_uid {
        missing.push(format!("it is in the groups {:?}", outcome.groups));
    }
    missing.extend(outcome.limits_missing.iter().map(|limit| format!("not limited: {limit}")));
    missing.extend(outcome.open_files.iter().map(|file| format!("an inherited open file: {file}")));
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Outcome {
        Outcome {
            uid: 200_001,
            own_uid: true,
            groups: Vec::new(),
            landlock: Landlock::Full,
            landlock_abi: 7,
            no_new_privs: true,
            calls_open: None,
            limits_missing: Vec::new(),
            open_files: Vec::new(),
        }
    }

    fn seen(outcome: Outcome) -> Seen {
        Seen {
            outcome,
            reads_our_files: false,
            listens_elsewhere: false,
            connects_elsewhere: false,
            signals_engine: false,
        }
    }

    fn missing(seen: &Seen) -> Vec<String> {
        Confinement::from_seen(seen).missing().into_iter().map(|it| it.name.clone()).collect()
    }

    #[test]
    fn every_missing_wall_is_named_to_whoever_requires_all() {
        assert_eq!(missing_walls(&good()), Vec::<String>::new());
        let broken: [fn(&mut Outcome); 7] = [
            |it| it.landlock = Landlock::Off,
            |it| it.landlock = Landlock::Partial,
            |it| it.no_new_privs = false,
            |it| it.groups.push(0),
            |it| it.calls_open = Some("no seccomp".to_owned()),
            |it| it.limits_missing.push("memory".to_owned()),
            |it| it.open_files.push("3 /secret".to_owned()),
        ];
        for (number, break_it) in broken.into_iter().enumerate() {
            let mut outcome = good();
            break_it(&mut outcome);
            assert_eq!(missing_walls(&outcome).len(), 1, "case {number}");
        }
    }

    #[test]
    fn without_landlock_and_root_the_report_shouts() {
        let mut outcome = good();
        (outcome.own_uid, outcome.landlock, outcome.landlock_abi) = (false, Landlock::Off, 0);
        let seen = Seen {
            reads_our_files: true,
            listens_elsewhere: true,
            connects_elsewhere: true,
            signals_engine: true,
            ..seen(outcome)
        };
        assert_eq!(missing(&seen), ["own user", "files", "network ports", "signals"]);
        assert!(Confinement::from_seen(&seen).files.words.contains("CAN READ YOUR KEYS"));
    }

    #[test]
    fn with_every_wall_nothing_is_missing() {
        assert_eq!(missing(&seen(good())), Vec::<String>::new());
    }
}
