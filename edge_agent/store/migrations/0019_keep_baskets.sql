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
