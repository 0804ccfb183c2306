-- Business days that the stores have closed, with their Z reports; all of it can be made again from `entry`.
CREATE TABLE day_close (
    node_id text NOT NULL,
    business_date date NOT NULL,
    close_id uuid NOT NULL,
    z_number bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    operator_id text NOT NULL,
    incarnation uuid NOT NULL,
    up_to_seq bigint NOT NULL,  -- of the stream of this incarnation: what stands beyond it came late
    sums jsonb NOT NULL,
    PRIMARY KEY (node_id, business_date)
);
