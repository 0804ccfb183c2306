-- Which history came after which, and why: the present one is the one that `centre` names.
CREATE TABLE history (
    history_id uuid PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,  -- created, restore-mark, restored, noticed
    detail text NOT NULL DEFAULT ''
);
INSERT INTO history (history_id, began_at, reason) SELECT history_id, created_at, 'created' FROM centre;

-- Backups that were recorded; how far each stream is covered by one of them is in stream_cursor.backed_up_seq.
CREATE TABLE backup (
    backup_id uuid PRIMARY KEY,
    history_id uuid NOT NULL,
    kind text NOT NULL,  -- dump: made here; mark: made with another tool
    taken_at timestamptz NOT NULL,  -- what was committed at this time is in it
    recorded_at timestamptz NOT NULL DEFAULT now(),
    file text NOT NULL DEFAULT '',
    sha256 text NOT NULL DEFAULT '',
    streams bigint NOT NULL,
    entries bigint NOT NULL
);

-- Entries that neither end has any more: the centre was put back to a time before its backup covered them, and the node
-- had let go of them. People must know; nothing waits for them.
CREATE TABLE stream_loss (
    node_id text NOT NULL,
    incarnation uuid NOT NULL,
    lane text NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, incarnation, lane, from_seq)
);
