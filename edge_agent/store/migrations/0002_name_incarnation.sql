-- Which incarnation is the present one: streams of earlier ones may be added later, when they are restored.
ALTER TABLE identity ADD COLUMN incarnation BLOB;
UPDATE identity SET incarnation = (SELECT incarnation FROM stream ORDER BY stream_no DESC LIMIT 1);
