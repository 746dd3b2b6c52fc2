-- The read model of the plans, and their ledger. The ledger, and with it the plan versions and the
-- times at which readers could first see them, is added to and never changed.

CREATE TABLE plan (
    plan_id         uuid PRIMARY KEY,
    version         bigint NOT NULL DEFAULT 0,
    revision        bigint NOT NULL DEFAULT 0,    -- moves with every write, a parked event's too
    state           text NOT NULL DEFAULT 'unknown',
    opened_at       timestamptz,
    last_updated    timestamptz,
    merged_into     text,
    complete        boolean NOT NULL DEFAULT false,
    positions       jsonb NOT NULL DEFAULT '{}',  -- section -> last store position applied
    projected_at    timestamptz,
    document        bytea,                        -- ready to send; null until there is something
    document_sha256 bytea
);
CREATE INDEX plan_merged_into ON plan (merged_into) WHERE merged_into IS NOT NULL;
-- A plan that is written often stays on its page.
ALTER TABLE plan SET (fillfactor = 70);
-- The document is small and rewritten whole: compressing it costs more than it saves.
ALTER TABLE plan ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TABLE plan_entry (
    section       text NOT NULL,
    entry_id      uuid NOT NULL,
    plan_id       uuid NOT NULL,
    entry_type    text NOT NULL,
    entry_order   bigint NOT NULL,                -- the plan version with which it came
    entry_version bigint NOT NULL,
    current       boolean NOT NULL,
    state         text NOT NULL,
    recorded_at   timestamptz NOT NULL,
    stated_at     timestamptz NOT NULL,
    content       bytea NOT NULL,                 -- JSON
    authorship    bytea NOT NULL,                 -- JSON: leaf -> version, version -> who said it
    PRIMARY KEY (section, entry_id)
);
CREATE INDEX plan_entry_of_plan ON plan_entry (plan_id);
ALTER TABLE plan_entry SET (fillfactor = 80);

CREATE TABLE plan_ledger (
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
    event           bytea NOT NULL,               -- the value as it was published
    PRIMARY KEY (plan_id, plan_version)
);
CREATE UNIQUE INDEX plan_ledger_once
    ON plan_ledger (section, entry_id, entry_version) INCLUDE (contribution_id);

-- Events that wait for a missing version of their entry, with where they came from: one that turns
-- out to name the entry of another plan leaves as a dead letter.
CREATE TABLE plan_parked (
    section        text NOT NULL,
    entry_id       uuid NOT NULL,
    entry_version  bigint NOT NULL,
    plan_id        uuid NOT NULL,
    position       bigint,
    traceparent    text,
    event          bytea NOT NULL,
    headers        bytea NOT NULL,               -- as in outgoing
    from_topic     text NOT NULL,
    from_partition integer NOT NULL,
    from_offset    bigint NOT NULL,
    PRIMARY KEY (section, entry_id, entry_version, plan_id)
);
CREATE INDEX plan_parked_of_plan ON plan_parked (plan_id);

-- consumed = applied + duplicates + parked + dead_lettered, over all replicas, at all times.
CREATE TABLE plan_counter (
    instance      text PRIMARY KEY,
    consumed      bigint NOT NULL,
    applied       bigint NOT NULL,
    duplicates    bigint NOT NULL,
    parked        bigint NOT NULL,                -- those that wait now: a replica may release another's
    dead_lettered bigint NOT NULL
);

GRANT SELECT, INSERT ON plan_ledger TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON plan, plan_entry, plan_counter TO ledger_writer;
GRANT SELECT, INSERT, DELETE ON plan_parked TO ledger_writer;
