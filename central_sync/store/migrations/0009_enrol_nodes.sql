-- Which machines were let in as a node, and with which ticket. A ticket is kept as its SHA-256 only.
CREATE TABLE enrolment_ticket (
    node_id text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_by uuid,  -- the incarnation that it let in; the same one may show it again, because answers get lost
    PRIMARY KEY (node_id, digest)
);

-- The newest enrolment of a node is the node. An incarnation that goes on from an enrolled one has its number.
CREATE TABLE enrolment (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, incarnation)
);
