-- A section's ledger. The first columns are those of the eventsourcing library, read by name by a
-- stock application; positions (notification_id) are given by append_batch, never by a sequence.

CREATE TABLE stored_events (
    originator_id      uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic              text NOT NULL,
    state              bytea NOT NULL,
    notification_id    bigint NOT NULL,
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    traceparent        text,
    leaf_hash          bytea,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_position ON stored_events (notification_id) INCLUDE (recorded_at);

CREATE TABLE receipt (
    contribution_id uuid PRIMARY KEY,
    contributor     text NOT NULL,
    content_hash    bytea NOT NULL,
    body            bytea NOT NULL,           -- JSON, without what only the commit knows
    recorded_at     timestamptz NOT NULL,
    event_position  bigint                    -- of the last event; null for a refusal
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

-- One call is one transaction: whole requests are judged under the lock, survivors inserted, the
-- others answered alone. Array c_* has an item per request; e_*, t_*, g_*, o_* name theirs by
-- number (1-based). verdict: stored | repeated | reused | stale | taken | again.
CREATE FUNCTION append_batch(
    c_id uuid[], c_contributor text[], c_hash bytea[], c_receipt bytea[],
    e_request int[], e_entry uuid[], e_version bigint[], e_topic text[], e_state bytea[],
    e_traceparent text[], e_leaf bytea[],
    t_request int[], t_key text[], t_entry uuid[],
    g_request int[], g_key text[], g_entry uuid[],
    o_request int[], o_topic text[], o_key bytea[], o_headers bytea[], o_value bytea[],
    o_completes boolean[]
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
    verdicts    text[] := array_fill('stored'::text, ARRAY[cardinality(c_id)]);
    entries     uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(c_id)]);
    versions    bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(c_id)]);
    firsts      bigint[] := versions;
    lasts       bigint[] := versions;
    places      bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(e_request)]);
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
        SELECT c.n, r.same
          FROM unnest(c_id, c_contributor, c_hash) WITH ORDINALITY AS c(id, contributor, hash, n)
         CROSS JOIN LATERAL (
               SELECT (r.contributor = c.contributor AND r.content_hash = c.hash) AS same
                 FROM receipt r WHERE r.contribution_id = c.id LIMIT 1) r
    LOOP
        verdicts[found_.n] := CASE WHEN found_.same THEN 'repeated' ELSE 'reused' END;
    END LOOP;

    -- Stale: the version before the request's first does not stand last in its entry.
    FOR found_ IN
        SELECT e.n, e.entry, h.version, e.last - e.first + 1 <> e.events AS has_gap
          FROM (SELECT u.n, u.entry, min(u.version) AS first, max(u.version) AS last,
                       count(*) AS events
                  FROM unnest(e_request, e_entry, e_version) AS u(n, entry, version)
                 GROUP BY u.n, u.entry) e
         CROSS JOIN LATERAL (SELECT coalesce(max(s.originator_version), 0) AS version
                               FROM stored_events s WHERE s.originator_id = e.entry) h
         WHERE h.version <> e.first - 1 OR e.last - e.first + 1 <> e.events
    LOOP
        IF found_.has_gap THEN
            RAISE EXCEPTION 'the versions of one entry follow each other'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF verdicts[found_.n] = 'stored' THEN
            verdicts[found_.n] := 'stale';
            entries[found_.n] := found_.entry;
            versions[found_.n] := found_.version;
        END IF;
    END LOOP;

    -- Taken: another entry holds a key that this request needs.
    IF cardinality(t_key) > 0 THEN
        FOR found_ IN
            SELECT t.n, k.entry_id
              FROM unnest(t_request, t_key, t_entry) AS t(n, key, entry)
             CROSS JOIN LATERAL (SELECT k.entry_id FROM unique_key k
                                  WHERE k.key = t.key AND k.entry_id <> t.entry LIMIT 1) k
        LOOP
            IF verdicts[found_.n] = 'stored' THEN
                verdicts[found_.n] := 'taken';
                entries[found_.n] := found_.entry_id;
            END IF;
        END LOOP;
    END IF;

    -- Within one batch only the first may touch an entry, a contribution or a key; the others are
    -- asked again in the next batch, where they meet what the first one did.
    IF cardinality(c_id) > 1 THEN
        FOR found_ IN
            SELECT DISTINCT m.n FROM (
                SELECT x.n, row_number() OVER (PARTITION BY x.what ORDER BY x.n) AS place FROM (
                    SELECT u.n, 'e' || u.entry::text AS what
                      FROM unnest(e_request, e_entry) AS u(n, entry)
                     WHERE verdicts[u.n] = 'stored' GROUP BY u.n, u.entry
                    UNION ALL
                    SELECT c.n::int, 'c' || c.id::text FROM unnest(c_id) WITH ORDINALITY AS c(id, n)
                     WHERE c.id IS NOT NULL AND verdicts[c.n] = 'stored'
                    UNION ALL
                    SELECT t.n, 'k' || t.key FROM unnest(t_request, t_key) AS t(n, key)
                     WHERE verdicts[t.n] = 'stored'
                ) x
            ) m WHERE m.place > 1
        LOOP
            verdicts[found_.n] := 'again';
        END LOOP;
    END IF;

    -- Places for the events of what survived, in the order given, without a gap.
    place := base;
    FOR i IN 1 .. cardinality(e_request) LOOP
        IF verdicts[e_request[i]] = 'stored' THEN
            place := place + 1;
            places[i] := place;
            lasts[e_request[i]] := place;
            IF firsts[e_request[i]] IS NULL THEN
                firsts[e_request[i]] := place;
            END IF;
        END IF;
    END LOOP;
    INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id,
                               recorded_at, traceparent, leaf_hash)
    SELECT e.entry, e.version, e.topic, e.state, e.place, now_, e.traceparent, e.leaf
      FROM unnest(e_entry, e_version, e_topic, e_state, places, e_traceparent, e_leaf)
           AS e(entry, version, topic, state, place, traceparent, leaf)
     WHERE e.place IS NOT NULL;
    INSERT INTO receipt (contribution_id, contributor, content_hash, body, recorded_at,
                         event_position)
    SELECT c.id, c.contributor, c.hash, c.body, now_, c.last
      FROM unnest(c_id, c_contributor, c_hash, c_receipt, verdicts, lasts)
           AS c(id, contributor, hash, body, verdict, last)
     WHERE c.id IS NOT NULL AND c.verdict = 'stored';
    IF cardinality(o_request) > 0 THEN
        INSERT INTO outgoing (position, recorded_at, topic, key, headers, value, completes,
                              event_position)
        SELECT out_base + row_number() OVER (ORDER BY o.place), now_, o.topic, o.key, o.headers,
               o.value, o.completes, lasts[o.n]
          FROM unnest(o_request, o_topic, o_key, o_headers, o_value, o_completes)
               WITH ORDINALITY AS o(n, topic, key, headers, value, completes, place)
         WHERE verdicts[o.n] = 'stored';
    END IF;

    IF cardinality(g_key) > 0 THEN
        DELETE FROM unique_key k USING unnest(g_request, g_key, g_entry) AS g(n, key, entry)
         WHERE k.key = g.key AND k.entry_id = g.entry AND verdicts[g.n] = 'stored';
    END IF;
    IF cardinality(t_key) > 0 THEN
        INSERT INTO unique_key (key, entry_id)
        SELECT t.key, t.entry FROM unnest(t_request, t_key, t_entry) AS t(n, key, entry)
         WHERE verdicts[t.n] = 'stored'
        ON CONFLICT (key) DO NOTHING;
    END IF;

    RETURN QUERY
    SELECT a.n::int, a.verdict, a.first, coalesce(r.recorded_at, now_), a.entry, a.version,
           r.body, r.event_position
      FROM unnest(c_id, verdicts, firsts, entries, versions)
           WITH ORDINALITY AS a(id, verdict, first, entry, version, n)
      LEFT JOIN LATERAL (SELECT * FROM receipt r
                          WHERE r.contribution_id = a.id AND a.verdict = 'repeated'
                          LIMIT 1) r ON true;
END
$$;

GRANT SELECT, INSERT ON stored_events, receipt TO ledger_writer;
GRANT SELECT, INSERT, DELETE ON unique_key TO ledger_writer;
GRANT SELECT, INSERT, UPDATE ON plan_state TO ledger_writer;
