-- How far the centre's log for this node (the downlink) is taken: in the same transaction as what it asked for.
CREATE TABLE downlink (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation BLOB NOT NULL,
    durable_seq INTEGER NOT NULL,
    durable_hash BLOB NOT NULL
) STRICT;

-- Instructions that could not be used, and those of the same subject behind them, in the order of their coming.
CREATE TABLE parked_instruction (
    parked_no INTEGER PRIMARY KEY AUTOINCREMENT,
    instruction_id BLOB,
    subject BLOB,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload BLOB NOT NULL,
    parked_at_ms INTEGER NOT NULL,
    wish TEXT CHECK (wish IN ('replay', 'discard'))
) STRICT;

CREATE INDEX parked_instruction_subject ON parked_instruction (subject) WHERE subject IS NOT NULL;
