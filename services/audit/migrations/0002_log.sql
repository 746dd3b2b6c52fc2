-- The tree over the leaves of the records. A full tile holds 256 hashes and is never changed; root is
-- its own hash, which stands in the level above; inner_ is what leads from the one to the other, kept
-- so that a proof needs no hashing. What a partial tile holds follows from the leaves,
-- or from the roots of the level below, so it is kept nowhere.
CREATE TABLE log_tile (
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (length(hashes) = 8192),
    inner_ bytea NOT NULL CHECK (length(inner_) = 8160),
    root   bytea NOT NULL CHECK (length(root) = 32),
    PRIMARY KEY (level, number)
);
-- A hash is random: trying to compress it is work for nothing.
ALTER TABLE log_tile ALTER COLUMN hashes SET STORAGE EXTERNAL,
                     ALTER COLUMN inner_ SET STORAGE EXTERNAL;

-- What the log has signed of itself: a size is signed once.
CREATE TABLE log_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    note text NOT NULL
);

-- When the witnesses were asked about a checkpoint, and the signatures that came back. A checkpoint
-- is shown once they were asked, whoever answered.
CREATE TABLE log_witnessing (
    number     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    size       bigint NOT NULL REFERENCES log_checkpoint (size),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    signatures text NOT NULL
);
CREATE INDEX log_witnessing_size ON log_witnessing (size, number);

CREATE TRIGGER log_tile_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON log_tile
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();
CREATE TRIGGER log_checkpoint_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON log_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();
CREATE TRIGGER log_witnessing_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON log_witnessing
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();

-- The fence of the sealer: whoever becomes it raises the number, and nobody with a lower one adds
-- anything to the three tables above.
CREATE TABLE log_sealer (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL
);
INSERT INTO log_sealer (epoch) VALUES (0);

GRANT SELECT, INSERT ON log_tile, log_checkpoint, log_witnessing TO ledger_writer;
GRANT SELECT, UPDATE (epoch) ON log_sealer TO ledger_writer;
