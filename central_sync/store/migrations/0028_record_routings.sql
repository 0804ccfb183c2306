-- Why a node was chosen for an attempt, or nobody was: the question and the decision of routing, as they were asked and
-- answered (docs/assignment.md, "Which node"). Of each attempt the last one: `number` is the attempt that it led to.
CREATE TABLE routing (
    order_id uuid NOT NULL,
    number integer NOT NULL,
    decided_at_ms bigint NOT NULL,
    version integer NOT NULL,
    hash bytea NOT NULL,
    question bytea NOT NULL,
    decision bytea NOT NULL,
    PRIMARY KEY (order_id, number)
);
