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
