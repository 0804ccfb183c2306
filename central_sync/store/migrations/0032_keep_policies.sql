-- Every revision of a policy, as MessagePack, and where it is in its life (edge_core/policy/life.py). `replaces` is the
-- revision that it took the place of when it was promoted; `trial` is what came of it on recorded orders, as JSON.
CREATE TABLE policy_revision (
    policy_id text NOT NULL,
    revision integer NOT NULL,
    document bytea NOT NULL,
    status text NOT NULL,
    note text NOT NULL,
    replaces integer,
    trial text,
    made_at timestamptz NOT NULL DEFAULT now(),
    made_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (policy_id, revision)
);

-- What is in use, as MessagePack: one row, whose lock is that of every change.
CREATE TABLE policy_plan (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    plan bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Who did what to which policy, and when. Rows are only added.
CREATE TABLE policy_audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    action text NOT NULL,
    policy_id text,
    revision integer,
    detail text NOT NULL
);
CREATE INDEX policy_audit_of ON policy_audit (policy_id, number);

-- What routing made of each order, under which policies: by the entry that says so, or, of what the centre decided itself,
-- by the row of `routing` with that hash. `arm` is the group of orders
-- that the policies' stamp makes it one of: `default`, or the revision that is compared with it; `release` the number in it. `here` and
-- `region` say who asked and where the goods go: a comparison may be for some of them alone.
CREATE TABLE routing_outcome (
    order_id uuid NOT NULL,
    hash bytea NOT NULL,
    node_id text,
    incarnation uuid,
    lane text,
    seq bigint,
    decided_at timestamptz NOT NULL,
    arm text NOT NULL,
    policy text NOT NULL,
    release bigint NOT NULL,
    here text NOT NULL,
    region text NOT NULL,
    cost_milli bigint NOT NULL,
    parcels integer NOT NULL,
    carbon_g bigint NOT NULL,
    is_late boolean NOT NULL,
    is_manual boolean NOT NULL,
    PRIMARY KEY (order_id, hash)
);
CREATE INDEX routing_outcome_at ON routing_outcome (decided_at);
CREATE INDEX routing_hash ON routing (order_id, hash);

-- The same orders as a policy in the shade would have routed them.
CREATE TABLE shadow_outcome (
    arm text NOT NULL,
    order_id uuid NOT NULL,
    hash bytea NOT NULL,
    decided_at timestamptz NOT NULL,
    cost_milli bigint NOT NULL,
    parcels integer NOT NULL,
    carbon_g bigint NOT NULL,
    is_late boolean NOT NULL,
    is_manual boolean NOT NULL,
    PRIMARY KEY (arm, order_id, hash)
);
CREATE INDEX shadow_outcome_at ON shadow_outcome (decided_at);

-- The key that releases are signed with (Ed25519, 32 bytes), made by the first process that needs it: all of them use the
-- same one, and a restored centre is believed by its stores. Whoever can read this can speak for the centre.
CREATE TABLE policy_key (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seed bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
