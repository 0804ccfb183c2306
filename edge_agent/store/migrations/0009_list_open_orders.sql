-- An order of which a part came back is as finished as one of which nothing did: it is not open work.
DROP INDEX order_open;
CREATE INDEX order_open ON order_head (status, order_id)
    WHERE status NOT IN ('completed', 'partially_returned', 'returned', 'cancelled', 'rejected');
