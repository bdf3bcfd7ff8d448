-- What nobody seems to own, as JSON, and since when without a gap.
CREATE TABLE suspects (
    suspect TEXT PRIMARY KEY,
    since   INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;
