-- Which release of policies a node says that it uses, and which one it refused and why (docs/policies.md).
ALTER TABLE node_status ADD COLUMN policies jsonb;
