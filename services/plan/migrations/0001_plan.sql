-- What is never rebuilt lies in `ledger`: the plans' ledger, and with it their versions and the
-- times at which readers could first see them, what waits, and the counts. What can be made again
-- from it lies in `projection_v1`; readers and writers name the view, which a rebuild swaps.

CREATE SCHEMA projection_v1;

-- Added to and never changed.
CREATE TABLE ledger.plan_ledger (
    plan_id         uuid NOT NULL,
    plan_version    bigint NOT NULL,
    section         text NOT NULL,
    entry_id        uuid NOT NULL,
    entry_version   bigint NOT NULL,
    entry_type      text NOT NULL,
    type            text NOT NULL,
    change          text NOT NULL,
    contribution_id uuid NOT NULL,
    position        bigint,                       -- in its section's store
    recorded_at     timestamptz NOT NULL,
    projected_at    timestamptz NOT NULL,
    stated_at       timestamptz NOT NULL,
    effective_from  timestamptz NOT NULL,
    effective_latest timestamptz NOT NULL,        -- the latest effective_from of the entry until here
    effective_to    timestamptz,                  -- when the entry, as it then is, is out
    in_order        boolean NOT NULL,             -- effective no earlier than all before it
    updated_at      timestamptz,                  -- of its entry: the last update of the plan until here
    "by"            bytea NOT NULL,               -- JSON, as it is shown
    stated_by       bytea NOT NULL,
    fields          text[] NOT NULL,
    answers         uuid,                         -- the comment that the change answers
    leaf_hash       bytea,                        -- from the headers, like the two below
    schema          text,
    traceparent     text,
    policy_version  text NOT NULL,
    feed            bigint NOT NULL,              -- in the order of commits: the outbox of changes
    current         boolean NOT NULL,
    entry           bytea NOT NULL,               -- JSON: the entry after this event
    leaves          bytea NOT NULL,               -- JSON: leaf or item -> version that set it
    head            bytea NOT NULL,               -- JSON: what its readers were told besides entries
    positions       bytea NOT NULL,               -- JSON: section -> last store position applied
    event           bytea NOT NULL,               -- the value as it was published
    item            bytea NOT NULL,               -- JSON: what the history says of this event
    goes_on         boolean NOT NULL,             -- of the same contribution as its entry's event before
    PRIMARY KEY (plan_id, plan_version)
);
-- A row is read for one of its columns or another: what fits on a page stays there, as it is.
ALTER TABLE ledger.plan_ledger SET (toast_tuple_target = 8160);
CREATE UNIQUE INDEX plan_ledger_once
    ON ledger.plan_ledger (section, entry_id, entry_version) INCLUDE (plan_id);
CREATE INDEX plan_ledger_goes_on
    ON ledger.plan_ledger (section, entry_id, entry_version) WHERE goes_on;
CREATE UNIQUE INDEX plan_ledger_feed ON ledger.plan_ledger (feed);
CREATE INDEX plan_ledger_projected ON ledger.plan_ledger (plan_id, projected_at, plan_version);
CREATE INDEX plan_ledger_entries ON ledger.plan_ledger (plan_id, plan_version)
    WHERE entry_version = 1;
CREATE INDEX plan_ledger_entry_visible
    ON ledger.plan_ledger (section, entry_id, plan_version);
CREATE INDEX plan_ledger_entry_recorded
    ON ledger.plan_ledger (section, entry_id, recorded_at, entry_version);
CREATE INDEX plan_ledger_contribution ON ledger.plan_ledger (plan_id, contribution_id);
CREATE INDEX plan_ledger_answers ON ledger.plan_ledger (plan_id, plan_version)
    WHERE answers IS NOT NULL;
-- What counts of an entry by when it takes effect: all up to the last that no later event overtakes,
-- and after that the few that came late.
CREATE INDEX plan_ledger_entry_effective
    ON ledger.plan_ledger (section, entry_id, effective_latest, entry_version);
CREATE INDEX plan_ledger_entry_late
    ON ledger.plan_ledger (section, entry_id, entry_version) WHERE NOT in_order;

-- The reviews of a plan, for whoever asks for those of many.
CREATE INDEX plan_ledger_reviews ON ledger.plan_ledger (plan_id, entry_id, entry_version)
    WHERE section = 'stewardship' AND entry_type = 'review';

-- Events that wait for a missing version of their entry, as the records they were: one that turns
-- out to name the entry of another plan leaves as a dead letter.
CREATE TABLE ledger.plan_parked (
    section        text NOT NULL,
    entry_id       uuid NOT NULL,
    entry_version  bigint NOT NULL,
    plan_id        uuid NOT NULL,
    event          bytea NOT NULL,
    headers        bytea NOT NULL,               -- as in outgoing
    from_topic     text NOT NULL,
    from_topic_id  uuid,                         -- the broker's, where it told it: a name may be used again
    from_partition integer NOT NULL,
    from_offset    bigint NOT NULL,
    from_timestamp bigint NOT NULL,              -- of the record, in milliseconds
    PRIMARY KEY (section, entry_id, entry_version, plan_id)
);
CREATE INDEX plan_parked_of_plan ON ledger.plan_parked (plan_id);

