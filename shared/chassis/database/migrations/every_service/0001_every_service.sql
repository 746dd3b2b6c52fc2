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

-- What is known of each dead letter. As it came it stands in `outgoing`, and goes with that row.
CREATE TABLE dead_letter (
    dead_letter_id  uuid PRIMARY KEY,
    position        bigint NOT NULL UNIQUE REFERENCES outgoing ON DELETE CASCADE,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    consumer        text NOT NULL,
    topic           text NOT NULL,
    topic_id        uuid,
    partition       integer NOT NULL,
    offset_         bigint NOT NULL,
    sent_ms         bigint NOT NULL,         -- the time that stands with the record, in milliseconds
    organisation    text,
    plan_id         uuid,
    contribution_id uuid,
    type            text,
    code            text NOT NULL,
    reason          text NOT NULL,           -- in words of ours
    size            bigint NOT NULL,         -- bytes of its value
    headers_came    integer NOT NULL,        -- so many of the row's headers are its own
    is_null         boolean NOT NULL,        -- it had no value
    is_whole        boolean NOT NULL,        -- nothing of it was cut off or spelt out
    state           text NOT NULL DEFAULT 'held'
                    CHECK (state IN ('held', 'retried', 'returned', 'discarded')),
    settled_at      timestamptz
);
CREATE INDEX dead_letter_of_state ON dead_letter (state, position);
CREATE INDEX dead_letter_of_organisation ON dead_letter (organisation, position);

-- The service's own copy of relationships, Proxies and openings of plans: what decides who may see a
-- plan and act for its person. Of each leaf the version that set it last is kept beside its value.
CREATE TABLE access_entry (
    entry_id uuid NOT NULL,
    plan_id  uuid NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('relationship', 'proxy', 'opening')),
    leaves   bytea NOT NULL,                 -- JSON: {leaf: [entry_version, value]}
    claim    text CHECK (claim IN ('claimed', 'confirmed')), -- of what was said of oneself
    claim_ends timestamptz,
    PRIMARY KEY (entry_id, kind)             -- ids are chosen, and unique in one section alone
);
CREATE INDEX access_entry_plan ON access_entry (plan_id);
-- What is counted every minute, so that this reads claims and nothing else.
CREATE INDEX access_entry_claim ON access_entry (claim, claim_ends) WHERE claim IS NOT NULL;

-- How often that has changed of each plan: what was decided by it is judged again where it is
-- stored, and decided anew where this has moved on.
CREATE TABLE access_revision (
    plan_id  uuid PRIMARY KEY,
    revision bigint NOT NULL
);

CREATE FUNCTION access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO access_revision AS r (plan_id, revision)
    SELECT DISTINCT c.plan_id, 1 FROM changed c ORDER BY c.plan_id
    ON CONFLICT (plan_id) DO UPDATE SET revision = r.revision + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER access_added AFTER INSERT ON access_entry
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE TRIGGER access_changed AFTER UPDATE ON access_entry
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE TRIGGER access_removed AFTER DELETE ON access_entry
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION access_changed();

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

-- Accesses: what this service showed of a plan, and to whom, or denied them. Each row is committed
-- before the answer that it is about leaves. Rows are added, never changed and never made again.
-- Who it was stands apart from what was done, under a salted hash: it can be erased, and the row
-- still proves what it said.
CREATE SCHEMA ledger;

CREATE TABLE ledger.access_record (
    position     bigint PRIMARY KEY,         -- without a hole, in the order of commits
    access_id    uuid NOT NULL UNIQUE,
    recorded_at  timestamptz NOT NULL,       -- never falls along position
    plan_id      uuid,
    override_id  uuid,
    asked        text,                       -- path and query, where the answer can be made again
    record       bytea NOT NULL,             -- JSON: what was done, and why it was allowed
    who          bytea,                      -- JSON: who did it, for whom, how they were authenticated
    salt         bytea,
    who_sha256   bytea NOT NULL              -- of the salt and of who
);

-- Somebody without a live relationship, or against an objection, who reads in an emergency.
CREATE TABLE ledger.access_override (
    override_id uuid PRIMARY KEY,
    plan_id     uuid NOT NULL,
    sub         text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('break-glass', 'objection')),
    reason      text NOT NULL,
    begins_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL
);
CREATE INDEX access_override_of ON ledger.access_override (plan_id, sub, ends_at);

CREATE TABLE ledger.access_justification (
    override_id  uuid PRIMARY KEY REFERENCES ledger.access_override,
    access_id    uuid NOT NULL,              -- the record of the justification
    basis        text NOT NULL CHECK (
        basis IN ('consent', 'legal', 'public-interest', 'vital-interest')),
    justified_at timestamptz NOT NULL
);

