//! What `--help` shows below the options: examples, and at the top level the exit codes.

macro_rules! exit_codes {
    () => {
        "  0   done
  1   what was asked for did not work: a start failed
  2   the command line makes no sense
  3   the engine is not reachable
  4   there is no such workspace or key
  5   it is refused in the state that it is in
  70  a bug in teamclaw"
    };
}

macro_rules! examples {
    ($($line:literal)*) => { concat!("Examples:", $("\n  ", $line,)*) };
}

/// The exit codes, for the test that compares them with [`Exit`](crate::problem::Exit).
#[cfg(test)]
pub const EXIT_CODES: &str = exit_codes!();

pub(super) const TOP: &str = concat!(
    "\
Examples:
  teamclaw up --demo         see one whole journey, without a key or a network
  teamclaw up                run OpenClaw for everybody on this machine
  teamclaw login ann         wake ann's agent and get a link for her
  teamclaw status            see who is awake
  teamclaw usage --by team   see who spent what
  teamclaw status --backend aws --env prod

Environment:
  TEAMCLAW_DATA                  the data directory, like --data
  TEAMCLAW_URL, TEAMCLAW_TOKEN   an engine elsewhere, instead of the data directory's
  TEAMCLAW_BACKEND               local or aws, like --backend; an engine on AWS takes an access
                                 token of its issuer in TEAMCLAW_TOKEN
  TEAMCLAW_ENV                   the deployed environment, like --env
  NO_COLOR                       no colours

Exit codes:
",
    exit_codes!()
);

pub(super) const UP: &str = examples! {
    "teamclaw up --demo                one journey with a built-in agent, then go on"
    "teamclaw up --demo --exit         the same, then end; 0 when it was whole"
    "teamclaw up                       install OpenClaw when it is missing, and run it"
    "teamclaw up --idle 1h --data /srv/teamclaw"
    "teamclaw up --agent 'python3 my_agent.py' --agent-health /healthz"
    "teamclaw up --upstream anthropic=http://127.0.0.1:9000"
};

pub(super) const LOGIN: &str = examples! {
    "teamclaw login ann                wake ann's agent and print her link"
    "teamclaw login ann --team sales   the same, and sales pays from now on"
    "teamclaw login ann --no-wait --format json"
};

pub(super) const STATUS: &str = examples! {
    "teamclaw status                   the engine and every workspace"
    "teamclaw status ann               one workspace in full"
    "teamclaw status --format json | jq '.workspaces[].status'"
};

pub(super) const EVENTS: &str = examples! {
    "teamclaw events ann               all that happened, with durations"
    "teamclaw events ann --follow      and what happens next"
    "teamclaw events ann --since 42 --format json"
};

pub(super) const ONE: &str = examples! {
    "teamclaw start ann"
    "teamclaw stop ann"
};

pub(super) const REPLAY: &str = examples! {
    "teamclaw replay ann                               from the step that failed"
    "teamclaw replay ann --from prepare_home           from the beginning"
    "teamclaw replay --failed --dry-run                which would be tried again"
    "teamclaw replay --failed --step run_task --since 2h"
    "teamclaw replay --failed --reason capacity --team sales"
};

pub(super) const PARKED: &str = examples! {
    "teamclaw parked                       what is parked, why, and which ways out are open"
    "teamclaw parked retry ann             the same again: what was in the way is mended"
    "teamclaw parked abort --all --step run_task --dry-run"
    "teamclaw parked --format json"
};

pub(super) const ORPHANS: &str = examples! {
    "teamclaw orphans                  tasks, routes and leases that no workspace owns"
    "teamclaw orphans --format json | jq '.orphans[].workspace'"
};

pub(super) const PARKED_RETRY: &str = examples! {
    "teamclaw parked retry ann"
    "teamclaw parked retry --all --reason unavailable --since 2h"
    "teamclaw parked retry --all --team sales --dry-run"
};

pub(super) const PARKED_SKIP: &str = examples! {
    "teamclaw parked skip ann              its parked step was done, or undone, by hand"
    "teamclaw parked skip --all --step run_task --dry-run"
};

pub(super) const PARKED_ABORT: &str = examples! {
    "teamclaw parked abort ann             stop it and take everything back"
    "teamclaw parked abort --all --team sales --dry-run"
};

pub(super) const PARKED_REPLAY: &str = examples! {
    "teamclaw parked replay ann --from prepare_home"
    "teamclaw parked replay --all --step await_address --from run_task --dry-run"
};

