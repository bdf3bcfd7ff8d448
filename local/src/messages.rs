//! What happens to messages: the SQL behind [`crate::queue`].
//!
//! A message is in flight while it has been received and is hidden. Its handle is its id with its
//! receive count, so that each receive makes a new one and only the latest fits the row.

use std::collections::BTreeSet;

use events::Class;
use ports::queue::VISIBILITY_MAX;
use ports::{Delivery, Handle, Letter};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{class as class_of, limit, timestamp};
use crate::error::Error;
use crate::steady::millis;

/// A message to store.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) class: Class,
    /// Empty for a message of no group.
    pub(crate) team: String,
    pub(crate) body: String,
    pub(crate) sent: i64,
    pub(crate) delay_ms: i64,
    pub(crate) now_ms: i64,
}

/// What is asked of a receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) class: Class,
    pub(crate) max: usize,
    pub(crate) now_ms: i64,
    pub(crate) visibility_ms: i64,
    pub(crate) in_flight_max: usize,
    pub(crate) receives_max: u32,
}

/// What a receive found.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) deliveries: Vec<Delivery>,
    /// When the next hidden message comes back, if there is any.
    pub(crate) next_ms: Option<i64>,
}

pub(crate) fn send(connection: &Connection, message: &Send) -> Result<(), Error> {
    let (class, team) = (message.class.name(), message.team.as_str());
    connection
        .prepare_cached("INSERT OR IGNORE INTO turns (class, team) VALUES (?1, ?2)")?
        .execute([class, team])?;
    let sql = "INSERT INTO messages (class, team, body, sent, hidden_ms, visible_ms) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let visible_ms = message.now_ms.saturating_add(message.delay_ms);
    connection.prepare_cached(sql)?.execute(params![
        class,
        team,
        message.body,
        message.sent,
        message.delay_ms,
        visible_ms
    ])?;
    Ok(())
}

pub(crate) fn receive(connection: &Connection, asked: &Receive) -> Result<Received, Error> {
    let flying: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM messages WHERE class = ?1 AND visible_ms > ?2 AND receives > 0",
        )?
        .query_row(params![asked.class.name(), asked.now_ms], |row| row.get(0))?;
    let room = limit(asked.in_flight_max).saturating_sub(flying);
    let most = asked.max.min(usize::try_from(room).unwrap_or(0));
    let deliveries = take_turns(connection, asked, most)?;
    if !deliveries.is_empty() {
        return Ok(Received { deliveries, next_ms: None });
    }
    let next_ms = connection
        .prepare_cached(
            "SELECT min(visible_ms) FROM messages WHERE class = ?1 AND visible_ms > ?2",
        )?
        .query_row(params![asked.class.name(), asked.now_ms], |row| row.get(0))?;
    Ok(Received { deliveries, next_ms })
}

/// Gives each team a turn: first the one with the fewest messages in flight, among equals the one
/// that was served the longest ago.
fn take_turns(
    connection: &Connection,
    asked: &Receive,
    most: usize,
) -> Result<Vec<Delivery>, Error> {
    let mut deliveries = Vec::new();
    if most == 0 {
        return Ok(deliveries);
    }
    let mut waiting = waiting(connection, asked)?;
    let mut turn = waiting.iter().map(|(_, served, _)| *served).max().unwrap_or(0);
    turn = turn.max(last_turn(connection, asked.class)?);
    while deliveries.len() < most
        && let Some((flying, _, team)) = waiting.pop_first()
    {
        let Some(delivery) = take_one(connection, asked, &team)? else { continue };
        deliveries.push(delivery);
        turn += 1;
        connection
            .prepare_cached("UPDATE turns SET served = ?3 WHERE class = ?1 AND team = ?2")?
            .execute(params![asked.class.name(), team, turn])?;
        // A message of no group is a group of its own, as in SQS: none of that group is in flight.
        let flying = if team.is_empty() { 0 } else { flying + 1 };
        waiting.insert((flying, turn, team));
    }
    Ok(deliveries)
}

/// How many are in flight, when it was served last, and its name: in the order of the turns.
type Turn = (i64, i64, String);

fn waiting(connection: &Connection, asked: &Receive) -> Result<BTreeSet<Turn>, Error> {
    let sql = "SELECT CASE t.team WHEN '' THEN 0 ELSE (SELECT count(*) FROM messages m \
               WHERE m.class = t.class AND m.team = t.team AND m.visible_ms > ?2 \
               AND m.receives > 0) END, t.served, t.team \
               FROM turns t WHERE t.class = ?1 AND EXISTS (SELECT 1 FROM messages m \
               WHERE m.class = t.class AND m.team = t.team AND m.visible_ms <= ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![asked.class.name(), asked.now_ms], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn last_turn(connection: &Connection, class: Class) -> Result<i64, Error> {
    let sql = "SELECT coalesce(max(served), 0) FROM turns WHERE class = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([class.name()], |row| row.get(0))?)
}

