-- What a node was granted last, in entries a second; null is no limit.
ALTER TABLE node_status ADD COLUMN granted_entries_per_s integer;
