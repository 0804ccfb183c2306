-- What every entry of a backlog is written to carries less.

-- Nearly all orders are completed, and a page of those is found by their ids alone: the index is for the few others.
DROP INDEX order_view_status;
CREATE INDEX order_view_status ON order_view (status, order_id) WHERE status <> 'completed';

-- A large batch changes most rows of a page at once. Where the new ones find no room beside the old ones, each change
-- writes the primary key as well. Pages that exist keep their filling until the table is rewritten (VACUUM FULL).
ALTER TABLE stock_view SET (fillfactor = 45);
