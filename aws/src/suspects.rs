//! [`Suspects`] on one row: the whole list is its text, and it is written if nobody has written it
//! since it was read. What a comparison leaves as it was costs no write.
//!
//! A row holds 400 KB, so the list is bounded. What is beyond the bound is told as suspected since
//! now, at each comparison anew: nothing is removed for it until those before it, which the sweeper
//! removes a few at a time, are gone. Those longest suspected are kept.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use ports::{Fault, Suspect, Suspects};

use crate::Environment;
use crate::rows::{contended, failed, held, nonsense, number, number_in, text, text_in};
use crate::tables::Table;

/// The table of suspects.
pub const SUSPECTS: Table =
    Table { name: "suspects", hash: "pk", range: None, indexes: &[], expires: None, stream: false };

/// The key of the only row.
const LIST: &str = "list";
/// How many suspects are remembered: the longest are 163 bytes each, and a row takes 400 KB
/// (developerguide/Constraints.html). It is half of a cell's workspaces.
const SUSPECTS_MAX: usize = 2_000;
/// How often a list is read anew that others wrote meanwhile. Each time somebody was served.
const TRIES: usize = 10;

/// What is suspected, and since when.
type Since = BTreeMap<Suspect, Timestamp>;

/// The list of one environment.
#[derive(Clone, Debug)]
pub struct DynamoSuspects {
    client: Client,
    table: String,
}

impl DynamoSuspects {
    /// The list in the environment's table.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, table: environment.named(SUSPECTS.name) }
    }

    /// The list and its version; 0 is none.
    async fn read(&self) -> Result<(u64, Since), Fault> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let row = get.key("pk", text(LIST)).send().await.map_err(|error| failed(&error))?.item;
        let Some(row) = row else { return Ok((0, Since::new())) };
        let version = number_in(&row, "version")?.unwrap_or_default();
        Ok((version, understood(text_in(&row, "suspects").unwrap_or_default())))
    }

    /// Puts the list there if it is still at this version; gives whether it was.
    async fn write(&self, version: u64, since: &Since) -> Result<bool, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(LIST))
            .item("version", number(version.saturating_add(1)))
            .item("suspects", text(written(since)?))
            .condition_expression("attribute_not_exists(pk) OR version = :version")
            .expression_attribute_values(":version", number(version));
        Ok(held(put.send().await)?.is_some())
    }
}

#[async_trait]
impl Suspects for DynamoSuspects {
    async fn compare(
        &self,
        now: Timestamp,
        found: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        for _ in 0..TRIES {
            let (version, known) = self.read().await?;
            let since = compared(&known, now, found);
            let kept = kept(&since);
            if kept == known || self.write(version, &kept).await? {
                return Ok(since.into_iter().collect());
            }
        }
        Err(contended())
    }

    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        Ok(self.read().await?.1.into_iter().collect())
    }
}

/// Since when each of those found has been suspected.
fn compared(known: &Since, now: Timestamp, found: &[Suspect]) -> Since {
    let since = |suspect| known.get(suspect).copied().filter(|at| *at <= now).unwrap_or(now);
    found.iter().map(|suspect| (suspect.clone(), since(suspect))).collect()
}

/// What fits: those longest suspected.
fn kept(since: &Since) -> Since {
    if since.len() <= SUSPECTS_MAX {
        return since.clone();
    }
    tracing::warn!(
        suspects = since.len(),
        "more is suspected than can be remembered; the rest begins anew when there is room"
    );
    let mut oldest: Vec<_> = since.iter().collect();
    oldest.sort_by_key(|(_, at)| **at);
    oldest.truncate(SUSPECTS_MAX);
    oldest.into_iter().map(|(suspect, at)| (suspect.clone(), *at)).collect()
}

/// A suspect and nanoseconds since 1970 in each line.
fn written(since: &Since) -> Result<String, Fault> {
    let line = |(suspect, at): (&Suspect, &Timestamp)| {
        serde_json::to_string(&(suspect, at.as_nanosecond())).map(|line| line + "\n")
    };
    let lines = since.iter().map(line).collect::<Result<String, _>>();
    lines.map_err(|error| nonsense(error.to_string()))
}

/// The list that a text holds. What another version wrote in another shape is no obstacle: the
/// next sweep finds it again.
fn understood(text: &str) -> Since {
    let line = |line| {
        let (suspect, nanos): (Suspect, i128) = serde_json::from_str(line).ok()?;
        Some((suspect, Timestamp::from_nanosecond(nanos).ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Gen};
    use ports::Kind;

    use super::*;

    /// The most that a row takes, in bytes.
    const ROW_MAX: usize = 400 * 1024;

    fn largest(n: usize) -> Suspect {
        let workspace = format!("{n:036}").parse().expect("a name of 36");
        let (generation, attempt) = (Gen(u64::MAX), Attempt(u32::MAX));
        Suspect { kind: Kind::Route, missing: false, workspace, generation, attempt }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_longest_list_fits_a_row() {
        let at = Timestamp::from_nanosecond(1_790_000_000_123_456_789).expect("in range");
        let since = (0..SUSPECTS_MAX + 5).map(|n| (largest(n), at)).collect();
        let kept = kept(&since);
        assert_eq!(kept.len(), SUSPECTS_MAX);
        let text = written(&kept).expect("written");
        assert!(text.len() < ROW_MAX, "{}", text.len());
        assert_eq!(understood(&text), kept);
    }

    #[test]
    fn what_does_not_fit_begins_anew_each_time_and_those_longest_suspected_stay() {
        let found: Vec<_> = (0..=SUSPECTS_MAX).map(largest).collect();
        let first = compared(&Since::new(), second(0), &found[1..]);
        let known = kept(&first);
        let both = compared(&known, second(60), &found);
        assert_eq!(both[&found[0]], second(60));
        assert_eq!(kept(&both), known, "who came last has no room");
        assert_eq!(compared(&known, second(120), &found)[&found[0]], second(120));
    }

    #[test]
    fn a_line_of_another_version_is_passed_over() {
        let since = Since::from([(largest(1), second(5))]);
        let text = format!("[1,2,3]\n{}what?\n", written(&since).expect("written"));
        assert_eq!(understood(&text), since);
    }
}
