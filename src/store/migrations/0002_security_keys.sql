-- Security keys: a fingerprint without a seed, and single-use items that are counted by account and kind.

CREATE TABLE devices_2 (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL UNIQUE,
    account     TEXT    NOT NULL REFERENCES accounts (id),
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'disabled', 'locked')),
    kind        TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    seed        BLOB,
    seed_key    BLOB,
    -- Of a seed, or of a security key's credential.
    fingerprint BLOB,
    CHECK (seed IS NULL OR fingerprint IS NOT NULL)
) STRICT;

INSERT INTO devices_2 (number, serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint)
    SELECT number, serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint FROM devices;
DROP TABLE devices;
ALTER TABLE devices_2 RENAME TO devices;

CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;

CREATE TABLE single_use_2 (
    -- Rises: the newest has the highest.
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    account    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

INSERT INTO single_use_2 (id, account, kind, body, expires_at)
    SELECT id, account, CASE WHEN id LIKE 'spent %' THEN 'spent' ELSE 'bypass' END, body, expires_at FROM single_use ORDER BY rowid;
DROP TABLE single_use;
ALTER TABLE single_use_2 RENAME TO single_use;

CREATE INDEX single_use_by_account ON single_use (account, kind, number);
CREATE INDEX single_use_by_expiry ON single_use (expires_at);
