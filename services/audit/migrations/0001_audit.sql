-- The audit log: one row for each thing that happened. Rows are added and never changed. idx is
-- the place in the log, from 0 and without a hole; it is given under one lock, so its order is the
-- order of commits. Nothing here is ever rebuilt: what can be rebuilt has a schema of its own.

CREATE TABLE audit_record (
    idx              bigint PRIMARY KEY,
    id               text NOT NULL UNIQUE,
    kind             smallint NOT NULL CHECK (kind BETWEEN 0 AND 9),  -- 0: not known here
    operation        text NOT NULL CHECK (operation IN (
        'change', 'refusal', 'unreadable', 'read', 'search', 'denial', 'justification', 'delivery',
        'review', 'export', 'query', 'admin', 'alert', 'correction', 'system', 'unknown')),
    type             text NOT NULL,
    recorded_at      timestamptz NOT NULL,   -- the source's claim
    stated_at        timestamptz,            -- the contributor's claim
    logged_at        timestamptz NOT NULL,   -- ours; never falls along idx
    plan_id          uuid,
    section          text,
    entry_id         uuid,
    entry_version    bigint,
    contribution_id  uuid,
    change           text,
    code             text,
    actor_kind       text,
    actor_id         text,
    organisation     text,                   -- the actor's, as proven: an ODS code or x-…
    purpose          text,
    policy_version   text,
    trace_id         text,
    what             text,                   -- of an access: the kind of answer
    sections         text[],                 -- that something was shown of
    relationship     text,                   -- the kind of what it rested on
    override         text,                   -- break-glass, or against an objection
    override_id      uuid,
    related_from     timestamptz,            -- since when there was that relationship
    role             text,                   -- the actor's, of at most 100 characters
    via              text,                   -- the door it came through
    plan_version     bigint,                 -- that was shown
    source_topic     text NOT NULL,
    source_partition integer NOT NULL,
    source_offset    bigint NOT NULL,
    source_position  bigint,
    kafka_at         timestamptz,            -- as its producer gave it
    commitment       bytea NOT NULL CHECK (length(commitment) = 32),
    leaf             bytea NOT NULL CHECK (length(leaf) = 44)
);

-- Lists are read from the newest time backwards, whatever their filter. The first index serves
-- lists without a filter, whose query says idx >= 0. Without that condition the planner might read
-- a filtered list from it too, and look at every record on the way.
CREATE INDEX audit_record_at ON audit_record (recorded_at, idx) WHERE idx >= 0;
CREATE INDEX audit_record_plan ON audit_record (plan_id, recorded_at, idx)
    WHERE plan_id IS NOT NULL;
CREATE INDEX audit_record_organisation ON audit_record (organisation, recorded_at, idx)
    WHERE organisation IS NOT NULL;
CREATE INDEX audit_record_actor ON audit_record (actor_id, recorded_at, idx)
    WHERE actor_id IS NOT NULL;
CREATE INDEX audit_record_contribution ON audit_record (contribution_id, recorded_at, idx)
    WHERE contribution_id IS NOT NULL;
CREATE INDEX audit_record_section ON audit_record (section, recorded_at, idx)
    WHERE section IS NOT NULL;
CREATE INDEX audit_record_override ON audit_record (override_id, operation)
    WHERE override_id IS NOT NULL;
CREATE INDEX audit_record_overrides ON audit_record (recorded_at, idx)
    WHERE override_id IS NOT NULL;
CREATE INDEX audit_record_operation ON audit_record (operation, recorded_at, idx);
-- What searches narrow by. One that begins with few different words grows at a few places only, so
-- it costs little where records are added.
CREATE INDEX audit_record_entry ON audit_record (entry_id, recorded_at, idx)
    WHERE entry_id IS NOT NULL;
CREATE INDEX audit_record_code ON audit_record (code, recorded_at, idx) WHERE code IS NOT NULL;
CREATE INDEX audit_record_what ON audit_record (what, recorded_at, idx) WHERE what IS NOT NULL;
CREATE INDEX audit_record_role ON audit_record (role, recorded_at, idx) WHERE role IS NOT NULL;
CREATE INDEX audit_record_purpose ON audit_record (purpose, recorded_at, idx)
    WHERE purpose IS NOT NULL;
