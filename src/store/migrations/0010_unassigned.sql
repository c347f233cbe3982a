-- Devices in stock: of no account, which is an empty name.

CREATE TABLE devices_2 (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL UNIQUE,
    account     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('unassigned', 'pending', 'active', 'disabled', 'locked')),
    kind        TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    seed        BLOB,
    seed_key    BLOB,
    -- Of a seed, or of a security key's credential.
    fingerprint BLOB,
    tag         BLOB,
    CHECK (seed IS NULL OR fingerprint IS NOT NULL),
    CHECK ((account = '') = (state = 'unassigned'))
) STRICT;

INSERT INTO devices_2 (number, serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint, tag)
    SELECT number, serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint, tag FROM devices;
DROP TABLE devices;
ALTER TABLE devices_2 RENAME TO devices;

CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_by_kind ON devices (kind, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;
-- Serial numbers that differ in capitals alone look the same to people.
CREATE INDEX devices_by_folded_serial ON devices (lower(serial));
