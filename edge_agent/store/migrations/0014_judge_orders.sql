-- What the checks ask of earlier orders (docs/checks.md). order_head stays an index of the log: the customer and what is
-- owed on account follow from it. `basket` marks the goods where repeated baskets are looked for, else it is NULL: nobody
-- asks for a mark that is older than the window, so it need not be rebuilt.
ALTER TABLE order_head ADD COLUMN customer_ref TEXT;
ALTER TABLE order_head ADD COLUMN credit_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE order_head ADD COLUMN basket INTEGER;

-- Anonymous orders, and those of stores without such a rule, never enter these.
CREATE INDEX order_of_customer ON order_head (customer_ref, order_id) WHERE customer_ref IS NOT NULL;
CREATE INDEX order_of_till ON order_head (terminal_id, order_id) WHERE basket IS NOT NULL;

-- Coupons that orders took. A row outlives its order in the list: who used a coupon last year has used it.
CREATE TABLE coupon_use (
    code TEXT NOT NULL,
    order_id BLOB NOT NULL,
    PRIMARY KEY (code, order_id)
) STRICT, WITHOUT ROWID;