CREATE INDEX audit_record_relationship
    ON audit_record (coalesce(relationship, ''), recorded_at, idx) WHERE what IS NOT NULL;
CREATE INDEX audit_record_event ON audit_record (type, recorded_at, idx)
    WHERE operation = 'change';
-- When it was logged never falls along the table: a summary of each stretch of it is enough.
CREATE INDEX audit_record_logged ON audit_record
    USING brin (logged_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX audit_record_withdrawn ON audit_record (recorded_at, idx)
    WHERE change = 'withdrawn';
-- Accesses that rested on nothing, or on something that had only just begun.
CREATE INDEX audit_record_unrelated ON audit_record (recorded_at, idx)
    WHERE operation IN ('read', 'delivery', 'export')
      AND (relationship IS NULL OR recorded_at - related_from < interval '5 minutes');

-- What names somebody, or could be guessed from its hash: the salts of the twelve groups, one after
-- the other, and their members in canonical JSON, one group to a line. A group that was erased has
-- an empty line, and its hash in place of its salt, so that the commitment still holds.
CREATE TABLE audit_payload (
    idx          bigint PRIMARY KEY,
    salts        bytea NOT NULL CHECK (length(salts) = 384),
    groups       bytea NOT NULL,
    erased_at    timestamptz,
    erase_reason text
)
-- Two rows fit on a page as they are: compressing them, or a second table, would cost more.
WITH (toast_tuple_target = 4080);
-- A salt is random: trying to compress it is work for nothing.
ALTER TABLE audit_payload ALTER COLUMN salts SET STORAGE EXTERNAL;

CREATE FUNCTION audit_record_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_payload'
       AND current_setting('audit.erasing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% of audit records is refused', lower(TG_OP) USING ERRCODE = '42501';
END
$$;

CREATE TRIGGER audit_record_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();
CREATE TRIGGER audit_payload_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_payload
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();

-- The only permitted change: what a group says is removed together with its salt, and its hash is
-- kept. Nobody may call this yet: who may is decided with retention.
CREATE FUNCTION erase_group(at bigint, number integer, reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    names     text[] := ARRAY['hdr', 'time', 'subject', 'actor', 'authn', 'why', 'object', 'view',
                              'change', 'where', 'source', 'ext'];
    was_there boolean;
BEGIN
    IF number NOT BETWEEN 1 AND 12 OR coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a group has a number from 1 to 12, and an erasure has a reason';
    END IF;
    PERFORM set_config('audit.erasing', 'on', true);
    UPDATE audit_payload SET
           salts = overlay(salts PLACING sha256(
               '\x00'::bytea || convert_to(E'careplan-audit-group/v1\n', 'UTF8')
               || substr(salts, number * 32 - 31, 32)
               || convert_to(format('["%s",%s]', names[number], held.lines[number]), 'UTF8')
               ) FROM number * 32 - 31),
           groups = convert_to(array_to_string(
               held.lines[:number - 1] || ''::text || held.lines[number + 1:], E'\n'), 'UTF8'),
           erased_at = clock_timestamp(),
           erase_reason = reason
      FROM (SELECT string_to_array(convert_from(p.groups, 'UTF8'), E'\n') AS lines
              FROM audit_payload p WHERE p.idx = at) AS held
     WHERE idx = at AND held.lines[number] <> '';
    was_there := FOUND;
    PERFORM set_config('audit.erasing', 'off', true);
    RETURN was_there;
END
$$;
REVOKE EXECUTE ON FUNCTION erase_group FROM PUBLIC;

-- Which organisations look after the person of a plan, or have: whoever opened it, and each that had
-- a relationship. It says what the officers of an organisation may read, and is never shown.
CREATE TABLE plan_organisation (
    plan_id      uuid NOT NULL,
    organisation text NOT NULL,
    PRIMARY KEY (plan_id, organisation)
);

-- Reads without a relationship, or against an objection, that somebody has to look at: from the first
-- read under each. idx is the place of that read. due_at is until when it is to be reviewed, by the
-- setting of that day. outcome is what the last review said; one that was unclear leaves it open.
CREATE TABLE override_to_review (
    override_id  uuid PRIMARY KEY,
    idx          bigint NOT NULL,
    plan_id      uuid NOT NULL,
    organisation text,
    sub          text,
    due_at       timestamptz NOT NULL,
    escalated_at timestamptz,
    is_open      boolean NOT NULL DEFAULT true,
    outcome      text CHECK (outcome IN ('appropriate', 'not-appropriate', 'unclear')),
    reviewed_at  timestamptz,
    reviewed_for text                        -- the reviewer's organisation
);
CREATE INDEX override_to_review_open ON override_to_review (organisation, idx) WHERE is_open;
CREATE INDEX override_to_review_all ON override_to_review (organisation, idx);
CREATE INDEX override_to_review_plan ON override_to_review (plan_id, idx);
CREATE INDEX override_to_review_due ON override_to_review (due_at)
    WHERE is_open AND escalated_at IS NULL;

-- Keeps what a review found, with its record; false where it had been decided before.
CREATE FUNCTION review_override(
    override_id_ uuid, outcome_ text, organisation_ text, access_id_ uuid, plan_id_ uuid,
    record_ bytea, who_ bytea, salt_ bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE override_to_review
       SET outcome = outcome_, is_open = outcome_ = 'unclear', reviewed_for = organisation_,
           reviewed_at = clock_timestamp()
     WHERE override_id = override_id_ AND is_open;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM ledger.keep_accesses(ARRAY[access_id_], ARRAY[plan_id_], ARRAY[NULL::uuid],
        ARRAY[NULL::text], ARRAY[record_], ARRAY[who_], ARRAY[salt_]);
    RETURN true;
END
$$;

-- The highest position that has arrived from each section, and the gaps below it. Positions start
-- at 1 and have no holes, so a missing one is under way in another partition, or lost. A batch
-- touches only the gaps that it opens, narrows or closes.
CREATE TABLE source_stream (
    source        text PRIMARY KEY,
    last_position bigint NOT NULL
);

CREATE TABLE source_gap (
    source text NOT NULL,
    first  bigint NOT NULL,
    beyond bigint NOT NULL CHECK (beyond > first),
    since  timestamptz NOT NULL,
    told   boolean NOT NULL DEFAULT false,  -- as lost, once for all replicas
    PRIMARY KEY (source, first)
);

-- Notes ranges of positions that have arrived, each from first up to but not including beyond.
CREATE FUNCTION note_positions(sources text[], firsts bigint[], beyonds bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    came record;
    reached bigint;
BEGIN
    FOR came IN
        SELECT * FROM unnest(sources, firsts, beyonds) AS given (source, first, beyond)
         ORDER BY source, first
    LOOP
        INSERT INTO source_stream AS s (source, last_position) VALUES (came.source, 0)
            ON CONFLICT (source) DO UPDATE SET last_position = s.last_position
            RETURNING s.last_position INTO reached;
        IF came.first > reached + 1 THEN
            INSERT INTO source_gap (source, first, beyond, since)
            VALUES (came.source, reached + 1, came.first, clock_timestamp());
        ELSIF came.first <= reached THEN
            WITH closed AS (
                DELETE FROM source_gap AS gap
                 WHERE gap.source = came.source
                   AND gap.first < came.beyond AND gap.beyond > came.first
                RETURNING gap.first, gap.beyond, gap.since, gap.told
            )
            INSERT INTO source_gap (source, first, beyond, since, told)
            SELECT came.source, left_over.first, left_over.beyond, closed.since, closed.told
              FROM closed CROSS JOIN LATERAL (VALUES
                   (closed.first, least(closed.beyond, came.first)),
                   (greatest(closed.first, came.beyond), closed.beyond)
                   ) AS left_over (first, beyond)
             WHERE left_over.first < left_over.beyond;
        END IF;
        UPDATE source_stream SET last_position = came.beyond - 1
         WHERE source = came.source AND last_position < came.beyond - 1;
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON audit_record, audit_payload, plan_organisation TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON source_stream TO ledger_writer;
GRANT SELECT, INSERT,
      UPDATE (escalated_at, is_open, outcome, reviewed_at, reviewed_for)
    ON override_to_review TO ledger_writer;
GRANT SELECT, INSERT, DELETE, UPDATE (told) ON source_gap TO ledger_writer;
