-- A body is the JSON of the value the row stands for; the columns beside it are what is searched, compared or counted.

CREATE TABLE accounts (
    id             TEXT    NOT NULL PRIMARY KEY,
    revision       INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    revoked_before INTEGER,
    removed        INTEGER NOT NULL CHECK (removed IN (0, 1)),
    devices        INTEGER NOT NULL DEFAULT 0 CHECK (devices >= 0),
    active         INTEGER NOT NULL DEFAULT 0 CHECK (active BETWEEN 0 AND devices),
    body           TEXT    NOT NULL
) STRICT;

CREATE INDEX accounts_without_mfa ON accounts (id) WHERE active = 0 AND removed = 0;

CREATE TABLE devices (
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
    fingerprint BLOB,
    CHECK ((seed IS NULL) = (fingerprint IS NULL))
) STRICT;

CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;

-- What remains of removed devices, for good.
CREATE TABLE tombstones (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL,
    fingerprint BLOB,
    body        TEXT    NOT NULL
) STRICT;

CREATE INDEX tombstones_by_serial ON tombstones (serial);
CREATE INDEX tombstones_by_fingerprint ON tombstones (fingerprint) WHERE fingerprint IS NOT NULL;

CREATE TABLE single_use (
    id         TEXT    NOT NULL PRIMARY KEY,
    account    TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX single_use_by_expiry ON single_use (expires_at);

CREATE TABLE revoked_sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_sessions_by_expiry ON revoked_sessions (expires_at);

CREATE TABLE signing_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    kid        TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;

CREATE TABLE api_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;

CREATE TABLE named_values (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    hash   TEXT    NOT NULL
) STRICT;

-- Where the audit chain begins (rows up to `base` went with time) and ends, so that rows missing at its ends are missed.
CREATE TABLE audit_chain (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    base      INTEGER NOT NULL,
    base_hash TEXT    NOT NULL,
    head      INTEGER NOT NULL,
    head_hash TEXT    NOT NULL
) STRICT;

INSERT INTO audit_chain (id, base, base_hash, head, head_hash) VALUES (1, 0, '', 0, '');

CREATE TABLE control (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Rises with every change of a signing key or an API key.
    version        INTEGER NOT NULL,
    -- The highest revision of any removed device: a device added later starts above it, so that no revision comes back.
    revision_floor INTEGER NOT NULL,
    highest_time   INTEGER,
    -- This file is a backup that was not restored.
    copy           INTEGER NOT NULL CHECK (copy IN (0, 1))
) STRICT;

INSERT INTO control (id, version, revision_floor, highest_time, copy) VALUES (1, 0, 0, NULL, 0);
