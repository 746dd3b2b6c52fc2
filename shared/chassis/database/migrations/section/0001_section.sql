-- A section's ledger. The first columns are those of the eventsourcing library, read by name by a
-- stock application; positions (notification_id) are given by append_requests, never by a sequence.

CREATE TABLE stored_events (
    originator_id      uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic              text NOT NULL,
    state              bytea NOT NULL,
    notification_id    bigint NOT NULL,
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    traceparent        text,
    leaf_hash          bytea,
    authn              bytea,                 -- JSON: how the contributor was authenticated
    policy_version     text,                  -- of the decision to take the contribution
    command            text,                  -- the type of the command that it came of
    inputs_sha256      bytea,                 -- of what the decision rested on
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_position ON stored_events (notification_id) INCLUDE (recorded_at);

CREATE TABLE receipt (
    contribution_id uuid PRIMARY KEY,
    contributor     text NOT NULL,
    content_hash    bytea NOT NULL,
    body            bytea NOT NULL,           -- JSON, without what only the commit knows
    recorded_at     timestamptz NOT NULL,
    event_position  bigint,                   -- of the last event; null for a refusal
    authn           bytea,
    policy_version  text,
    sub             text,                     -- of whoever sent it first
    inputs_sha256   bytea
);

CREATE TABLE unique_key (
    key      text PRIMARY KEY,
    entry_id uuid NOT NULL
);

-- The section's own copy of which plans there are (from the events of the section that opens them).
CREATE TABLE plan_state (
    plan_id       uuid PRIMARY KEY,
    state         text NOT NULL,
    entry_version bigint NOT NULL
);

-- Media of each plan. A name in the store is noted before anything is put there under it, so that
-- nothing lies there unknown; a name is never used twice.
CREATE TABLE media_blob (
    name     text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE media (
    plan_id     uuid NOT NULL,
    sha256      text NOT NULL,
    media_id    uuid NOT NULL,
    size        bigint NOT NULL,
    mime        text NOT NULL,                -- by the content
    state       text NOT NULL CHECK (state IN ('available', 'quarantined', 'infected')),
    blob        text NOT NULL REFERENCES media_blob,
    blocks      bytea NOT NULL,               -- SHA-256 of each 256 KiB
    contributor text NOT NULL,
    stored_at   timestamptz NOT NULL,
    kept_from   timestamptz NOT NULL DEFAULT clock_timestamp(),
    named       boolean NOT NULL DEFAULT false,  -- by an event; then it is kept for good
    PRIMARY KEY (plan_id, sha256)
);
CREATE UNIQUE INDEX media_of_blob ON media (blob);
CREATE INDEX media_unnamed ON media (kept_from) WHERE NOT named;
CREATE INDEX media_quarantined ON media (stored_at) WHERE state = 'quarantined';

-- Who has stored a file and named it in no entry yet: they know of it, whoever has stored it before.
CREATE TABLE media_holder (
    plan_id     uuid NOT NULL,
    sha256      text NOT NULL,
    contributor text NOT NULL,
    kept_from   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_id, sha256, contributor),
    FOREIGN KEY (plan_id, sha256) REFERENCES media ON DELETE CASCADE
);
CREATE INDEX media_holder_kept ON media_holder (kept_from);

CREATE TABLE media_named (
    plan_id  uuid NOT NULL,
    sha256   text NOT NULL,
    entry_id uuid NOT NULL,
    leaf     text NOT NULL,
    PRIMARY KEY (plan_id, sha256, entry_id, leaf)
);

-- Records cost their sender less than columns. A request that touches what another of its call
-- touches is kept for the next call, so nobody has to look for those here.
CREATE TYPE append_receipt AS (
    contribution_id uuid, contributor text, content_hash bytea, body bytea, authn bytea,
    policy_version text, open_plan uuid, sub text, access_plan uuid, access_revision bigint,
    inputs_sha256 bytea
);
CREATE TYPE append_event AS (
    request int, entry_id uuid, version bigint, topic text, state bytea, traceparent text,
    leaf_hash bytea, authn bytea, policy_version text, command text, inputs_sha256 bytea
);
CREATE TYPE append_key AS (request int, key text, entry_id uuid);
CREATE TYPE append_message AS (
    request int, topic text, key bytea, headers bytea, value bytea, completes boolean
);

CREATE TYPE append_read AS (request int, entry_id uuid, version bigint);
CREATE TYPE append_media AS (request int, plan_id uuid, sha256 text, entry_id uuid, leaf text);

-- One call is one transaction: whole requests are judged under the lock, survivors inserted, the
-- others answered alone. There is one receipt for each request, or null for one without; the other
-- records name theirs by number (1-based). No two requests of a call have an entry, a contribution
-- or a key in common, nor reads one of them an entry that another changes.
-- verdict: stored | repeated | reused | access-moved | plan-unknown | plan-not-open | stale |
-- taken | media-unknown.
CREATE FUNCTION append_requests(
    receipts append_receipt[], events append_event[], takes append_key[], gives append_key[],
    messages append_message[], reads append_read[], names append_media[]
) RETURNS TABLE (
    request int, verdict text, position_ bigint, at timestamptz, entry uuid, version bigint,
    receipt_ bytea, receipt_position bigint
) LANGUAGE plpgsql
-- Plans are made once in a connection, perhaps while the tables are small, and kept: every lookup
-- is by index from the first day, or the first million rows would be scanned for each append.
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    verdicts    text[] := array_fill('stored'::text, ARRAY[cardinality(receipts)]);
    entries     uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(receipts)]);
    versions    bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(receipts)]);
    firsts      bigint[] := versions;
    lasts       bigint[] := versions;
    places      bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(events)]);
    place       bigint;
    base        bigint;
    out_base    bigint;
    now_        timestamptz;
    found_      record;
