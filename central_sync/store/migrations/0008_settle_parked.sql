-- What becomes of parked entries, streams that are held because nobody here can read on, and a feed that is pruned.

-- durable = used + parked + discarded, in every stream; `replayed` ones are among the used.
ALTER TABLE stream_cursor
    ADD COLUMN replayed bigint NOT NULL DEFAULT 0,
    ADD COLUMN discarded bigint NOT NULL DEFAULT 0;

-- A discarded entry stays in its place in the log, parked for ever; later entries of its order no longer wait for it.
ALTER TABLE entry ADD COLUMN is_discarded boolean NOT NULL DEFAULT false;

-- Who settled what was parked, and why. Rows are only ever added.
CREATE TABLE settlement (
    id bigint GENERATED ALWAYS AS IDENTITY,
    node_id text NOT NULL,
    settled_at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL CHECK (action IN ('replayed', 'discarded')),
    who text NOT NULL,
    why text NOT NULL,
    parked_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    incarnation uuid,
    lane text,
    seq bigint,
    reason text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (node_id, id)
);

-- An entry version that this software does not know, at one node. `open`: its streams are held before the first entry
-- of it; `parking`: an operator lets those entries be parked instead; `closed`: over.
CREATE TABLE breaker (
    node_id text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'parking', 'closed')),
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    seq bigint NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL DEFAULT '',
    why text NOT NULL DEFAULT '',
    PRIMARY KEY (node_id, version)
);

-- When a push was applied, for pruning; and up to where the feed has been pruned, for viewers that come from before.
ALTER TABLE feed ADD COLUMN applied_at timestamptz NOT NULL DEFAULT now();
CREATE TABLE feed_horizon (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    xact xid8 NOT NULL,
    batch bigint NOT NULL
);
INSERT INTO feed_horizon (xact, batch) VALUES ('0', 0);
