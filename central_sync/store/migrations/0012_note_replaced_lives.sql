-- Lives of machines that were replaced, and spoke afterwards: since when, and whether their node was heard all the while.
CREATE TABLE replaced_life (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    heard_from timestamptz NOT NULL,  -- the spell in which it speaks began then
    heard_to timestamptz NOT NULL,
    is_beside boolean NOT NULL DEFAULT false,  -- both were heard: there are two machines, and this one never returns
    PRIMARY KEY (node_id, incarnation)
);
