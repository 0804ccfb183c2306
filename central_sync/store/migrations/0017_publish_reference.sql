-- Reference data that the stores fetch: the newest versions of each dataset, as the files that are sent.
CREATE TABLE reference_version (
    dataset text NOT NULL,
    version bigint NOT NULL,
    hash bytea NOT NULL,
    row_count integer NOT NULL,
    made_at timestamptz NOT NULL,
    who text NOT NULL,
    file bytea NOT NULL,
    etag text NOT NULL,  -- of these very bytes
    PRIMARY KEY (dataset, version)
);

CREATE TABLE reference_delta (
    dataset text NOT NULL,
    from_version bigint NOT NULL,
    version bigint NOT NULL,
    file bytea NOT NULL,
    etag text NOT NULL,  -- of these very bytes
    PRIMARY KEY (dataset, from_version, version),
    FOREIGN KEY (dataset, from_version) REFERENCES reference_version ON DELETE CASCADE,
    FOREIGN KEY (dataset, version) REFERENCES reference_version ON DELETE CASCADE
);

-- The files are compressed already; kept as they are, a piece of one is read without the rest.
ALTER TABLE reference_version ALTER COLUMN file SET STORAGE EXTERNAL;
ALTER TABLE reference_delta ALTER COLUMN file SET STORAGE EXTERNAL;

-- Which versions a node says it has.
ALTER TABLE node_status ADD COLUMN reference jsonb NOT NULL DEFAULT '[]';
