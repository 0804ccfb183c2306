-- An order that no node can fulfil alone goes in parts, each an order of the centre's own (docs/assignment.md, "In parts").

-- What was divided (`divided` is its status from then on), and how: PartOf as MessagePack.
ALTER TABLE central_order ADD COLUMN parent_id uuid;
ALTER TABLE central_order ADD COLUMN part_of bytea;
CREATE INDEX central_order_parent ON central_order (parent_id) WHERE parent_id IS NOT NULL;

-- How much of anything there is to pick: what a node was given is counted against what it can pick in a day.
ALTER TABLE central_order ADD COLUMN units_milli bigint NOT NULL DEFAULT 0;

-- A node has a part of an order that is not known here: this database was put back, and nobody has repeated it yet.
CREATE TABLE part_claim (
    order_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    PRIMARY KEY (order_id, assignment_id)
);
