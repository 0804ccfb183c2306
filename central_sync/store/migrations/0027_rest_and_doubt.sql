-- A node that was asked in vain is left alone for a while, and missing goods are believed to be missing for a while
-- (docs/assignment.md, "Asking again").

-- When the centre heard that an attempt came to nothing, or gave it up: from then on its node rests.
ALTER TABLE assignment ADD COLUMN ended_at_ms bigint;
UPDATE assignment SET ended_at_ms = (extract(epoch FROM changed_at) * 1000)::bigint
    WHERE status IN ('rejected', 'withdrawing', 'withdrawn');

-- A node had not enough for an order, though the view showed so much: `seen_milli`. While it shows no more than that,
-- the node is taken to have less than was wanted: by that order, and by every order where it is known which goods it was.
CREATE TABLE stock_doubt (
    node_id text NOT NULL,
    sku text NOT NULL,
    unit text NOT NULL,
    order_id uuid NOT NULL,
    wanted_milli bigint NOT NULL,
    seen_milli bigint NOT NULL,
    until_ms bigint NOT NULL,
    is_shared boolean NOT NULL,
    PRIMARY KEY (node_id, sku, unit, order_id)
);
CREATE INDEX stock_doubt_order ON stock_doubt (order_id);
CREATE INDEX stock_doubt_until ON stock_doubt (until_ms);
