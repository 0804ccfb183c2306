-- Answers to holds beside which something was proposed (docs/checks.md): one row for each hold that was answered, so that
-- an entry that comes again under another name counts once. `answer` is the hold that was approved, or 'refused'.
CREATE TABLE hold_answer (
    node_id text NOT NULL,
    order_id uuid NOT NULL,
    answer text NOT NULL,
    is_followed boolean NOT NULL,
    PRIMARY KEY (node_id, order_id, answer)
);
