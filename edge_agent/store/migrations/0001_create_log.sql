-- The file of one store. The log is the truth; order_head, stock and idempotency are indexes of it that are written in
-- the same transaction and can be rebuilt from it.

CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    node_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    centre_history BLOB,
    connect_attempt INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row for each lane of each incarnation; the newest incarnation is the one with the largest stream_no.
CREATE TABLE stream (
    stream_no INTEGER PRIMARY KEY,
    incarnation BLOB NOT NULL,
    lane TEXT NOT NULL,
    durable_seq INTEGER NOT NULL DEFAULT 0,
    backed_up_seq INTEGER NOT NULL DEFAULT 0,
    parked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (incarnation, lane)
) STRICT;

-- entry_id = stream_no << 40 | seq: the place in the log is the key of the row, so that a range of a stream is a range
-- of rows, and appending needs no second index.
CREATE TABLE entry (
    entry_id INTEGER PRIMARY KEY,
    order_id BLOB,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX entry_by_order ON entry (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE order_head (
    order_id BLOB NOT NULL UNIQUE,
    last_entry INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    order_type TEXT NOT NULL,
    status TEXT NOT NULL,
    terminal_id TEXT NOT NULL,
    business_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    grand_total_minor INTEGER NOT NULL
) STRICT;

-- Carry-out sales are complete at once and never enter this index: it stays as small as the open work.
CREATE INDEX order_open ON order_head (status, order_id)
    WHERE status NOT IN ('completed', 'cancelled', 'returned', 'rejected');

-- lot is '' for goods without lots. The checks are the stock invariant: free is what remains and is never below zero.
CREATE TABLE stock (
    sku TEXT NOT NULL,
    lot TEXT NOT NULL,
    unit TEXT NOT NULL,
    expires_on TEXT,
    on_hand_milli INTEGER NOT NULL CHECK (on_hand_milli >= 0),
    safety_milli INTEGER NOT NULL DEFAULT 0 CHECK (safety_milli >= 0),
    rights_milli INTEGER NOT NULL DEFAULT 0 CHECK (rights_milli >= 0),
    reserved_milli INTEGER NOT NULL CHECK (reserved_milli >= 0),
    UNIQUE (sku, lot),
    CHECK (on_hand_milli >= safety_milli + rights_milli + reserved_milli)
) STRICT;

-- Clients' keys are random, so they are clustered by day: a day's insertions touch that day's pages only.
-- A row with an entry answers with that entry; a row with an answer is a "no" that was given.
CREATE TABLE idempotency (
    day INTEGER NOT NULL,
    key BLOB NOT NULL,
    payload_hash BLOB NOT NULL,
    entry_id INTEGER,
    answer BLOB,
    PRIMARY KEY (day, key)
) STRICT, WITHOUT ROWID;
