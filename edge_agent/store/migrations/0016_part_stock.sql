-- How what is free of a SKU is parted between the channels; of two values the one with the later clock holds.
CREATE TABLE quota (
    sku TEXT PRIMARY KEY,
    hlc INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What is known of the rights to SKUs of this and of other locations: figures that only grow, merged by the larger.
CREATE TABLE rights (
    owner_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (owner_id, sku)
) STRICT, WITHOUT ROWID;
