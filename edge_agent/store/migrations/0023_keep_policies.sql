-- The bundle of policies in use, as it was tried (docs/policies.md): the rows of reference data that it came from may be
-- others by then.
CREATE TABLE policy_bundle (
    slot INTEGER PRIMARY KEY CHECK (slot = 1),
    number INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    body BLOB NOT NULL,
    used_since_ms INTEGER NOT NULL
) STRICT;
