CREATE TABLE timers (
    workspace TEXT PRIMARY KEY,
    at        INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_by_time ON timers (at);

-- The route in force, and the fence: the highest generation and try that was ever closed.
-- The row stays after a close, so that a late open finds its fence.
CREATE TABLE routes (
    workspace         TEXT PRIMARY KEY,
    closed_generation INTEGER NOT NULL DEFAULT 0,
    closed_attempt    INTEGER NOT NULL DEFAULT 0,
    generation        INTEGER,
    attempt           INTEGER,
    address           TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    hash       TEXT PRIMARY KEY,
    workspace  TEXT NOT NULL,
    generation INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    team       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_workspace ON leases (workspace);

-- Up to which generation and try a workspace's leases are worthless for good.
CREATE TABLE lease_fences (
    workspace  TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    attempt    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sums for each hour. Money is whole dollars and the pico-dollars beyond them, because pico-dollars
-- alone outgrow 64 bits.
CREATE TABLE usage (
    hour         INTEGER NOT NULL, -- hours since 1970
    user         TEXT NOT NULL,
    team         TEXT NOT NULL,
    provider     TEXT NOT NULL,
    model        TEXT NOT NULL,
    key          TEXT NOT NULL,
    requests     INTEGER NOT NULL,
    aborted      INTEGER NOT NULL,
    input        INTEGER NOT NULL,
    cache_read   INTEGER NOT NULL,
    cache_write  INTEGER NOT NULL,
    output       INTEGER NOT NULL,
    unpriced     INTEGER NOT NULL,
    dollars      INTEGER NOT NULL,
    pico_dollars INTEGER NOT NULL,
    PRIMARY KEY (hour, user, team, provider, model, key)
) STRICT, WITHOUT ROWID;

-- One-time links and sessions, by the SHA-256 of their secret.
CREATE TABLE invites (
    hash      TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    team      TEXT NOT NULL,
    admin     INTEGER NOT NULL,
    until     INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash      TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    team      TEXT NOT NULL,
    admin     INTEGER NOT NULL,
    until     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_workspace ON sessions (workspace);
