-- How what is free of a SKU is parted between the channels; of two values the one with the later clock holds.
CREATE TABLE quota (
    sku TEXT PRIMARY KEY,
    hlc INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
