-- Entries of a former stream that move to the present one go from below, a step at a time. Those from `moved_from` to
-- `moved_seq` have gone; the chain stood at `moved_hash` after them, and what is left stands on it. 0: none is moving.
ALTER TABLE stream ADD COLUMN moved_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN moved_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN moved_hash BLOB;

-- Whether what lies below the cut is still to come back from the centre: nobody has let go of it.
ALTER TABLE stream ADD COLUMN is_awaited INTEGER NOT NULL DEFAULT 0;
