//! One word for one thing, in code and in prose. The table says which word stands for a thing
//! here, and where another's word may stand because it is another's thing.

use crate::sources::{Source, all, example, none};

/// A word that is not ours.
struct Banned {
    word: &'static str,
    /// What we say.
    instead: &'static str,
    /// Where it may stand: the beginning of a path, and why.
    places: &'static [(&'static str, &'static str)],
    /// Within which other text it may stand anywhere: a name or a term that others gave.
    within: &'static [&'static str],
}

const fn banned(word: &'static str, instead: &'static str) -> Banned {
    Banned { word, instead, places: &[], within: &[] }
}

/// What OpenClaw itself calls its things.
const OPENCLAW: &str = "OpenClaw's own word, in its protocol and its log lines";

/// What JSON Schema calls what it judges.
const JSON_SCHEMA: &str = "JSON Schema's own word for what is judged";
/// A unit of work within one file, that no queue carries.
const INSIDE: &str = "a unit of work that never leaves the file's own thread or process";

/// What ECS calls the parts of a task.
const ECS: &str = "ECS's own word, in its fields and codes";

/// What providers call what is out of reach here.
const PROVIDER: &str = "a provider's own word, in its paths";

const WORDS: [Banned; 15] = [
    banned("tenant", "workspace"),
    banned("sandbox", "workspace, or confinement"),
    Banned {
        places: &[
            ("agent/src/words.rs", OPENCLAW),
            ("tests/python/validate_schema.py", JSON_SCHEMA),
            ("tests/tests/schema/compat.rs", JSON_SCHEMA),
        ],
        ..banned("instance", "workspace, agent or task")
    },
    banned("pod", "task"),
    Banned {
        places: &[("tests/agents/hostile.py", "the system calls process_vm_readv and _writev")],
        // Linux calls so the most memory that a process ever had.
        within: &["vmhwm"],
        ..banned("vm", "task")
    },
    Banned {
        places: &[
            ("aws/fake/src/ecs/", ECS),
            ("aws/fake/tests/", ECS),
            ("aws/src/compute/", ECS),
            ("events/src/ids.rs", "says what a task is on AWS"),
            ("agent/tests/entrypoint.rs", "variables that ECS sets"),
            ("lambdas/tests/journeys/usage.rs", ECS),
            ("lambdas/tests/journeys/sweep.rs", "ECS's own name, in its protocol"),
            ("lambdas/tests/local/calls.rs", "ECS's own name, in its protocol"),
            ("lambdas/tests/local/needs.rs", "ECS's own name, in its protocol"),
            ("sidecar/src/scan/", "JSON's objects and lists"),
            ("sidecar/src/providers/tests.rs", PROVIDER),
        ],
        within: &["container engine", "/v1/containers"],
        ..banned("container", "task")
    },
    Banned {
        places: &[
            ("agent/src/openclaw", OPENCLAW),
            ("agent/FACTS.md", OPENCLAW),
            ("agent/src/run.rs", INSIDE),
            ("agent/src/supervise.rs", INSIDE),
            ("lambdas/tests/local/agent.py", OPENCLAW),
            ("local/src/error.rs", INSIDE),
            ("local/src/writer.rs", INSIDE),
            ("local/tests/durability.rs", INSIDE),
            ("sidecar/src/providers/tests.rs", PROVIDER),
        ],
        // Prometheus' own word for whom it scrapes.
        within: &["/v1/fine_tuning/jobs", "job_name"],
        ..banned("job", "nudge, message or step")
    },
    Banned {
        // The last is API Gateway's name for when a request came.
        within: &["unix_epoch", "unix epoch", "timeepoch"],
        ..banned("epoch", "generation")
    },
    banned("incarnation", "generation"),
    Banned {
        within: &[
            "service manager",
            "secrets manager",
            "secretsmanager",
            "http_connection_manager",
            "httpconnectionmanager",
        ],
        ..banned("manager", "what it does")
    },
    Banned {
        // A header of the official clients.
        within: &["x-stainless-helper-method"],
        ..banned("helper", "what it does")
    },
    Banned {
        // The last is AWS's own, which mounts homes.
        within: &["-util", "_util", "[\"util\"]", "util-linux", "efs utils"],
        ..banned("util", "what it does")
    },
    banned("spawner", "compute"),
    // A module of AWS's SDK.
    Banned { within: &["client::orchestrator"], ..banned("orchestrator", "consumer") },
    Banned {
        // Browsers call so the scripts that outlive a page, and tokio its threads.
        within: &[
            "service-worker",
            "service_worker",
            "service worker",
            "workers that outlive",
            "worker_threads",
            "worker_processes",
            "worker_connections",
        ],
        ..banned("worker", "consumer")
    },
];

/// Where the table itself stands, and what is about it.
const ABOUT_WORDS: [&str; 2] = ["tests/tests/tidy/", "CONTRIBUTING.md"];

#[test]
fn one_word_for_one_thing() {
    none("another word is ours", &strangers(&all()));
}

#[test]
fn a_banned_word_is_found_within_names_and_in_the_plural_and_nowhere_else() {
    let found = |text: &str| strangers(&[example("a/src/a.rs", text)]).len();
    for bad in ["tenant", "Tenants", "let tenant_id", "struct TenantRow", "// the tenant's home"] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in ["workspace", "use hyper_util::x;", "UNIX_EPOCH", "a utility", "a jobless month"] {
        assert_eq!(found(good), 0, "{good}");
    }
    assert_eq!(strangers(&[example("a/src/helpers.rs", "//! x\n")]).len(), 1, "a file's name");
    assert_eq!(strangers(&[example("agent/FACTS.md", "jobs[]")]).len(), 0, "an allowed place");
}

#[test]
fn every_exception_is_still_needed() {
    let sources = all();
    for banned in &WORDS {
        for (place, _) in banned.places {
            let needed =
                sources.iter().filter(|source| source.path.starts_with(place)).any(|source| {
                    source.text.lines().any(|line| words(line).any(|word| is(&word, banned.word)))
                });
            assert!(needed, "{} is no longer in {place}", banned.word);
        }
    }
}

fn strangers(sources: &[Source]) -> Vec<String> {
    let ours = |source: &&Source| {
        !source.path.ends_with(".json") && !ABOUT_WORDS.iter().any(|p| source.path.starts_with(p))
    };
    let mut found = Vec::new();
    for source in sources.iter().filter(ours) {
        let path = std::iter::once((0, source.path.as_str()));
        let lines = source.text.lines().enumerate().map(|(number, line)| (number + 1, line));
        for (number, line) in path.chain(lines) {
            for banned in WORDS.iter().filter(|banned| offends(banned, &source.path, line)) {
                let (word, instead) = (banned.word, banned.instead);
                found.push(format!("{}:{number}: {word}; say {instead}", source.path));
            }
        }
    }
    found
}

fn offends(banned: &Banned, path: &str, line: &str) -> bool {
    if banned.places.iter().any(|(place, _)| path.starts_with(place)) {
        return false;
    }
    // Terms of others are in ASCII, so that small letters stand where the line's own do.
    let mut rest = line.to_owned();
    for term in banned.within {
        while let Some(at) = rest.to_ascii_lowercase().find(term) {
            rest.replace_range(at..at + term.len(), " ");
        }
    }
    words(&rest).any(|word| is(&word, banned.word))
}

fn is(word: &str, banned: &str) -> bool {
    word == banned || word.strip_suffix('s') == Some(banned)
}

/// The words of a line, small: a name in snake_case or CamelCase is several.
fn words(line: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in line.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if begins || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.into_iter().filter(|word| !word.is_empty())
}