pub(super) const PARKED_REDRIVE: &str = examples! {
    "teamclaw parked redrive --dry-run     which messages would be sent again"
    "teamclaw parked redrive"
    "teamclaw parked redrive --class storage"
};

pub(super) const DELETE: &str = examples! {
    "teamclaw delete ann --dry-run     what would go"
    "teamclaw delete ann               asks for her name again, then deletes her"
    "teamclaw delete ann --yes         for scripts"
};

pub(super) const SNOOZE: &str = examples! {
    "teamclaw snooze ann               no idle stop within the next hour"
    "teamclaw snooze ann --for 4h"
};

pub(super) const SET: &str = examples! {
    "teamclaw set ann --idle 2h"
    "teamclaw set ann --idle default"
};

pub(super) const KEYS: &str = examples! {
    "teamclaw keys add anthropic       asks for the key"
    "teamclaw keys list"
    "teamclaw keys remove anthropic 0123456789ab"
    "teamclaw keys rotate anthropic < new.txt"
};

pub(super) const KEYS_ADD: &str = examples! {
    "teamclaw keys add anthropic                               asks for the key"
    "teamclaw keys add anthropic < key.txt                     reads it"
    "teamclaw keys add anthropic --from-env ANTHROPIC_API_KEY"
    "teamclaw keys add anthropic --from-file key.txt"
};

pub(super) const KEYS_LIST: &str = examples! {
    "teamclaw keys list"
    "teamclaw keys list --format json"
};

pub(super) const KEYS_REMOVE: &str = examples! {
    "teamclaw keys remove anthropic 0123456789ab"
};

pub(super) const KEYS_ROTATE: &str = examples! {
    "teamclaw keys rotate anthropic < new.txt                  the new keys, one a line"
    "teamclaw keys rotate anthropic --file new.txt --dry-run   tries them and says what would be"
    "teamclaw keys rotate anthropic --from-env NEW_KEY --retire 0123456789ab"
    "teamclaw keys rotate --replay anthropic-3                 from the step that was refused"
    "teamclaw keys rotate --replay anthropic-3 --from try_keys"
};

pub(super) const KEYS_ROTATIONS: &str = examples! {
    "teamclaw keys rotations"
    "teamclaw keys rotations --format json"
};

pub(super) const USAGE: &str = examples! {
    "teamclaw usage                          by person, most expensive first"
    "teamclaw usage --by team --since 7d     the last seven days"
    "teamclaw usage --by model --format csv > usage.csv"
};

pub(super) const FEED: &str = examples! {
    "teamclaw feed > events.ndjson                          all there is"
    "teamclaw feed --since 1042 --follow                    go on from a place, and stay"
    "teamclaw feed --type teamclaw.usage.recorded.v1        only usage"
    "teamclaw feed --type 'teamclaw.step.*' --follow        every step"
};

pub(super) const DEPLOY: &str = examples! {
    "teamclaw deploy dev --dry-run     what would be run, and what would change"
    "teamclaw deploy dev               checks, asks, then deploys the four stacks in order"
    "teamclaw deploy prod --users 1000 --yes"
    "teamclaw deploy dev --only admin  one stack alone"
};

pub(super) const DOCTOR: &str = examples! {
    "teamclaw doctor                   what this machine has and lacks"
    "teamclaw doctor prod              credentials, quotas, stacks, alarms, what was set aside"
    "teamclaw doctor prod --users 3000 whether the account's quotas are enough for 3,000 people"
    "teamclaw doctor prod --drift      and what somebody changed by hand since it was deployed"
    "teamclaw doctor prod --format json | jq '.findings[] | select(.level == \"bad\")'"
};

pub(super) const ESTIMATE: &str = examples! {
    "teamclaw estimate --users 200                              by line, beside always on"
    "teamclaw estimate --users 200 --hours 4 --spot 100 --explain"
    "teamclaw estimate --users 10,100,1000,10000,100000         side by side"
    "teamclaw estimate --users 200 --format csv > estimate.csv"
};

pub(super) const COMPLETIONS: &str = examples! {
    "teamclaw completions bash > ~/.local/share/bash-completion/completions/teamclaw"
    "teamclaw completions zsh > ~/.zfunc/_teamclaw"
    "teamclaw completions fish > ~/.config/fish/completions/teamclaw.fish"
};
