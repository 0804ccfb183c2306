-- What the centre keeps of the stores' logs. An entry's bytes are stored once, here, and never changed.

-- Which history this is: a database made anew, or made from a dump into another one, is another history.
CREATE TABLE centre (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    history_id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO centre DEFAULT VALUES;

CREATE TABLE node (
    node_id text PRIMARY KEY,
    incarnation uuid NOT NULL,  -- the one that said hello first most recently; older ones are fenced
    name text NOT NULL,
    region text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stream_cursor (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    durable_seq bigint NOT NULL DEFAULT 0,
    durable_hash bytea NOT NULL,
    parked bigint NOT NULL DEFAULT 0,
    backed_up_seq bigint NOT NULL DEFAULT 0,
    fenced text,  -- why nothing more is taken from this stream
    PRIMARY KEY (node_id, incarnation, lane)
);

CREATE TABLE entry (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    seq bigint NOT NULL,
    order_id uuid,
    is_parked boolean NOT NULL,
    hash bytea NOT NULL,
    body bytea NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, incarnation, lane, seq)
) PARTITION BY HASH (node_id);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE entry_%s PARTITION OF entry FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
    END LOOP;
END
$$;

-- UUIDv7 grows with time, so this index is appended to.
CREATE INDEX entry_order ON entry (order_id) WHERE order_id IS NOT NULL;

-- What could not be used. An entry of a stream keeps its bytes in `entry`; a foreign message keeps them here, cut.
CREATE TABLE parked (
    id bigint GENERATED ALWAYS AS IDENTITY,
    node_id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    topic text NOT NULL,
    incarnation uuid,
    lane text,
    seq bigint,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea,
    PRIMARY KEY (node_id, id)
);

CREATE TABLE shard_lease (
    shard smallint PRIMARY KEY,
    owner uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Who is there to share the shards with.
CREATE TABLE ingester (
    owner uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
