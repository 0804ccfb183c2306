-- The centre's log for each node, and what became of what it asks for.

-- Everything that was asked of a node, in the order of `number`. Its bytes are kept once, here, and never changed; they
-- are null where only the node's answer has told of it, to a database that was put back to before it was asked.
CREATE TABLE instruction (
    node_id text NOT NULL,
    instruction_id uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    subject uuid,
    body bytea,
    payload_hash bytea,
    requested_at timestamptz NOT NULL DEFAULT now(),
    outcome text CHECK (outcome IN ('applied', 'refused', 'parked')),  -- null: no answer has come
    code text,
    detail text,
    answered_at timestamptz,
    PRIMARY KEY (node_id, instruction_id)
);
CREATE INDEX instruction_by_id ON instruction (instruction_id);
CREATE INDEX instruction_by_number ON instruction (number);
CREATE INDEX instruction_open ON instruction (node_id, number) WHERE outcome IS NULL OR outcome = 'parked';

-- The downlink of a node that goes on at present. `durable_*` is how far the node has taken it, by its own word.
CREATE TABLE downlink_cursor (
    node_id text PRIMARY KEY,
    shard smallint NOT NULL,
    incarnation uuid NOT NULL,
    tail_seq bigint NOT NULL DEFAULT 0,
    tail_hash bytea NOT NULL,
    durable_seq bigint NOT NULL DEFAULT 0,
    durable_hash bytea NOT NULL
);
CREATE INDEX downlink_cursor_waiting ON downlink_cursor (shard, node_id) WHERE tail_seq > durable_seq;

-- Which instruction stands where in which downlink. Those of earlier downlinks stay, for people.
CREATE TABLE downlink (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    seq bigint NOT NULL,
    instruction_id uuid NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (node_id, incarnation, seq)
);

-- How many of them wait for people at the node, by its own word.
ALTER TABLE node_status ADD COLUMN parked_instructions bigint NOT NULL DEFAULT 0;
