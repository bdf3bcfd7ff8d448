//! A workspace's place on this machine: its number, for good, from which its user id follows, and
//! whether it ever had a home.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use events::{Gen, Reason, ReasonClass, WorkspaceId};
use ports::Fault;
use rusqlite::{OptionalExtension, Transaction, params};

use super::kernel;
use super::table::number;
use crate::database::Database;
use crate::error::Error;

/// How many user ids one data directory may give out.
pub(crate) const UIDS: u32 = 10_000;

/// How many ranges are tried: from the first user id up to 524288, where systemd-nspawn's own
/// begin.
const RANGES: u32 = 32;

/// Under which name the range is kept in the table `machine`.
const RANGE: &str = "uid_base";

/// A workspace's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) number: u32,
    pub(crate) had_home: bool,
}

/// The seat of a workspace, given now if it has none.
pub(crate) fn seat(work: &Transaction<'_>, id: &WorkspaceId) -> Result<Seat, Error> {
    work.prepare_cached("INSERT INTO seats (workspace) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute(params![id.as_str()])?;
    let mut find = work.prepare_cached("SELECT number, home FROM seats WHERE workspace = ?1")?;
    Ok(find.query_row(params![id.as_str()], |row| {
        Ok(Seat { number: row.get(0)?, had_home: row.get(1)? })
    })?)
}

/// Records that the workspace has a home from now on, or none.
pub(crate) fn set_home(work: &Transaction<'_>, id: &WorkspaceId, has: bool) -> Result<(), Error> {
    work.prepare_cached("UPDATE seats SET home = ?2 WHERE workspace = ?1")?
        .execute(params![id.as_str(), has])?;
    Ok(())
}

/// The seat of a workspace that asks for its home in this generation.
///
/// # Errors
/// [`Fault::Refused`] when a purge up to this generation has been there.
pub(crate) fn ask_home(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    generation: Gen,
) -> Result<Seat, Error> {
    let seat = seat(work, id)?;
    pass(work, id, "home_fence", generation)?;
    raise(work, id, "home_generation", generation)?;
    Ok(seat)
}

/// Fences a workspace's home. Gives whether it may be removed: no later generation asked for it.
pub(crate) fn fence_home(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    generation: Gen,
) -> Result<(Seat, bool), Error> {
    let seat = seat(work, id)?;
    raise(work, id, "home_fence", generation)?;
    let mut find = work.prepare_cached("SELECT home_generation FROM seats WHERE workspace = ?1")?;
    let asked: i64 = find.query_row(params![id.as_str()], |row| row.get(0))?;
    Ok((seat, asked <= number(generation)))
}

/// Gives a workspace its seat, unless it was deregistered up to this generation.
pub(crate) fn register(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    generation: Gen,
) -> Result<(), Error> {
    seat(work, id)?;
    pass(work, id, "task_fence", generation)
}

/// Fences a workspace's registration. The seat stays: its number is never given to another.
pub(crate) fn deregister(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    generation: Gen,
) -> Result<(), Error> {
    seat(work, id)?;
    raise(work, id, "task_fence", generation)
}

fn pass(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    fence: &'static str,
    generation: Gen,
) -> Result<(), Error> {
    let sql = format!("SELECT 1 FROM seats WHERE workspace = ?1 AND {fence} >= ?2");
    if work.prepare_cached(&sql)?.exists(params![id.as_str(), number(generation)])? {
        let words = format!("everything of generation {generation} was deleted");
        return Err(Fault::Refused(Reason::new(ReasonClass::Taken, words)).into());
    }
    Ok(())
}

fn raise(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    column: &'static str,
    generation: Gen,
) -> Result<(), Error> {
    let sql = format!("UPDATE seats SET {column} = MAX({column}, ?2) WHERE workspace = ?1");
    work.prepare_cached(&sql)?.execute(params![id.as_str(), number(generation)])?;
    Ok(())
}

/// The user ids that belong to one data directory, for as long as this is held.
///
/// Ending a task ends *every* process of its user, so no second engine on the machine may use the
/// same ids. The claim is a name in the kernel's memory, which goes away with the process.
#[derive(Debug)]
pub(crate) struct Users {
    base: u32,
    _claim: UnixListener,
}

impl Users {
    /// Claims this directory's range; the first time, one from `first` on that nobody uses.
    /// `None`: the engine is not root and cannot give users.
    pub(crate) async fn claim(
        database: &Database,
        first: u32,
        data: &Path,
    ) -> Result<Option<Self>, Fault> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let kept = database.read(|look| {
            let mut find = look.prepare("SELECT value FROM machine WHERE name = ?1")?;
            Ok(find.query_row(params![RANGE], |row| row.get::<_, String>(0)).optional()?)
        });
        if let Some(base) = kept.await?.and_then(|base| base.parse().ok()) {
            let claim = claim(base).map_err(|error| Fault::Taken {
                resource: format!("the user ids from {base} on ({error}; another teamclaw runs)"),
            })?;
            return Ok(Some(Self { base, _claim: claim }));
        }
        let begin = spread(data);
        for step in 0..RANGES {
            let base = first.saturating_add((begin + step) % RANGES * UIDS);
            if is_used(base) {
                continue;
            }
            let Ok(claim) = claim(base) else { continue };
            let keep = database.write(move |work| {
                work.execute(
                    "INSERT INTO machine (name, value) VALUES (?1, ?2)",
                    params![RANGE, base.to_string()],
                )?;
                Ok(())
            });
            keep.await?;
            return Ok(Some(Self { base, _claim: claim }));
        }
        Err(Fault::NoCapacity {
            what: "user ids",
            words: format!(
                "every range from {first} on is used by another program or another teamclaw"
            ),
        })
    }

    /// The user id of a seat.
    pub(crate) fn of(&self, number: u32) -> Result<u32, Fault> {
        if number < UIDS {
            return Ok(self.base + number);
        }
        let words = format!("{UIDS} workspaces have had a user id of this data directory");
        Err(Fault::NoCapacity { what: "user ids", words })
    }

    /// The user id that belongs to nobody, for looking at the walls.
    pub(crate) fn nobody(&self) -> u32 {
        self.base
    }
}

/// Where a directory begins to look: two directories that never run at the same time must not
/// choose the same range, because one day they will. (FNV-1a, the same on every machine.)
fn spread(data: &Path) -> u32 {
    let bytes = data.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
        % RANGES
}

/// Whether a range is given to somebody else by the system's list, or used by processes that run
/// now.
fn is_used(base: u32) -> bool {
    let range = base..base.saturating_add(UIDS);
    let listed = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    let overlaps = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|number| number.trim().parse::<u32>());
        let (Some(Ok(start)), Some(Ok(count))) = (numbers.next(), numbers.next()) else {
            return false;
        };
        start < range.end && range.start < start.saturating_add(count)
    };
    listed.lines().any(overlaps)
        || kernel::processes().iter().any(|it| kernel::is_of_users(it.pid, &range))
}

fn claim(base: u32) -> std::io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(format!("teamclaw-uids-{base}"))?)
}
