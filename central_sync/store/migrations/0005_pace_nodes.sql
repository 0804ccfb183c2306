-- What a node was granted last, in entries a second; null is no limit.
ALTER TABLE node_status ADD COLUMN granted_entries_per_s integer;

-- Copies of the newest entries of a long backlog, until the stream reaches them. Nothing depends on them: both tables may
-- be emptied at any time, and what is in them is counted nowhere.
CREATE TABLE early_entry (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    seq bigint NOT NULL,
    order_id uuid NOT NULL,
    hash bytea NOT NULL,  -- of the chain: equal to the truth's when that comes
    body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, incarnation, lane, seq)
);
CREATE INDEX early_entry_order ON early_entry (order_id);

-- The orders that begin in them. The columns are those of order_view.
CREATE TABLE early_order (LIKE order_view INCLUDING DEFAULTS);
ALTER TABLE early_order ADD PRIMARY KEY (order_id);

-- A row of the feed that names early entries; they are gone once the stream has reached them, and come again as truth.
ALTER TABLE feed ADD COLUMN is_early boolean NOT NULL DEFAULT false;
