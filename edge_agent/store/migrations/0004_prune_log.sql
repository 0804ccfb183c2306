-- Up to where a stream was let go of, and the chain's hash there, on which what is left stands. Entries of orders that
-- are still open stay below the cut.
ALTER TABLE stream ADD COLUMN pruned_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN pruned_hash BLOB;

-- How old entries are, by the centre's clock: at this time the centre had the stream up to here. One row a day.
CREATE TABLE retention_mark (
    stream_no INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (stream_no, at_ms)
) STRICT, WITHOUT ROWID;

-- What the entries that are gone had made of the stock: it plus the log is what the table of positions says.
CREATE TABLE pruned_stock (
    sku TEXT NOT NULL,
    lot TEXT NOT NULL,
    on_hand_milli INTEGER NOT NULL,
    reserved_milli INTEGER NOT NULL,
    PRIMARY KEY (sku, lot)
) STRICT;

-- What the orders that are gone had made of their business days: it plus the list of orders is what the day has come to.
CREATE TABLE pruned_day (
    business_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    orders INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    PRIMARY KEY (business_date, currency)
) STRICT;

-- Which orders and movements are gone, and since when. A fork of this history may bring one of them again, in another
-- stream: then it changes nothing, since what it did is in the sums.
CREATE TABLE pruned_subject (
    subject BLOB PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
