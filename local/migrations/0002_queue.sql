-- Messages. A handle is the id with the receive count, so that each receive makes a new one.
-- Times called *_ms are on the queue's own time line (local/src/steady.rs).
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    class       TEXT NOT NULL,
    team        TEXT NOT NULL, -- '' for a message of no group
    body        TEXT NOT NULL,
    sent        INTEGER NOT NULL, -- nanoseconds since 1970
    receives    INTEGER NOT NULL DEFAULT 0,
    received_ms INTEGER,
    hidden_ms   INTEGER NOT NULL, -- for how long it was last hidden
    visible_ms  INTEGER NOT NULL  -- from when on it is visible
) STRICT;
CREATE INDEX messages_by_turn ON messages (class, team, visible_ms);
CREATE INDEX messages_in_flight ON messages (class, visible_ms) WHERE receives > 0;
CREATE INDEX messages_by_time ON messages (class, visible_ms);

-- When each team was last served, as a number that rises with each turn.
CREATE TABLE turns (
    class  TEXT NOT NULL,
    team   TEXT NOT NULL,
    served INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (class, team)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY,
    class    TEXT NOT NULL,
    team     TEXT NOT NULL,
    body     TEXT NOT NULL,
    sent     INTEGER NOT NULL,
    receives INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_letters_by_class ON dead_letters (class, id);
