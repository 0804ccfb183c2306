-- How fast each party sells a SKU that is shared: a leaky sum, and the figure that it was last seen at. The location itself
-- is observed too, in a row of its own (`is_owner`), which shares nothing.
ALTER TABLE rights_party
    ADD COLUMN is_owner boolean NOT NULL DEFAULT false,
    ADD COLUMN seen_milli bigint,
    ADD COLUMN seen_at_ms bigint,
    ADD COLUMN sold_milli bigint NOT NULL DEFAULT 0,
    ADD COLUMN span_ms bigint NOT NULL DEFAULT 0;
CREATE INDEX rights_party_seen ON rights_party (seen_at_ms NULLS FIRST, owner_id, sku) WHERE is_owner;

-- What the centre has moved, and why: for people to look at. What became of it is the instruction's answer.
CREATE TABLE rights_move (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    moved_at timestamptz NOT NULL DEFAULT now(),
    owner_id text NOT NULL,
    sku text NOT NULL,
    giver text NOT NULL,
    taker text NOT NULL,
    quantity_milli bigint NOT NULL,
    why text NOT NULL,
    figures text NOT NULL,
    instruction_id uuid
);
CREATE INDEX rights_move_of ON rights_move (owner_id, sku, number);

-- The answers to what people decide here by themselves, under the key of the request; kept as long as keys at a store are.
CREATE TABLE decided_key (
    key text PRIMARY KEY,
    payload_hash bytea NOT NULL,
    answer bytea NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX decided_key_at ON decided_key (decided_at);
