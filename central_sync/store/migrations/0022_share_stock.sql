-- What is known of the rights to each SKU of each node: figures that only grow, merged by the larger. The centre's own row,
-- which no node writes, stands among them, so this table is not made again from `entry` alone.
CREATE TABLE rights (
    owner_id text NOT NULL,
    sku text NOT NULL,
    body bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, sku)
);
