//! What `up` says on the terminal: where to go, what is missing, and a demonstration as it happens.

use std::process::ExitCode;

use super::compose::Machine;
use super::ending::Ending;
use crate::demo::journey::{self, Demo, Journey, Line};
use crate::output;
use crate::output::{BAD, BOLD, DIM, GOOD, WARN, styled};
use crate::problem::Problem;
use crate::target::Target;
use crate::timeline::Timeline;
use crate::words;

/// Who travels in a demonstration.
const TRAVELLER: &str = "alice";

/// Says that it is up, where, and what does not protect agents here.
pub(super) fn banner(machine: &Machine) -> Result<(), Problem> {
    output::line(&format!("{} is up", styled(BOLD, "TeamClaw")))?;
    let row = |name: &str, value: &str| output::line(&format!("  {name:<12}{value}"));
    row("front door", &machine.front_door)?;
    row("agent", &machine.agent)?;
    row("data", &machine.settings.data_dir.display().to_string())?;
    match machine.adopted {
        0 => {}
        1 => row("adopted", "1 agent that was running before")?,
        many => row("adopted", &format!("{many} agents that were running before"))?,
    }
    let missing: Vec<_> = machine.confinement.iter().filter(|m| !m.in_force).collect();
    if missing.is_empty() {
        row("confinement", &styled(GOOD, "every measure is in force"))?;
    }
    for measure in missing {
        let words = format!("{} IS MISSING: {}", measure.name.to_uppercase(), measure.words);
        row("confinement", &styled(BAD, &words))?;
    }
    if !machine.settings.demo {
        row("admin", &format!("{} (once, within the hour)", machine.admin_link))?;
        let data = machine.settings.data_dir.display();
        output::line(&styled(DIM, &format!("  next: teamclaw login NAME --data {data}")))?;
    }
    Ok(())
}

/// Shows one journey and then, unless asked to end, waits for the end.
pub(super) async fn demonstration(machine: &Machine, ending: &Ending) -> Result<ExitCode, Problem> {
    let person =
        TRAVELLER.parse().map_err(|error: events::ids::BadName| Problem::bug(error.to_string()))?;
    let target = Target { url: machine.front_door.clone(), token: machine.operator_token.clone() };
    let mut timeline = Timeline::default();
    let mut tell = |line: Line| show(&mut timeline, line);
    let demo = Demo { target: &target, person, tell: &mut tell };
    let outcome = tokio::select! {
        biased;
        () = ending.asked() => return Ok(ExitCode::SUCCESS),
        outcome = journey::run(demo) => outcome,
    };
    let journey = match outcome {
        Ok(journey) => journey,
        Err(problem) if machine.settings.exit => return Err(problem),
        Err(problem) => {
            let code = output::problem(&problem, false);
            ending.asked().await;
            return Ok(code);
        }
    };
    summary(&journey)?;
    if !machine.settings.exit {
        output::line("")?;
        output::line(&format!("  try it yourself: {}", machine.admin_link))?;
        output::line(&styled(DIM, "  Ctrl-C ends it"))?;
        ending.asked().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of the journey. What cannot be printed is not worth ending a journey for.
fn show(timeline: &mut Timeline, line: Line) {
    let lines = match line {
        Line::Doing(words) => vec![String::new(), styled(BOLD, &words)],
        Line::Fact(entry) => timeline.take(&entry.event),
        Line::Done(phase) => {
            let took = format!("{:>7.2} s", phase.took.as_secs_f64());
            vec![format!("  {} {} {}", styled(GOOD, "→"), phase.words, styled(DIM, &took))]
        }
    };
    for line in lines {
        drop(output::line(&line));
    }
}

fn summary(journey: &Journey) -> Result<(), Problem> {
    output::line("")?;
    let took = journey.took.as_secs_f64();
    output::line(&styled(GOOD, &format!("The journey was whole, in {took:.1} s:")))?;
    for phase in &journey.phases {
        let took = phase.took.as_secs_f64();
        output::line(&format!("  {:<14}{took:>7.2} s  {}", phase.name, styled(DIM, &phase.words)))?;
    }
    let cost = words::dollars(journey.pico_dollars);
    let counted = format!("{} tokens in, {} out, ${cost}", journey.input, journey.output);
    output::line(&format!("  {} {counted}", styled(WARN, "the first answer:")))
}
