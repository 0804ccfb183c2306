-- An order of which a part came back is as finished as one of which nothing did.
DROP INDEX order_view_open;
CREATE INDEX order_view_open ON order_view (node_id, order_id)
    WHERE status NOT IN ('completed', 'partially_returned', 'returned', 'cancelled', 'rejected');
