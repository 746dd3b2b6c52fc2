-- The audit log: one row per happening, added and never changed. idx is its place in the log, from
-- 0 and without a hole, and is given under one lock, so that its order is the order of commits.

CREATE TABLE audit_record (
    idx               bigint PRIMARY KEY,
    id                text NOT NULL UNIQUE,
    kind              text NOT NULL,
    operation         text NOT NULL,
    recorded_at       timestamptz NOT NULL,   -- the source's claim
    stated_at         timestamptz,            -- the contributor's claim
    logged_at         timestamptz NOT NULL,   -- ours; never falls along idx
    plan_id           uuid,
    section           text,
    entry_id          uuid,
    entry_version     bigint,
    event_type        text,
    code              text,
    change            text,
    contribution_id   uuid,
    actor_kind        text,
    actor_id          text,
    actor_id_system   text,
    actor_name        text,
    actor_role        text,
    organisation      text,                   -- the actor's, as proven: an ODS code or x-…
    organisation_name text,
    author            jsonb,                  -- who said it, where that was told
    on_behalf_of      jsonb,
    trace_id          text,
    content_sha256    text,
    leaf_hash         text,                   -- the section's own hash of the row
    source_topic      text NOT NULL,
    source_partition  integer NOT NULL,
    source_offset     bigint NOT NULL,
    source_position   bigint,
    bag               jsonb NOT NULL DEFAULT '{}'  -- members that are not known here
);

-- Every list is read backwards along idx, whatever it is narrowed by.
CREATE INDEX audit_record_plan ON audit_record (plan_id, idx) WHERE plan_id IS NOT NULL;
CREATE INDEX audit_record_organisation ON audit_record (organisation, idx)
    WHERE organisation IS NOT NULL;
CREATE INDEX audit_record_actor ON audit_record (actor_id, idx) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_record_section ON audit_record (section, idx) WHERE section IS NOT NULL;
CREATE INDEX audit_record_operation ON audit_record (operation, idx);
CREATE INDEX audit_record_recorded_at ON audit_record (recorded_at, idx);

CREATE FUNCTION audit_record_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of audit records is refused', lower(TG_OP) USING ERRCODE = '42501';
END
$$;

CREATE TRIGGER audit_record_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();

-- What has been seen of each section's positions. They start at 1 and have no holes, so one that is
-- not there below one that is there is under way in another partition, or lost.
CREATE TABLE source_stream (
    source        text PRIMARY KEY,
    seen          int8multirange NOT NULL,
    last_position bigint NOT NULL GENERATED ALWAYS AS (upper(seen) - 1) STORED,
    next_position bigint NOT NULL
        GENERATED ALWAYS AS (lower(int8multirange(int8range(1, NULL)) - seen)) STORED,
    waiting_since timestamptz NOT NULL  -- since when next_position is behind last_position
);

GRANT SELECT, INSERT ON audit_record TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON source_stream TO ledger_writer;
