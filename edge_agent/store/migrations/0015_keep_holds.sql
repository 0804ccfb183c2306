-- Soft holds that live: goods kept for somebody who has not decided yet. What has ended is in the log alone.
CREATE TABLE hold (
    reservation_id BLOB PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX hold_due ON hold (expires_at_ms);
