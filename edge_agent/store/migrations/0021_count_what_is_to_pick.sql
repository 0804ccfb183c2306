-- What a store has still to pick of its open orders, in thousandths: routing asks for the sum (docs/routing.md). 0 for nearly
-- all orders, which never enter the index; those from before are counted once something happens to them.
ALTER TABLE order_head ADD COLUMN to_pick_milli INTEGER NOT NULL DEFAULT 0;
CREATE INDEX order_to_pick ON order_head (to_pick_milli) WHERE to_pick_milli > 0;
