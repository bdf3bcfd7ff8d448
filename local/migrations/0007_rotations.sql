-- What the list of each provider's rotations folds to, written together with each append. Its events
-- stand among all others, with `pool:PROVIDER` as their subject.
CREATE TABLE rotations (
    provider  TEXT PRIMARY KEY,
    version   INTEGER NOT NULL,
    rules     INTEGER NOT NULL,
    rotations TEXT NOT NULL -- the fold, as JSON
) STRICT, WITHOUT ROWID;
