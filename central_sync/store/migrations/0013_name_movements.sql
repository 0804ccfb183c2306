-- Which stock movements are used. A movement may come under two streams: two lives of one disk may both append it again.
CREATE TABLE stock_movement (
    node_id text NOT NULL,
    movement_id uuid NOT NULL,
    incarnation uuid NOT NULL,  -- of the entry that is used; any other with this movement is passed over
    lane text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (node_id, movement_id)
);

-- Those that are used already. The event is a MessagePack array that begins with its name and the movement's id: a text
-- of 11 bytes (ab), then 16 bytes (c410).
INSERT INTO stock_movement (node_id, movement_id, incarnation, lane, seq)
SELECT node_id, encode(substring(body FROM at + 14 FOR 16), 'hex')::uuid, incarnation, lane, seq
FROM entry, LATERAL (SELECT position('\xab73746f636b2e6d6f766564c410'::bytea IN body) AS at) AS found
WHERE order_id IS NULL AND NOT is_parked AND at > 0
ORDER BY ingested_at, incarnation, seq
ON CONFLICT DO NOTHING;
