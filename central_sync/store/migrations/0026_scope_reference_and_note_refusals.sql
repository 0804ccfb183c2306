-- Orders that shops sent by themselves and that were not taken: a webhook that is answered with an error is switched off.
CREATE TABLE channel_refusal (
    channel text NOT NULL,
    key text NOT NULL,  -- the order's name at the channel, '' where it could not be read
    slug text NOT NULL,
    detail text NOT NULL,
    pointer text,
    times integer NOT NULL DEFAULT 1,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, key)
);
CREATE INDEX channel_refusal_newest ON channel_refusal (refused_at DESC, channel, key);

-- Whom a version is for: 'all', 'region/NAME' or 'group/NAME'. Numbers go on over all of them, so that a store asks for
-- one by its number alone.
ALTER TABLE reference_version ADD COLUMN scope text NOT NULL DEFAULT 'all';
CREATE INDEX reference_version_scope ON reference_version (dataset, scope, version DESC);

-- The group that a node belongs to, for reference data of its own: one at most.
CREATE TABLE reference_member (
    node_id text PRIMARY KEY,
    group_name text NOT NULL
);
