-- Up to which generation a workspace gets no home, and no registration, any more; and which
-- generation asked for its home last, because a purge of an older one leaves that alone.
ALTER TABLE seats ADD COLUMN home_fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seats ADD COLUMN home_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seats ADD COLUMN task_fence INTEGER NOT NULL DEFAULT 0;