-- Adds what is not there yet and answers when, once for each that was given; null for one that is
-- not to be kept. Without `kept` all are.
CREATE FUNCTION ledger.keep_accesses(
    access_ids uuid[], plan_ids uuid[], override_ids uuid[], asked_ text[], records bytea[],
    whos bytea[], salts bytea[], kept boolean[] DEFAULT NULL
) RETURNS SETOF timestamptz LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
    now_ timestamptz;
BEGIN
    -- In a statement of its own: the next one then sees what was committed before it.
    PERFORM pg_advisory_xact_lock(7413);
    SELECT max(a.position), greatest(clock_timestamp(), max(a.recorded_at)) INTO base, now_
      FROM (SELECT position, recorded_at FROM ledger.access_record
             ORDER BY position DESC LIMIT 1) AS a;
    INSERT INTO ledger.access_record
    SELECT coalesce(base, 0) + row_number() OVER (ORDER BY given.n), given.access_id, now_,
           given.plan_id, given.override_id, given.asked, given.record, given.who, given.salt,
           sha256('\x00'::bytea || convert_to(E'careplan-access-who/v1\n', 'UTF8')
                  || given.salt || given.who)
      FROM unnest(access_ids, plan_ids, override_ids, asked_, records, whos, salts)
           WITH ORDINALITY
           AS given(access_id, plan_id, override_id, asked, record, who, salt, n)
     WHERE NOT EXISTS (SELECT FROM ledger.access_record held
                        WHERE held.access_id = given.access_id)
       AND (kept IS NULL OR kept[given.n]);
    RETURN QUERY SELECT CASE WHEN kept IS NULL OR kept[n] THEN now_ END
                   FROM generate_series(1, cardinality(access_ids)) AS n;
END
$$;

-- An override that still runs, or the one that begins now; it and the accesses under it, and the
-- alert where it begins, are one commit. Places: the access, then the alert.
CREATE FUNCTION ledger.keep_override(
    plan_id_ uuid, sub_ text, kind_ text, reason_ text, lasts interval, new_id uuid,
    access_ids uuid[], asked_ text, records bytea[], whos bytea[], salts bytea[]
) RETURNS TABLE (override_id uuid, reason text, ends_at timestamptz, begins boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found_ ledger.access_override;
    kept integer := 1;
BEGIN
    PERFORM pg_advisory_xact_lock(7413);
    SELECT * INTO found_ FROM ledger.access_override o
     WHERE o.plan_id = plan_id_ AND o.sub = sub_ AND o.kind = kind_
       AND o.ends_at > clock_timestamp()
     ORDER BY o.ends_at DESC LIMIT 1;
    IF found_.override_id IS NULL THEN
        INSERT INTO ledger.access_override
        VALUES (new_id, plan_id_, sub_, kind_, reason_, clock_timestamp(), clock_timestamp() + lasts)
        RETURNING * INTO found_;
        kept := cardinality(access_ids);
    END IF;
    PERFORM ledger.keep_accesses(
        access_ids[:kept], array_fill(plan_id_, ARRAY[kept]),
        array_fill(found_.override_id, ARRAY[kept]), array_fill(asked_, ARRAY[kept]),
        records[:kept], whos[:kept], salts[:kept]);
    RETURN QUERY SELECT found_.override_id, found_.reason, found_.ends_at, kept > 1;
END
$$;

-- Keeps why an override was used, with its record; false where that was said before.
CREATE FUNCTION ledger.justify_override(
    override_id_ uuid, plan_id_ uuid, basis_ text, access_id_ uuid, record_ bytea, who_ bytea,
    salt_ bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7413);
    INSERT INTO ledger.access_justification
    VALUES (override_id_, access_id_, basis_, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM ledger.keep_accesses(ARRAY[access_id_], ARRAY[plan_id_], ARRAY[override_id_],
        ARRAY[NULL::text], ARRAY[record_], ARRAY[who_], ARRAY[salt_]);
    RETURN true;
END
$$;

-- The only change that is permitted: who it was is removed together with its salt. Nobody may call
-- this yet: who may is decided with retention.
CREATE FUNCTION ledger.erase_who(access_id_ uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE ledger.access_record SET who = NULL, salt = NULL
     WHERE access_id = access_id_ AND who IS NOT NULL;
    RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.erase_who FROM PUBLIC;

GRANT USAGE ON SCHEMA ledger TO ledger_writer;
GRANT SELECT, INSERT ON ledger.access_record, ledger.access_override, ledger.access_justification
    TO ledger_writer;
GRANT SELECT, INSERT ON outgoing, dead_letter TO ledger_writer;
GRANT UPDATE (code, reason, state, settled_at) ON dead_letter TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON relay_mark, consumer_offset, access_entry, access_revision
   TO ledger_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letter_count TO ledger_writer;
