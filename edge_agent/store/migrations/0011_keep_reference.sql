-- Reference data of the centre. A version's rows share a set number; which set is used is one row of reference_dataset,
-- so that another version takes its place in one small transaction, however large it is.
CREATE TABLE reference_dataset (
    dataset TEXT PRIMARY KEY,
    set_no INTEGER NOT NULL,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL,
    row_count INTEGER NOT NULL,
    made_at_ms INTEGER NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT;

-- Without a rowid: one descent finds the row, and a version's rows come in the order of their keys.
CREATE TABLE reference_row (
    set_no INTEGER NOT NULL,
    key TEXT NOT NULL,
    body BLOB,  -- NULL only in a delta that is being fetched: the row goes
    PRIMARY KEY (set_no, key)
) STRICT, WITHOUT ROWID;

-- A download under way: its rows so far are in set_no, and it goes on at taken_bytes of the file that etag names.
CREATE TABLE reference_download (
    dataset TEXT PRIMARY KEY,
    set_no INTEGER NOT NULL,
    etag TEXT NOT NULL,
    taken_bytes INTEGER NOT NULL,
    taken_changes INTEGER NOT NULL,
    header BLOB NOT NULL
) STRICT;
