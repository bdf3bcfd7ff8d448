//! `teamclaw estimate`: a month's bill, before there is one. Prints; the sums are the estimate's.

use std::process::ExitCode;

use serde::Serialize;

use super::table::Rows;
use crate::cli::{EstimateArgs, UsageFormat};
use crate::estimate::usage_path::{self, Way};
use crate::estimate::{Bill, Line, Mode, PEOPLE_A_CELL, Table, Wish, built_in};
use crate::output::{self, BOLD, DIM, PLAIN, styled};
use crate::problem::Problem;
use crate::words;

/// Below this the cents are shown; above, an estimate does not know them.
const CENTS_BELOW: f64 = 10.0;

/// One number of people as machines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    wish: Wish,
    bills: [Bill; 2],
    total_usd: [f64; 2],
}

/// Everything as machines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    region: &'a str,
    prices_as_of: &'a str,
    planned: Vec<Planned>,
    usage_a_million_calls: Vec<Way>,
}

/// Estimates, and prints.
///
/// # Errors
/// The output cannot be written.
pub fn run(args: &EstimateArgs) -> Result<ExitCode, Problem> {
    let table = built_in()?;
    let planned: Vec<Planned> = args.users.iter().map(|users| plan(args, *users, &table)).collect();
    match args.format {
        UsageFormat::Json => output::document(&Document {
            region: &table.region,
            prices_as_of: &table.as_of,
            planned,
            usage_a_million_calls: usage_path::ways(&table.prices),
        })?,
        UsageFormat::Csv => output::raw(csv(&planned).as_bytes())?,
        UsageFormat::Table => {
            let lines = text(&planned, &table, args.explain);
            lines.iter().try_for_each(|line| output::line(line))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &EstimateArgs, users: u32, table: &Table) -> Planned {
    let wish = Wish {
        users,
        hours: args.hours,
        days: args.days,
        starts: args.starts,
        calls: args.calls,
        home_gb: args.home,
        vcpu: args.vcpu,
        memory_gb: args.memory,
        spot: args.spot,
        endpoints: !args.no_endpoints,
    };
    let bills = [Mode::IdleStop, Mode::AlwaysOn].map(|mode| Bill::of(&wish, mode, table));
    let total_usd = [bills[0].total(), bills[1].total()];
    Planned { wish, bills, total_usd }
}

fn text(planned: &[Planned], table: &Table, explain: bool) -> Vec<String> {
    let mut lines = match planned {
        [one] => each_line(one, explain),
        several => side_by_side(several),
    };
    lines.push(String::new());
    lines.extend(usage(&usage_path::ways(&table.prices)));
    lines.push(String::new());
    lines.extend(assumed(planned, table).iter().map(|line| styled(DIM, line)));
    lines
}

fn each_line(planned: &Planned, explain: bool) -> Vec<String> {
    let mut rows = Rows::with_head(&["SERVICE", "A MONTH", "IDLE STOP $", "ALWAYS ON $"], 2..4);
    let [stop, on] = &planned.bills;
    let mut formulas = Vec::new();
    for (service, _) in stop.services() {
        let mut name = service;
        for (one, other) in
            stop.lines.iter().zip(&on.lines).filter(|(one, _)| one.service == service)
        {
            rows.add(PLAIN, vec![name.into(), one.what.into(), money(one.usd), money(other.usd)]);
            formulas.push([one, other]);
            name = "";
        }
    }
    let [stop, on] = planned.total_usd;
    rows.add(BOLD, vec!["total".into(), String::new(), money(stop), money(on)]);
    let users = f64::from(planned.wish.users);
    let each = vec!["a person".into(), String::new(), money(stop / users), money(on / users)];
    rows.add(PLAIN, each);
    let mut lines = rows.lines();
    if explain {
        let told: Vec<String> = formulas.into_iter().flat_map(explained).collect();
        // The head is first, then a line each.
        let after = told.chunks(2).map(<[String]>::to_vec);
        let head = lines.remove(0);
        let rest = lines.split_off(lines.len().saturating_sub(2));
        let mixed =
            lines.into_iter().zip(after).flat_map(|(line, told)| [vec![line], told].concat());
        return std::iter::once(head).chain(mixed).chain(rest).collect();
    }
    lines
}

/// How the two modes of a line come about.
fn explained([stop, on]: [&Line; 2]) -> [String; 2] {
    [("idle stop", stop), ("always on", on)].map(|(mode, line)| {
        let quantity = quantity(line.quantity);
        styled(DIM, &format!("    {mode}: {quantity} {} = {}", line.unit, line.formula))
    })
}

fn side_by_side(planned: &[Planned]) -> Vec<String> {
    let people = planned.iter().map(|one| words::count(u64::from(one.wish.users)));
    let head: Vec<String> = std::iter::once("PEOPLE".to_owned()).chain(people).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut rows = Rows::with_head(&head, 1..head.len());
    let mut add = |style, name: &str, value: &dyn Fn(&Planned) -> String| {
        let cells = planned.iter().map(value);
        rows.add(style, std::iter::once(name.to_owned()).chain(cells).collect());
    };
    add(PLAIN, "cells", &|one| one.wish.users.div_ceil(PEOPLE_A_CELL).to_string());
    let services = planned.first().map(|one| one.bills[0].services()).unwrap_or_default();
    for (place, (service, _)) in services.iter().enumerate() {
        add(PLAIN, service, &|one| money(one.bills[0].services()[place].1));
    }
    add(BOLD, "idle stop, $ a month", &|one| money(one.total_usd[0]));
    add(PLAIN, "  a person", &|one| money(one.total_usd[0] / f64::from(one.wish.users)));
    add(BOLD, "always on, $ a month", &|one| money(one.total_usd[1]));
    add(PLAIN, "  a person", &|one| money(one.total_usd[1] / f64::from(one.wish.users)));
    rows.lines()
}

fn usage(ways: &[Way]) -> Vec<String> {
    let head = [
        "A MILLION MODEL CALLS WRITTEN DOWN",
        "SQS $",
        "LAMBDA $",
        "TABLES $",
        "BUS, S3 $",
        "TOTAL $",
    ];
    let mut rows = Rows::with_head(&head, 1..6);
    for way in ways {
        let parts = [way.queue_usd, way.function_usd, way.table_usd, way.bus_usd, way.usd()];
        let name = std::iter::once(way.name.clone());
        rows.add(PLAIN, name.chain(parts.map(money)).collect());
    }
    rows.lines()
}

fn assumed(planned: &[Planned], table: &Table) -> Vec<String> {
    let Some(Planned { wish, .. }) = planned.first() else { return Vec::new() };
    vec![
        format!(
            "{} h of use on {} days, woken {} times a day, {} calls an hour; {} vCPU, {} GB, home {} GB, \
             {} % Spot",
            wish.hours,
            wish.days,
            wish.starts,
            wish.calls,
            wish.vcpu,
            wish.memory_gb,
            wish.home_gb,
            wish.spot
        ),
        format!(
            "prices of {} as of {}; without free tiers, savings plans, taxes, support and the models",
            table.region, table.as_of
        ),
    ]
}

/// Dollars as exactly as an estimate knows them.
fn money(usd: f64) -> String {
    if usd < CENTS_BELOW { format!("{usd:.2}") } else { quantity(usd) }
}

/// A number with its thousands set apart; small ones with two digits behind the point.
fn quantity(number: f64) -> String {
    if number < CENTS_BELOW {
        return format!("{number:.2}");
    }
    let whole = format!("{number:.0}");
    whole.parse().map_or(whole, words::count)
}

fn csv(planned: &[Planned]) -> String {
    let mut text = "people,mode,service,line,quantity,unit,dollars,formula\r\n".to_owned();
    for one in planned {
        for bill in &one.bills {
            let mode = if bill.mode == Mode::IdleStop { "idle-stop" } else { "always-on" };
            for Line { service, what, quantity, unit, usd, formula } in &bill.lines {
                text += &format!(
                    "{},{mode},\"{service}\",\"{what}\",{quantity:.2},\"{unit}\",{usd:.2},\"{formula}\"\r\n",
                    one.wish.users
                );
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_no_more_exact_than_an_estimate_is() {
        assert_eq!([0.004, 9.5, 10.4, 1_234_567.8].map(money), ["0.00", "9.50", "10", "1,234,568"]);
    }
}
