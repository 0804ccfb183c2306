-- The centre's own orders, and the attempts to have nodes fulfil them (docs/assignment.md).

-- An order of a web shop or a marketplace, as it was posted here. The centre owns it until a node has accepted it.
CREATE TABLE central_order (
    order_id uuid PRIMARY KEY,  -- made of the key, so that one key is one order, also at a centre that was put back
    key text NOT NULL,
    payload_hash bytea NOT NULL,
    display_number text NOT NULL,
    document bytea NOT NULL,
    traceparent text,
    received_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL,
    reason text,
    since_ms bigint NOT NULL,
    due_at_ms bigint,  -- when something has to be done if nothing is heard
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX central_order_due ON central_order (due_at_ms, order_id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX central_order_status ON central_order (status, received_at, order_id);

-- Each attempt. `claimed`: a node says that it has the order, and this database does not know (yet) what it is about.
CREATE TABLE assignment (
    order_id uuid NOT NULL,
    assignment_id uuid NOT NULL,  -- the order's id at the node
    node_id text NOT NULL,
    number integer NOT NULL,
    status text NOT NULL,
    reason text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, assignment_id)
);
CREATE INDEX assignment_by_id ON assignment (assignment_id);
CREATE INDEX assignment_asked ON assignment (node_id) WHERE status = 'offered';

-- Attempts of which something was heard, written with what was heard. Rows are only added, and deleted once seen to.
CREATE TABLE assignment_news (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id uuid NOT NULL
);

-- Who has goods: a node's own positions are found by its id already.
CREATE INDEX stock_view_sku ON stock_view (sku, node_id);
