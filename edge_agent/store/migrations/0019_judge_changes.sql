-- Baskets of the last minutes, for the question whether an order was sent twice (docs/checks.md). They have a small table of
-- their own, clustered by the minute in which they came, so that random marks never spread over an index that grows.
DROP INDEX order_of_till;
ALTER TABLE order_head DROP COLUMN basket;

CREATE TABLE basket_seen (
    minute INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    placed_ms INTEGER NOT NULL,
    order_id BLOB NOT NULL,
    PRIMARY KEY (minute, mark, placed_ms, order_id)
) STRICT, WITHOUT ROWID;

-- Edits of addresses within the last day, by each source that they count for.
CREATE TABLE address_edit (
    at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    entry_id INTEGER NOT NULL,
    PRIMARY KEY (at_ms, source, entry_id)
) STRICT, WITHOUT ROWID;

-- When something was last paid on account after the placing: what is owed of an old order can be newer than the data of
-- the customer. 0 for nearly all orders, which never enter the index.
ALTER TABLE order_head ADD COLUMN credit_at_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX order_of_credit ON order_head (customer_ref, credit_at_ms) WHERE credit_at_ms > 0;
