-- Audit chains: one row for each, where it begins (rows up to `base` went with time) and ends, so that rows missing at its
-- ends are missed. Row 1 carries the store's identity: every transaction writes its page.

CREATE TABLE audit_chain_2 (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 32767),
    base      INTEGER NOT NULL,
    base_hash TEXT    NOT NULL,
    head      INTEGER NOT NULL,
    head_hash TEXT    NOT NULL,
    identity  BLOB,
    CHECK ((identity IS NOT NULL) <= (id = 1))
) STRICT;

INSERT INTO audit_chain_2 (id, base, base_hash, head, head_hash, identity)
    SELECT id, base, base_hash, head, head_hash, identity FROM audit_chain;
DROP TABLE audit_chain;
ALTER TABLE audit_chain_2 RENAME TO audit_chain;

-- The place of a row is (chain - 1) * 2^48 + its number in the chain: rows of the first chain keep theirs.
ALTER TABLE audit RENAME COLUMN number TO place;

-- A consumed item stays as a mark until it would have expired.
ALTER TABLE single_use ADD COLUMN consumed INTEGER NOT NULL DEFAULT 0 CHECK (consumed IN (0, 1));

DROP INDEX single_use_by_account;
CREATE INDEX single_use_by_account ON single_use (account, kind, number) WHERE consumed = 0;

UPDATE single_use SET id = substr(id, 7), consumed = 1, body = x'' WHERE kind = 'spent' AND id LIKE 'spent %';

-- Contexts that end with a key, or with an agent, are a named value of the agent.
INSERT INTO named_values (name, value)
    SELECT 'bound.' || substr(id, 7), body FROM single_use WHERE kind = 'bound' AND id LIKE 'bound %';
DELETE FROM single_use WHERE kind = 'bound';

-- Imports: devices that are staged, which no query sees before their import is published. A published one is moved into
-- devices by and by, a dropped one deleted.
CREATE TABLE imports (
    number    INTEGER NOT NULL PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    state     TEXT    NOT NULL CHECK (state IN ('staging', 'published', 'dropped')),
    -- The audit chain of the process that stages.
    chain     INTEGER NOT NULL,
    staged_at INTEGER NOT NULL,
    devices   INTEGER NOT NULL
) STRICT;

CREATE INDEX imports_by_state ON imports (state, chain);

CREATE TABLE staged (
    number      INTEGER NOT NULL PRIMARY KEY,
    import      INTEGER NOT NULL REFERENCES imports (number),
    serial      TEXT    NOT NULL UNIQUE,
    account     TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    seed        BLOB,
    seed_key    BLOB,
    fingerprint BLOB,
    CHECK (seed IS NULL OR fingerprint IS NOT NULL)
) STRICT;

CREATE INDEX staged_by_import ON staged (import);
CREATE INDEX staged_by_account ON staged (account);
CREATE INDEX staged_by_seed_key ON staged (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX staged_by_fingerprint ON staged (fingerprint) WHERE fingerprint IS NOT NULL;

-- For lists by kind, and for the drift of a whole fleet.
CREATE INDEX devices_by_kind ON devices (kind, serial);
