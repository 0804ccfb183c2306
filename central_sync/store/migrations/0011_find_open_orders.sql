-- What a newcomer is sent first: a node's orders that are not finished. Carry-out sales never enter this index.
CREATE INDEX order_view_open ON order_view (node_id, order_id)
    WHERE status NOT IN ('completed', 'cancelled', 'returned', 'rejected');
