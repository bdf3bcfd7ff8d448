//! Reads the one order over all events, row by row.

use std::collections::BTreeMap;
use std::time::Duration;

use events::Envelope;
use ports::{Cursor, Fault};
use tokio::time::{Instant, sleep};

use super::item::Item;
use super::keys::{self, Key};
use super::packed::unpacked;
use super::store::Store;
use crate::rows::nonsense;

/// How many rows one look at the feed reads at once.
const ROWS: u64 = 10;
/// The pause between two looks at a feed without news. A look costs two small reads and
/// eight of the index: about four dollars for a reader who waits all month.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Store {
    /// Up to `most` events after a cursor. Orders what is pending where there is nothing else to
    /// read: whoever should have done so may have been lost.
    pub(crate) async fn feed(
        &self,
        after: Cursor,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        let until = Instant::now() + wait;
        loop {
            let mut found = self.read(after, most).await?;
            if found.is_empty() && most > 0 {
                // Where others order it at this moment, their rows are read.
                self.round().await?;
                found = self.read(after, most).await?;
            }
            let left = until.saturating_duration_since(Instant::now());
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            sleep(left.min(LOOK_EVERY)).await;
        }
    }

    async fn read(&self, after: Cursor, most: usize) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        let (mut next, mut known) = keys::place(after);
        let end = self.rows().await?;
        let mut found = Vec::new();
        while next < end && found.len() < most {
            let wanted: Vec<Key> =
                (next..end.min(next.saturating_add(ROWS))).map(keys::row).collect();
            let mut rows = BTreeMap::new();
            for row in self.get_all(&wanted, true).await? {
                rows.insert(row.key()?, row);
            }
            for key in &wanted {
                let facts = match facts(key, rows.get(key)) {
                    Ok(facts) => facts,
                    // What comes before it is read first.
                    Err(_) if !found.is_empty() => return Ok(found),
                    Err(fault) => return Err(fault),
                };
                let of = facts.len();
                let news = facts.into_iter().enumerate().skip(known);
                found.extend(news.map(|(at, fact)| (keys::cursor(next, at + 1, of), fact)));
                (next, known) = (next.saturating_add(1), 0);
            }
        }
        found.truncate(most);
        Ok(found)
    }
}

/// The facts of a row. One that is not there although it was counted is a broken record: nobody reads
/// on beyond it.
fn facts(key: &Key, row: Option<&Item>) -> Result<Vec<Envelope>, Fault> {
    let Some(row) = row else {
        return Err(nonsense(format!("the row {} {} is missing", key.pk, key.sk)));
    };
    let mut facts = Vec::new();
    for json in row.texts("facts")? {
        facts.extend(row.parse::<Vec<Envelope>>(&unpacked(json)?)?);
    }
    Ok(facts)
}
