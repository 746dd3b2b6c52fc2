-- Whatever a service publishes besides its events, and the places its consumers and its relay
-- have reached. Rows of outgoing are written in the transaction of what they belong to.

CREATE TABLE outgoing (
    position       bigint PRIMARY KEY,
    recorded_at    timestamptz NOT NULL,
    topic          text NOT NULL,
    key            bytea,
    headers        bytea NOT NULL,           -- JSON: [[name, base64 or null], …]
    value          bytea NOT NULL,
    completes      boolean NOT NULL DEFAULT false,  -- the relay adds recorded_at and the position
    event_position bigint
);

CREATE TABLE relay_mark (
    stream       text PRIMARY KEY,
    position     bigint NOT NULL,
    acknowledged jsonb NOT NULL DEFAULT '{}'  -- topic/partition -> offset after the last acknowledged
);

CREATE TABLE consumer_offset (
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    topic_id    uuid,                        -- the broker's; a topic made again has another
    PRIMARY KEY (consumer, topic, partition)
);

-- How many dead letters a consumer has left, by the minute: a limit that a restart does not reset.
CREATE TABLE dead_letter_count (
    consumer text NOT NULL,
    at       timestamptz NOT NULL,
    letters  bigint NOT NULL,
    PRIMARY KEY (consumer, at)
);

-- The service's own copy of relationships, Proxies and openings of plans: what decides who may see a
-- plan and act for its person. Of each leaf the version that set it last is kept beside its value.
CREATE TABLE access_entry (
    entry_id uuid PRIMARY KEY,
    plan_id  uuid NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('relationship', 'proxy', 'opening')),
    leaves   bytea NOT NULL                  -- JSON: {leaf: [entry_version, value]}
);
CREATE INDEX access_entry_plan ON access_entry (plan_id);

-- Positions are given under the service's one lock, so that position order is commit order. The
-- lock is taken in a statement of its own: the next one then sees what was committed before it.
CREATE FUNCTION outgoing_append(topics text[], keys bytea[], headers bytea[], bodies bytea[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
    now_ timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7411);
    SELECT coalesce(max(o.position), 0) INTO base FROM outgoing o;
    SELECT greatest(clock_timestamp(), max(o.recorded_at)) INTO now_
      FROM outgoing o WHERE o.position = base;
    INSERT INTO outgoing (position, recorded_at, topic, key, headers, value)
    SELECT base + given.n, now_, given.topic, given.key, given.headers, given.body
      FROM unnest(topics, keys, headers, bodies)
           WITH ORDINALITY AS given(topic, key, headers, body, n);
    RETURN base + cardinality(topics);
END
$$;

GRANT SELECT, INSERT ON outgoing TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON relay_mark, consumer_offset, access_entry TO ledger_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letter_count TO ledger_writer;