/// Takes a team's message that has been visible the longest. Those that were received too often
/// are set aside on the way.
fn take_one(
    connection: &Connection,
    asked: &Receive,
    team: &str,
) -> Result<Option<Delivery>, Error> {
    let sql = "SELECT id, receives, body, sent FROM messages \
               WHERE class = ?1 AND team = ?2 AND visible_ms <= ?3 ORDER BY visible_ms, id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    loop {
        let found = statement
            .query_row(params![asked.class.name(), team, asked.now_ms], |row| {
                // Bytes: a body that is not even text is no nudge, and holds up no other message.
                let nudge = serde_json::from_slice(row.get_ref(2)?.as_bytes()?).ok();
                Ok((row.get(0)?, row.get(1)?, nudge, row.get(3)?))
            })
            .optional()?;
        let (id, receives, nudge, sent): (i64, u32, _, i64) = match found {
            None => return Ok(None),
            Some(message) => message,
        };
        if receives >= asked.receives_max {
            set_aside(connection, id)?;
            continue;
        }
        let receives = receives + 1;
        hide_row(connection, asked, id, receives)?;
        let handle = handle(id, receives);
        return Ok(Some(Delivery { handle, nudge, receives, sent: timestamp(sent)? }));
    }
}

fn hide_row(connection: &Connection, asked: &Receive, id: i64, receives: u32) -> Result<(), Error> {
    let sql = "UPDATE messages SET receives = ?2, received_ms = ?3, hidden_ms = ?4, \
               visible_ms = ?3 + ?4 WHERE id = ?1";
    let values = params![id, receives, asked.now_ms, asked.visibility_ms];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn set_aside(connection: &Connection, id: i64) -> Result<(), Error> {
    let copy = "INSERT INTO dead_letters (class, team, body, sent, receives) \
                SELECT class, team, body, sent, receives FROM messages WHERE id = ?1";
    connection.prepare_cached(copy)?.execute([id])?;
    connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn handle(id: i64, receives: u32) -> Handle {
    Handle(format!("{id}.{receives}"))
}

/// The message and the receive that a handle stands for; anything else stands for none.
fn parts(handle: &Handle) -> Option<(i64, u32)> {
    let (id, receives) = handle.0.split_once('.')?;
    Some((id.parse().ok()?, receives.parse().ok()?))
}

pub(crate) fn delete(connection: &Connection, class: Class, handle: &Handle) -> Result<(), Error> {
    let Some((id, receives)) = parts(handle) else { return Ok(()) };
    let sql = "DELETE FROM messages WHERE id = ?1 AND receives = ?2 AND class = ?3";
    connection.prepare_cached(sql)?.execute(params![id, receives, class.name()])?;
    Ok(())
}

/// Hides a message that is in flight for another `visibility_ms` from now. Gives `false` when that
/// would be longer after its receive than a message may be hidden; then nothing changed.
pub(crate) fn hide(
    connection: &Connection,
    class: Class,
    handle: &Handle,
    now_ms: i64,
    visibility_ms: i64,
) -> Result<bool, Error> {
    let Some((id, receives)) = parts(handle) else { return Ok(true) };
    let sql = "SELECT received_ms FROM messages \
               WHERE id = ?1 AND receives = ?2 AND class = ?3 AND visible_ms > ?4";
    let received_ms: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row(params![id, receives, class.name(), now_ms], |row| row.get(0))
        .optional()?;
    let Some(received_ms) = received_ms else { return Ok(true) };
    let visible_ms = now_ms.saturating_add(visibility_ms);
    if visible_ms.saturating_sub(received_ms) > millis(VISIBILITY_MAX) {
        return Ok(false);
    }
    connection
        .prepare_cached("UPDATE messages SET hidden_ms = ?2, visible_ms = ?3 WHERE id = ?1")?
        .execute(params![id, visibility_ms, visible_ms])?;
    Ok(true)
}

pub(crate) fn dead_letters(
    connection: &Connection,
    class: Class,
    most: usize,
) -> Result<Vec<Letter>, Error> {
    let sql = "SELECT class, body, receives, sent FROM dead_letters \
               WHERE class = ?1 ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![class.name(), limit(most)])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(Letter {
            class: class_of(&row.get::<_, String>(0)?)?,
            body: String::from_utf8_lossy(row.get_ref(1)?.as_bytes().unwrap_or_default()).into(),
            receives: row.get(2)?,
            sent: timestamp(row.get(3)?)?,
        });
    }
    Ok(letters)
}

pub(crate) fn redrive(
    connection: &Connection,
    class: Class,
    sent: i64,
    now_ms: i64,
) -> Result<usize, Error> {
    let copy = "INSERT INTO messages (class, team, body, sent, hidden_ms, visible_ms) \
                SELECT class, team, body, ?2, 0, ?3 FROM dead_letters WHERE class = ?1 ORDER BY id";
    let moved = connection.prepare_cached(copy)?.execute(params![class.name(), sent, now_ms])?;
    connection
        .prepare_cached("DELETE FROM dead_letters WHERE class = ?1")?
        .execute([class.name()])?;
    Ok(moved)
}

/// At a start: whatever is hidden further ahead than its time-out was hidden by a clock that has
/// been set back since. See `steady.rs`.
pub(crate) fn pull_back(connection: &Connection, now_ms: i64) -> Result<(), Error> {
    let sql = "UPDATE messages SET visible_ms = ?1 + hidden_ms, \
               received_ms = min(received_ms, ?1) WHERE visible_ms > ?1 + hidden_ms";
    connection.execute(sql, [now_ms])?;
    Ok(())
}
