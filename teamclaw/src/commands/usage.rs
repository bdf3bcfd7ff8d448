//! `teamclaw usage`: who spent what, to the token and to the pico-dollar.

use ports::Spending;

use super::{table::Rows, usage_csv};
use crate::cli::{By, UsageArgs, UsageFormat};
use crate::client::Engine;
use crate::output::{self, BOLD, PLAIN};
use crate::problem::Problem;
use crate::target;
use crate::words;
use admin::api::UsageReport;

/// Reports who spent what.
pub(super) async fn run(engine: &Engine, args: &UsageArgs) -> Result<(), Problem> {
    let mut path = format!("/usage?by={}", args.by.name());
    if let Some(since) = args.since {
        path += &format!("&since={}", since.seen_from(target::now()));
    }
    let report: UsageReport = engine.get(&path).await?;
    match args.format {
        UsageFormat::Json => output::document(&report),
        UsageFormat::Csv => output::raw(usage_csv::written(&report.rows).as_bytes()),
        UsageFormat::Table => {
            table(args.by, &report.rows).iter().try_for_each(|line| output::line(line))
        }
    }
}

fn table(by: By, spendings: &[Spending]) -> Vec<String> {
    if spendings.is_empty() {
        return vec!["nothing was used".to_owned()];
    }
    let head = by.name().to_uppercase();
    let columns = ["REQUESTS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "DOLLARS", "NOTES"];
    let columns: Vec<&str> = std::iter::once(head.as_str()).chain(columns).collect();
    let mut rows = Rows::with_head(&columns, 1..7);
    for spending in spendings {
        rows.add(PLAIN, cells(spending));
    }
    if spendings.len() > 1 {
        rows.add(BOLD, cells(&total(spendings)));
    }
    rows.lines()
}

fn cells(spending: &Spending) -> Vec<String> {
    vec![
        words::plain(&spending.name),
        words::count(spending.requests),
        words::count(spending.input),
        words::count(spending.cache_read),
        words::count(spending.cache_write),
        words::count(spending.output),
        cost(spending),
        notes(spending),
    ]
}

/// Nothing that is priced is not the same as nothing to pay.
fn cost(spending: &Spending) -> String {
    if spending.requests > 0 && spending.unpriced == spending.requests {
        return "unknown".to_owned();
    }
    words::dollars(spending.pico_dollars)
}

/// What the numbers do not hold: a sum must not look more certain than it is.
fn notes(spending: &Spending) -> String {
    let note =
        |count: u64, what: &str| (count > 0).then(|| format!("{} {what}", words::count(count)));
    let notes = [note(spending.unpriced, "unpriced"), note(spending.aborted, "broken off")];
    notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn total(spendings: &[Spending]) -> Spending {
    let start = Spending { name: "total".to_owned(), ..Spending::default() };
    spendings.iter().fold(start, |sum, spending| Spending {
        name: sum.name,
        requests: sum.requests.saturating_add(spending.requests),
        aborted: sum.aborted.saturating_add(spending.aborted),
        input: sum.input.saturating_add(spending.input),
        cache_read: sum.cache_read.saturating_add(spending.cache_read),
        cache_write: sum.cache_write.saturating_add(spending.cache_write),
        output: sum.output.saturating_add(spending.output),
        pico_dollars: sum.pico_dollars.saturating_add(spending.pico_dollars),
        unpriced: sum.unpriced.saturating_add(spending.unpriced),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_table_sums_exactly_and_says_what_nobody_can_price() {
        let ann = Spending {
            name: "ann".to_owned(),
            requests: 1_200,
            input: 1_234_567,
            cache_read: 1_000_000,
            output: 89_000,
            pico_dollars: 5_038_701_000_001,
            ..Spending::default()
        };
        let bob = Spending {
            name: "bob".to_owned(),
            requests: 2,
            input: 10,
            output: 1,
            aborted: 1,
            unpriced: 2,
            ..Spending::default()
        };
        let text = table(By::User, &[ann, bob]).join("\n");
        expect![[r#"
            USER   REQUESTS      INPUT  CACHE READ  CACHE WRITE  OUTPUT         DOLLARS  NOTES
            ann       1,200  1,234,567   1,000,000            0  89,000  5.038701000001
            bob           2         10           0            0       1         unknown  2 unpriced, 1 broken off
            total     1,202  1,234,577   1,000,000            0  89,001  5.038701000001  2 unpriced, 1 broken off"#]].assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