BEGIN
    PERFORM pg_advisory_xact_lock(7411);
    -- A new statement, a new snapshot: it sees what was committed before the lock was ours.
    SELECT coalesce(e.position, 0), coalesce(o.position, 0),
           greatest(clock_timestamp(), e.recorded_at, o.recorded_at)
      INTO base, out_base, now_
      FROM (SELECT) AS one
      LEFT JOIN LATERAL (SELECT s.notification_id AS position, s.recorded_at FROM stored_events s
                          ORDER BY s.notification_id DESC LIMIT 1) e ON true
      LEFT JOIN LATERAL (SELECT o.position, o.recorded_at FROM outgoing o
                          ORDER BY o.position DESC LIMIT 1) o ON true;

    -- The kept receipts first: a repeat gets its own, whatever has happened to the entry since.
    FOR found_ IN
        SELECT c.request, r.same
          FROM unnest(receipts) WITH ORDINALITY
               AS c(contribution_id, contributor, content_hash, body, authn, policy_version,
                    open_plan, sub, access_plan, access_revision, inputs_sha256, request)
         CROSS JOIN LATERAL (
               SELECT (r.contributor = c.contributor AND r.content_hash = c.content_hash) AS same
                 FROM receipt r WHERE r.contribution_id = c.contribution_id LIMIT 1) r
    LOOP
        verdicts[found_.request] := CASE WHEN found_.same THEN 'repeated' ELSE 'reused' END;
    END LOOP;

    -- The plan, and access to it: what the section has heard of them by now.
    FOR found_ IN
        SELECT c.request, p.state, coalesce(a.revision, 0) <> c.access_revision AS has_moved,
               c.open_plan IS NULL OR coalesce(p.state = 'open', false) AS is_open
          FROM unnest(receipts) WITH ORDINALITY
               AS c(contribution_id, contributor, content_hash, body, authn, policy_version,
                    open_plan, sub, access_plan, access_revision, inputs_sha256, request)
          LEFT JOIN LATERAL (SELECT p.state FROM plan_state p
                              WHERE p.plan_id = c.open_plan LIMIT 1) p ON true
          LEFT JOIN LATERAL (SELECT a.revision FROM access_revision a
                              WHERE a.plan_id = c.access_plan LIMIT 1) a ON true
    LOOP
        IF verdicts[found_.request] = 'stored' AND found_.has_moved THEN
            verdicts[found_.request] := 'access-moved';
        ELSIF verdicts[found_.request] = 'stored' AND NOT found_.is_open THEN
            verdicts[found_.request] :=
                CASE WHEN found_.state IS NULL THEN 'plan-unknown' ELSE 'plan-not-open' END;
        END IF;
    END LOOP;

    -- Stale: an entry that was only read has another version by now.
    IF cardinality(reads) > 0 THEN
        FOR found_ IN
            SELECT l.request, l.entry_id, h.version
              FROM unnest(reads) AS l
             CROSS JOIN LATERAL (SELECT coalesce(max(s.originator_version), 0) AS version
                                   FROM stored_events s WHERE s.originator_id = l.entry_id) h
             WHERE h.version <> l.version
        LOOP
            IF verdicts[found_.request] = 'stored' THEN
                verdicts[found_.request] := 'stale';
                entries[found_.request] := found_.entry_id;
                versions[found_.request] := found_.version;
            END IF;
        END LOOP;
    END IF;

    -- Stale: the version before the request's first does not stand last in its entry.
    FOR found_ IN
        SELECT e.request, e.entry_id, h.version, e.last - e.first + 1 <> e.events AS has_gap
          FROM (SELECT u.request, u.entry_id, min(u.version) AS first, max(u.version) AS last,
                       count(*) AS events
                  FROM unnest(events) AS u
                 GROUP BY u.request, u.entry_id) e
         CROSS JOIN LATERAL (SELECT coalesce(max(s.originator_version), 0) AS version
                               FROM stored_events s WHERE s.originator_id = e.entry_id) h
         WHERE h.version <> e.first - 1 OR e.last - e.first + 1 <> e.events
    LOOP
        IF found_.has_gap THEN
            RAISE EXCEPTION 'the versions of one entry follow each other'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF verdicts[found_.request] = 'stored' THEN
            verdicts[found_.request] := 'stale';
            entries[found_.request] := found_.entry_id;
            versions[found_.request] := found_.version;
        END IF;
    END LOOP;

    -- Taken: another entry holds a key that this request needs, and does not give it back in it.
    IF cardinality(takes) > 0 THEN
        IF EXISTS (SELECT FROM unnest(takes) AS t
                    GROUP BY t.key HAVING count(DISTINCT t.entry_id) > 1) THEN
            RAISE EXCEPTION 'one call takes a key for one entry'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        FOR found_ IN
            SELECT t.request, k.entry_id
              FROM unnest(takes) AS t
             CROSS JOIN LATERAL (SELECT k.entry_id FROM unique_key k
                                  WHERE k.key = t.key AND k.entry_id <> t.entry_id
                                    AND NOT EXISTS (SELECT FROM unnest(gives) AS g
                                                     WHERE g.request = t.request AND g.key = k.key
                                                       AND g.entry_id = k.entry_id)
                                  LIMIT 1) k
        LOOP
            IF verdicts[found_.request] = 'stored' THEN
                verdicts[found_.request] := 'taken';
                entries[found_.request] := found_.entry_id;
            END IF;
        END LOOP;
    END IF;

    -- Media that are named have to be here. The rows are locked first: what is swept away meanwhile
    -- is not here any more, and what is named now is swept away never.
    IF cardinality(names) > 0 THEN
        PERFORM FROM (SELECT DISTINCT n.plan_id, n.sha256 FROM unnest(names) AS n
                       ORDER BY n.plan_id, n.sha256) AS n
          JOIN media m ON m.plan_id = n.plan_id AND m.sha256 = n.sha256
           FOR UPDATE OF m;
        FOR found_ IN
            SELECT DISTINCT n.request
              FROM unnest(names) AS n
             WHERE NOT EXISTS (SELECT FROM media m
                                WHERE m.plan_id = n.plan_id AND m.sha256 = n.sha256
                                  AND m.state = 'available')
        LOOP
            IF verdicts[found_.request] = 'stored' THEN
                verdicts[found_.request] := 'media-unknown';
            END IF;
        END LOOP;
        UPDATE media m SET named = true FROM unnest(names) AS n
         WHERE m.plan_id = n.plan_id AND m.sha256 = n.sha256 AND NOT m.named
           AND verdicts[n.request] = 'stored';
        INSERT INTO media_named (plan_id, sha256, entry_id, leaf)
        SELECT DISTINCT n.plan_id, n.sha256, n.entry_id, n.leaf FROM unnest(names) AS n
         WHERE verdicts[n.request] = 'stored'
        ON CONFLICT DO NOTHING;
        DELETE FROM media_holder h
         USING unnest(names) AS n
          JOIN unnest(receipts) WITH ORDINALITY
               AS c(contribution_id, contributor, content_hash, body, authn, policy_version,
                    open_plan, sub, access_plan, access_revision, inputs_sha256, request)
               USING (request)
         WHERE h.plan_id = n.plan_id AND h.sha256 = n.sha256 AND h.contributor = c.contributor
           AND verdicts[n.request] = 'stored';
    END IF;

    -- Places for the events of what survived, in the order given, without a gap.
    place := base;
    FOR found_ IN
        SELECT e.request, e.number
          FROM unnest(events) WITH ORDINALITY
               AS e(request, entry_id, version, topic, state, traceparent, leaf_hash, authn,
                    policy_version, command, inputs_sha256, number)
    LOOP
        IF verdicts[found_.request] = 'stored' THEN
            place := place + 1;
            places[found_.number] := place;
            lasts[found_.request] := place;
            IF firsts[found_.request] IS NULL THEN
                firsts[found_.request] := place;
            END IF;
        END IF;
    END LOOP;
    INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id,
                               recorded_at, traceparent, leaf_hash, authn, policy_version,
                               command, inputs_sha256)
    SELECT e.entry_id, e.version, e.topic, e.state, e.place, now_, e.traceparent, e.leaf_hash,
           e.authn, e.policy_version, e.command, e.inputs_sha256
      FROM ROWS FROM (unnest(events), unnest(places))
           AS e(request, entry_id, version, topic, state, traceparent, leaf_hash, authn,
                policy_version, command, inputs_sha256, place)
     WHERE e.place IS NOT NULL;
    INSERT INTO receipt (contribution_id, contributor, content_hash, body, recorded_at,
                         event_position, authn, policy_version, sub, inputs_sha256)
    SELECT c.contribution_id, c.contributor, c.content_hash, c.body, now_, c.last, c.authn,
           c.policy_version, c.sub, c.inputs_sha256
      FROM ROWS FROM (unnest(receipts), unnest(verdicts), unnest(lasts))
           AS c(contribution_id, contributor, content_hash, body, authn, policy_version,
                open_plan, sub, access_plan, access_revision, inputs_sha256, verdict, last)
     WHERE c.contribution_id IS NOT NULL AND c.verdict = 'stored';
    IF cardinality(messages) > 0 THEN
        INSERT INTO outgoing (position, recorded_at, topic, key, headers, value, completes,
                              event_position)
        SELECT out_base + row_number() OVER (ORDER BY m.number), now_, m.topic, m.key, m.headers,
               m.value, m.completes, lasts[m.request]
          FROM unnest(messages) WITH ORDINALITY
               AS m(request, topic, key, headers, value, completes, number)
         WHERE verdicts[m.request] = 'stored';
    END IF;

    IF cardinality(gives) > 0 THEN
        DELETE FROM unique_key k USING unnest(gives) AS g
         WHERE k.key = g.key AND k.entry_id = g.entry_id AND verdicts[g.request] = 'stored';
    END IF;
    IF cardinality(takes) > 0 THEN
        INSERT INTO unique_key (key, entry_id)
        SELECT t.key, t.entry_id FROM unnest(takes) AS t
         WHERE verdicts[t.request] = 'stored'
        ON CONFLICT (key) DO NOTHING;
    END IF;

    RETURN QUERY
    SELECT a.request::int, a.verdict, a.first, coalesce(r.recorded_at, now_), a.entry_id,
           a.version, r.body, r.event_position
      FROM ROWS FROM (unnest(receipts), unnest(verdicts), unnest(firsts), unnest(entries),
                      unnest(versions)) WITH ORDINALITY
           AS a(contribution_id, contributor, content_hash, body, authn, policy_version,
                open_plan, sub, access_plan, access_revision, inputs_sha256, verdict, first,
                entry_id, version, request)
      LEFT JOIN LATERAL (SELECT * FROM receipt r
                          WHERE r.contribution_id = a.contribution_id AND a.verdict = 'repeated'
                          LIMIT 1) r ON true;
END
$$;

GRANT SELECT, INSERT ON stored_events, receipt TO ledger_writer;
GRANT SELECT, INSERT, DELETE ON unique_key TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON plan_state TO ledger_writer;
GRANT SELECT, INSERT ON media_named TO ledger_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON media, media_blob, media_holder TO ledger_writer;