-- consumed = applied + duplicates + parked + dead_lettered, over all replicas, at all times.
CREATE TABLE ledger.plan_counter (
    instance      text PRIMARY KEY,
    consumed      bigint NOT NULL,
    applied       bigint NOT NULL,
    duplicates    bigint NOT NULL,
    parked        bigint NOT NULL,                -- those that wait now: a replica may release another's
    dead_lettered bigint NOT NULL,
    parked_entries bigint NOT NULL                -- the entries that they are of
);

-- A turn to add to the ledger, until the transaction ends. The lock comes first and the clock after
-- the wait for it: what is given a time is committed soon, and nobody could have seen it before.
-- The lock is that of `outgoing`; what was committed before is seen by the statement after it.
CREATE FUNCTION ledger.take_turn(OUT last_feed bigint, OUT at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7411);
    SELECT coalesce(max(l.feed), 0) INTO last_feed FROM ledger.plan_ledger l;
    at := clock_timestamp();
END
$$;

CREATE TABLE projection_v1.plan (
    plan_id      uuid PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 0,
    revision     bigint NOT NULL DEFAULT 0,      -- moves with every write, a parked event's too
    state        text NOT NULL DEFAULT 'unknown',
    opened_at    timestamptz,
    last_updated timestamptz,
    merged_into  uuid,
    complete     boolean NOT NULL DEFAULT false,
    positions    bytea NOT NULL DEFAULT '{}',    -- JSON: section -> last store position applied
    document     bytea,                          -- ready to send; null until there is something
    rest         bytea,                          -- JSON: what the fold needs and the document lacks
    found_by     text[] NOT NULL DEFAULT '{}'    -- what identifies the person, each in one form
);
CREATE INDEX plan_found_by ON projection_v1.plan USING gin (found_by) WITH (fastupdate = off);
CREATE INDEX plan_merged_into ON projection_v1.plan (merged_into) WHERE merged_into IS NOT NULL;
-- A plan that is written often stays on its page.
ALTER TABLE projection_v1.plan SET (fillfactor = 70);
-- Both are small and rewritten whole: compressing them costs more than it saves.
ALTER TABLE projection_v1.plan ALTER COLUMN document SET STORAGE EXTERNAL;
ALTER TABLE projection_v1.plan ALTER COLUMN rest SET STORAGE EXTERNAL;

CREATE VIEW plan AS SELECT * FROM projection_v1.plan;

-- Keeps those accesses that show their plan as it stands: at its revision, and with no other merged
-- into it, which moves no revision. One without a revision is kept whatever it shows.
CREATE FUNCTION ledger.keep_accesses_if_it_stands(
    access_ids uuid[], plan_ids uuid[], override_ids uuid[], asked_ text[], records bytea[],
    whos bytea[], salts bytea[], revisions bigint[]
) RETURNS SETOF timestamptz LANGUAGE plpgsql AS $$
DECLARE
    stands boolean[];
BEGIN
    -- The lock of the accesses first: what is asked after it holds when they are committed.
    PERFORM pg_advisory_xact_lock(7413);
    SELECT array_agg(
               given.revision IS NULL OR (given.revision IS NOT DISTINCT FROM p.revision
               AND NOT EXISTS (SELECT FROM plan other WHERE other.merged_into = given.plan_id))
               ORDER BY given.n) INTO stands
      FROM unnest(plan_ids, revisions) WITH ORDINALITY AS given(plan_id, revision, n)
      LEFT JOIN plan p ON p.plan_id = given.plan_id;
    RETURN QUERY SELECT * FROM ledger.keep_accesses(
        access_ids, plan_ids, override_ids, asked_, records, whos, salts, stands);
END
$$;

-- The plans with which an organisation has, or had, a relationship, by the copy of relationships.
CREATE FUNCTION ledger.organisation_of(kind text, leaves bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN substring(encode(leaves, 'escape') FROM CASE kind
    WHEN 'opening' THEN '"recorded_by":\[[0-9]+,"([^"]*)"\]'
    WHEN 'relationship' THEN '"organisation":\[[0-9]+,"([^"]*)"\]' END);
CREATE INDEX access_entry_organisation
    ON access_entry (ledger.organisation_of(kind, leaves), plan_id) WHERE kind <> 'proxy';

-- What a reader was last shown. Their name for it stands first in `who`, whose members have an order;
-- one that is not found there was never shown anything.
CREATE FUNCTION ledger.reader_of(who bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN substring(encode(substring(who FOR 1200), 'escape') FROM '"id":"(.*?)","name"');
CREATE FUNCTION ledger.is_a_look(record bytea, asked text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN position('"operation":"read","type":"access.read","what":"plan",'::bytea IN record) > 0
   AND asked NOT LIKE '%section=%';
CREATE INDEX access_record_looks
    ON ledger.access_record (plan_id, ledger.reader_of(who), recorded_at)
    WHERE who IS NOT NULL AND ledger.is_a_look(record, asked);

-- Who read a plan first since some version of it.
CREATE INDEX access_record_of_plan ON ledger.access_record (plan_id, recorded_at)
    WHERE plan_id IS NOT NULL;

GRANT USAGE ON SCHEMA ledger, projection_v1 TO ledger_writer;
GRANT SELECT, INSERT ON ledger.plan_ledger TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON plan, ledger.plan_counter TO ledger_writer;
GRANT SELECT, INSERT, DELETE ON ledger.plan_parked TO ledger_writer;
