-- A workspace's place on this machine. The number gives it its user id and the port it prefers;
-- it is never given to another workspace, because files of that user may be left somewhere.
CREATE TABLE seats (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL UNIQUE,
    home      INTEGER NOT NULL DEFAULT 0 -- 1: a home was made; an absent one is a fault from then on
) STRICT;

-- Processes, on record before they run. `pid`, `started` and `boot` together name one process for
-- good; without them nothing has run yet.
CREATE TABLE tasks (
    client_token TEXT PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    workspace    TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    told         INTEGER NOT NULL DEFAULT 0, -- the version that the observer has surely seen
    status       TEXT NOT NULL,              -- as JSON
    live         INTEGER NOT NULL DEFAULT 1, -- 0: it has ended, and every process it started
    port         INTEGER,
    uid          INTEGER,
    log_start    INTEGER NOT NULL DEFAULT 0, -- where in the workspace's log this task's part begins
    pid          INTEGER,
    started      INTEGER,
    boot         TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tasks_live ON tasks (workspace) WHERE live;
CREATE UNIQUE INDEX tasks_by_port ON tasks (port) WHERE live;
CREATE INDEX tasks_untold ON tasks (workspace) WHERE told < version;
CREATE INDEX tasks_by_workspace ON tasks (workspace, generation, attempt);

-- Up to which generation and try nothing of a workspace starts any more.
CREATE TABLE task_fences (
    workspace  TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    attempt    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was decided once for this data directory.
CREATE TABLE machine (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
