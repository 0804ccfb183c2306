-- What the centre promised with rights for an attempt to assign an order: MessagePack; null where it needed none.
ALTER TABLE assignment ADD COLUMN spent bytea;

-- Who shares the goods of a SKU of a node, from when rights were first given to it until people end that; the owner of the
-- goods is not among them. Beside it stands how fast each sells, by its promises from rights.
CREATE TABLE rights_party (
    owner_id text NOT NULL,
    sku text NOT NULL,
    node_id text NOT NULL,  -- `@centre` is the centre
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, sku, node_id)
);
CREATE INDEX rights_party_sku ON rights_party (node_id, sku);
