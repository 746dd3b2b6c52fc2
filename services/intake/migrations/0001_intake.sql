-- Intake passes on what comes: it keeps no copy of a contribution for longer than its inbox does.

-- Removes what the broker has had for so long, at most so many rows at once, and answers how many
-- there were. The row at the relay's mark stays: the next position follows from it.
CREATE FUNCTION forget_published(keep interval, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM outgoing WHERE position IN (
            SELECT position FROM outgoing
             WHERE position < (SELECT m.position FROM relay_mark m WHERE m.stream = 'outgoing')
               AND recorded_at < clock_timestamp() - keep
             ORDER BY position LIMIT most
        ) RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION forget_published FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_published TO ledger_writer;
