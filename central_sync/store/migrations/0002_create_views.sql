-- What people look at; all of it can be made again from `entry`.

CREATE TABLE node_status (
    node_id text PRIMARY KEY,
    incarnation uuid NOT NULL,
    last_seen timestamptz NOT NULL,
    heartbeat_at timestamptz,
    is_gone boolean NOT NULL DEFAULT false,  -- it said bye, or the broker did for it: a hint
    ledger jsonb NOT NULL DEFAULT '[]',
    oldest_unacked_age_ms bigint NOT NULL DEFAULT 0,
    disk_free_bytes bigint,
    clock_offset_ms bigint NOT NULL DEFAULT 0,
    software_version text NOT NULL DEFAULT '',
    last_error text,
    refused text,  -- why its last hello was answered with "fence", or null
    differences text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE order_view (
    order_id uuid PRIMARY KEY,
    node_id text NOT NULL,
    display_number text NOT NULL,
    order_type text NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    grand_total_minor bigint NOT NULL,
    placed_at timestamptz NOT NULL,
    business_date date NOT NULL,
    revision integer NOT NULL,
    first_incarnation uuid NOT NULL,
    first_lane text NOT NULL,
    first_seq bigint NOT NULL,
    last_incarnation uuid NOT NULL,
    last_lane text NOT NULL,
    last_seq bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX order_view_node ON order_view (node_id, order_id);
CREATE INDEX order_view_status ON order_view (status, order_id);

CREATE TABLE stock_view (
    node_id text NOT NULL,
    sku text NOT NULL,
    lot text NOT NULL,  -- '' for goods without lots
    unit text NOT NULL,
    expires_on date,
    on_hand_milli bigint NOT NULL,
    reserved_milli bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, sku, lot)
) WITH (fillfactor = 80);  -- its rows are updated in place

-- One row for each applied push, for live viewers. Transactions commit in another order than they begin: readers stop
-- before the oldest one that still runs (`xact < pg_snapshot_xmin(pg_current_snapshot())`), so nothing is skipped.
CREATE TABLE feed (
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    batch bigint GENERATED ALWAYS AS IDENTITY,
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    PRIMARY KEY (xact, batch)
);
