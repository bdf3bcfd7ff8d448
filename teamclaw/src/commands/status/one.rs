//! One workspace in full.

use jiff::Timestamp;

use super::engine::style;
use crate::output::{BOLD, DIM, styled};
use crate::words;
use admin::api::WorkspaceView;

/// Everything that is known of it; what is not known has no line.
pub(super) fn lines(view: &WorkspaceView, now: Timestamp) -> Vec<String> {
    let user = styled(BOLD, view.workspace.as_str());
    let status = styled(style(view.status).bold(), view.status.name());
    let since = view.ready_since.map(|at| words::about(now.duration_since(at)));
    let since = since.map(|time| format!(", for {time}"));
    let mut lines = vec![format!("{user} is {status}{}", since.unwrap_or_default())];
    let mut say = |label: &str, words: Option<String>| {
        lines.extend(words.map(|words| format!("  {label:<12} {}", words::plain(&words))));
    };
    let seen = |at: Timestamp| words::relative(at, now);
    say("team", view.team.as_ref().map(ToString::to_string));
    say("start", Some(format!("{}, try {}", view.generation, view.attempt)));
    say("at step", view.step.map(|step| step.name().to_owned()));
    say(
        "tried again",
        view.retry.as_ref().map(|(step, failures, reason)| {
            format!("{} failed {failures} times: {}", step.name(), reason.words)
        }),
    );
    say(
        "trouble",
        view.trouble
            .as_ref()
            .map(|(step, reason)| format!("{} failed: {}", step.name(), reason.words)),
    );
    say("do this", view.trouble.as_ref().and_then(|(_, reason)| reason.hint.clone()));
    let replay = format!("teamclaw replay {}", view.workspace);
    say("then", view.trouble.as_ref().map(|_| replay));
    say(
        "stops",
        view.notice.map(|notice| {
            format!("{}, left alone since {}", seen(notice.stop_at), seen(notice.idle_since))
        }),
    );
    say("last used", view.last_active.map(seen));
    say("idle stop", Some(format!("after {} alone", words::about(view.idle_timeout))));
    say("next work", view.next_wake.map(seen));
    say("listens on", view.address.clone());
    say("events", Some(view.version.to_string()));
    if let Some(log) = view.log_tail.as_ref().filter(|log| !log.trim().is_empty()) {
        lines.push(styled(BOLD, "the end of the agent's log:"));
        let log = words::plain_lines(log);
        lines.extend(log.lines().map(|line| styled(DIM, &format!("  {line}"))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Attempt, Gen, Reason, ReasonClass, Status, Step, Version};
    use expect_test::expect;
    use jiff::SignedDuration;

    #[test]
    fn a_failed_workspace_says_why_what_to_do_and_what_its_agent_said() {
        let reason = Reason::new(ReasonClass::AgentExited, "the agent ended: exit code 1");
        let view = WorkspaceView {
            workspace: "ann".parse().expect("a name"),
            team: "sales".parse().ok(),
            status: Status::Failed,
            version: Version(12),
            generation: Gen(2),
            attempt: Attempt(1),
            step: None,
            retry: None,
            trouble: Some((Step::AwaitAddress, reason.with_hint("read its log"))),
            notice: None,
            idle_timeout: SignedDuration::from_mins(30),
            last_active: "2026-11-22T11:00:00Z".parse().ok(),
            ready_since: None,
            next_wake: None,
            address: None,
            log_tail: Some("starting\n\u{1b}[31mno such module\u{1b}[0m\n".to_owned()),
        };
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        let text = lines(&view, now).join("\n");
        expect![[r#"
            ann is failed
              team         sales
              start        2, try 1
              trouble      await_address failed: the agent ended: exit code 1
              do this      read its log
              then         teamclaw replay ann
              last used    1 h ago
              idle stop    after 30 min alone
              events       12
            the end of the agent's log:
              starting
              no such module"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
