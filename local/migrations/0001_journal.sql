-- Every event, in the order in which it was recorded. Only those of a workspace's own list have a
-- version; usage and keys are in the feed and in nobody's list.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      BLOB NOT NULL UNIQUE,
    subject TEXT,
    version INTEGER,
    type    TEXT NOT NULL,
    time    INTEGER NOT NULL, -- nanoseconds since 1970
    json    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_version ON events (subject, version) WHERE version IS NOT NULL;

-- What the lists fold to, written together with each append. `rules` names the rules that folded it.
CREATE TABLE workspaces (
    id          TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    rules       INTEGER NOT NULL,
    workspace   TEXT NOT NULL, -- the fold, as JSON
    found       TEXT NOT NULL, -- the row that a search answers with, as JSON
    status      TEXT NOT NULL,
    team        TEXT,
    due         INTEGER,
    last_active INTEGER,
    step        TEXT,
    reason      TEXT,
    trouble_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX workspaces_by_status ON workspaces (status, id);
CREATE INDEX workspaces_by_team ON workspaces (team, id);
CREATE INDEX workspaces_by_due ON workspaces (due) WHERE due IS NOT NULL;
CREATE INDEX workspaces_by_trouble ON workspaces (trouble_at) WHERE trouble_at IS NOT NULL;
