-- What the audit says of a node: how its file is, whether the books of its business days agree with what is here, and
-- whether somebody asked for a round.
ALTER TABLE node_status
    ADD COLUMN scrubbed_at timestamptz,
    ADD COLUMN damaged_entries bigint NOT NULL DEFAULT 0,
    ADD COLUMN day_differences text[] NOT NULL DEFAULT '{}',
    ADD COLUMN audit_wanted boolean NOT NULL DEFAULT false;

-- The books of a few days of one node, without reading all of its orders; dates grow, so this index is appended to.
CREATE INDEX order_view_day ON order_view (node_id, business_date);
-- A mended entry is looked up in the list of what is parked.
CREATE INDEX parked_entry ON parked (node_id, incarnation, lane, seq) WHERE seq IS NOT NULL;
