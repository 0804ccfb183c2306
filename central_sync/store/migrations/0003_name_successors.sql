-- A later claimant of the same node. What is superseded may still send what it has; what is fenced may not.
ALTER TABLE stream_cursor ADD COLUMN superseded_by uuid;
