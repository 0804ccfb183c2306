-- How far the round has come that reads every record and compares it with the centre, and what the last one saw. Where
-- a round goes on is kept, so that a machine that is switched off each night still comes to its end.
CREATE TABLE scrub (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ended_at_ms INTEGER NOT NULL DEFAULT 0,
    entries INTEGER NOT NULL DEFAULT 0,
    next_stream INTEGER,  -- null: no round is under way
    next_seq INTEGER NOT NULL DEFAULT 0,  -- of that stream everything after it was looked at
    seen INTEGER NOT NULL DEFAULT 0,
    pages TEXT NOT NULL DEFAULT ''  -- what SQLite's own check said last, '' for nothing
) STRICT;
INSERT INTO scrub (one) VALUES (1);

-- Records that do not lead to the chain, until they are mended.
CREATE TABLE damage (
    entry_id INTEGER PRIMARY KEY,
    order_id BLOB,
    found_at_ms INTEGER NOT NULL
) STRICT;
