//! Reads the one order over all events, row by row.

use std::time::Duration;

use events::Envelope;
use ports::{Cursor, Fault};
use tokio::time::{Instant, sleep};

use super::keys;
use super::packed::unpacked;
use super::store::Store;

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
            let numbers: Vec<u64> = (next..end.min(next.saturating_add(ROWS))).collect();
            let wanted: Vec<_> = numbers.iter().map(|number| keys::row(*number)).collect();
            let mut rows = self.get_all(&wanted, true).await?;
            rows.sort_by(|a, b| a.has("sk").cmp(&b.has("sk")));
            for (row, key) in rows.iter().zip(&wanted) {
                if row.key()? != *key {
                    return Err(super::item::nonsense(format!("row {} is missing", key.sk)));
                }
                let mut facts: Vec<Envelope> = Vec::new();
                for json in row.texts("facts")? {
                    facts.extend(row.parse::<Vec<Envelope>>(&unpacked(json)?)?);
                }
                let of = facts.len();
                let news = facts.into_iter().enumerate().skip(known);
                found.extend(news.map(|(at, fact)| (keys::cursor(next, at + 1, of), fact)));
                (next, known) = (next.saturating_add(1), 0);
            }
            if rows.len() < wanted.len() {
                return Err(super::item::nonsense(format!("row {next} is missing")));
            }
        }
        found.truncate(most);
        Ok(found)
    }
}
