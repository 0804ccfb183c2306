-- Which incarnation is the present one: streams of earlier ones may be added later, when they are restored.
ALTER TABLE identity ADD COLUMN incarnation BLOB;
-- Whether the stream was lived in this file; the others were taken back from the centre and may be another machine's.
ALTER TABLE stream ADD COLUMN is_own INTEGER NOT NULL DEFAULT 1;
-- The newest hybrid clock reading that the file has taken in from elsewhere: whatever it records next comes after it.
ALTER TABLE identity ADD COLUMN hlc INTEGER NOT NULL DEFAULT 0;
UPDATE identity SET incarnation = (SELECT incarnation FROM stream ORDER BY stream_no DESC LIMIT 1);
