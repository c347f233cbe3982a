-- A body is the JSON of the value the row stands for; the columns beside it are what is searched, compared or counted.
-- Names are in the order of their bytes. A tag is a MAC over its row, for stores whose rows are authenticated.

-- Rows that each code moves leave room on their pages, so that an update stays on its page and touches no index.
CREATE TABLE accounts (
    id             text    COLLATE "C" NOT NULL PRIMARY KEY,
    revision       bigint  NOT NULL,
    generation     bigint  NOT NULL,
    revoked_before bigint,
    removed        boolean NOT NULL,
    devices        bigint  NOT NULL DEFAULT 0 CHECK (devices >= 0),
    active         bigint  NOT NULL DEFAULT 0 CHECK (active BETWEEN 0 AND devices),
    body           text    NOT NULL,
    tag            bytea
) WITH (fillfactor = 85);

CREATE INDEX accounts_without_mfa ON accounts (id) WHERE active = 0 AND NOT removed;
CREATE INDEX accounts_by_revocation ON accounts (revoked_before) WHERE revoked_before IS NOT NULL;

CREATE TABLE devices (
    serial      text   COLLATE "C" NOT NULL PRIMARY KEY,
    account     text   COLLATE "C" NOT NULL REFERENCES accounts (id),
    state       text   COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'disabled', 'locked')),
    kind        text   COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    created_at  bigint NOT NULL,
    body        text   NOT NULL,
    seed        bytea,
    seed_key    bytea,
    -- Of a seed, or of a security key's credential.
    fingerprint bytea,
    tag         bytea,
    CHECK (seed IS NULL OR fingerprint IS NOT NULL)
) WITH (fillfactor = 70);

CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_by_kind ON devices (kind, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;

-- What remains of removed devices, for good.
CREATE TABLE tombstones (
    number      bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial      text   COLLATE "C" NOT NULL,
    fingerprint bytea,
    body        text   NOT NULL,
    tag         bytea
);

CREATE INDEX tombstones_by_serial ON tombstones (serial);
CREATE INDEX tombstones_by_fingerprint ON tombstones (fingerprint) WHERE fingerprint IS NOT NULL;

-- Further fingerprints of secrets: HMAC makes one key of several secrets, and several keys of one.
CREATE TABLE fingerprint_aliases (
    alias       bytea NOT NULL,
    -- Of a device, staged, in use or removed.
    fingerprint bytea NOT NULL,
    tag         bytea,
    PRIMARY KEY (alias, fingerprint)
);

CREATE INDEX fingerprint_aliases_of ON fingerprint_aliases (fingerprint, alias);

-- Imports: devices that are staged, which no query sees before their import is published. A published one is moved into
-- devices by and by, a dropped one deleted.
CREATE TABLE imports (
    number    bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id        bytea  NOT NULL UNIQUE,
    state     text   COLLATE "C" NOT NULL CHECK (state IN ('staging', 'published', 'dropped')),
    -- The audit chain of the lane that began it.
    chain     bigint NOT NULL,
    staged_at bigint NOT NULL,
    devices   bigint NOT NULL,
    tag       bytea
);

CREATE INDEX imports_by_state ON imports (state, chain);

CREATE TABLE staged (
    number      bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial      text   COLLATE "C" NOT NULL UNIQUE,
    import      bigint NOT NULL REFERENCES imports (number),
    account     text   COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    body        text   NOT NULL,
    seed        bytea,
    seed_key    bytea,
    fingerprint bytea,
    tag         bytea,
    CHECK (seed IS NULL OR fingerprint IS NOT NULL)
);

CREATE INDEX staged_by_import ON staged (import);
CREATE INDEX staged_by_account ON staged (account);
CREATE INDEX staged_by_seed_key ON staged (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX staged_by_fingerprint ON staged (fingerprint) WHERE fingerprint IS NOT NULL;

CREATE TABLE single_use (
    id         text    COLLATE "C" NOT NULL PRIMARY KEY,
    -- Rises: the newest has the highest.
    number     bigint  NOT NULL GENERATED ALWAYS AS IDENTITY,
    account    text    COLLATE "C" NOT NULL,
    kind       text    COLLATE "C" NOT NULL,
    body       bytea   NOT NULL,
    expires_at bigint  NOT NULL,
    -- A consumed item stays as a mark until it would have expired.
    consumed   boolean NOT NULL DEFAULT false,
    tag        bytea
);

CREATE INDEX single_use_by_account ON single_use (account, kind, number) WHERE NOT consumed;
CREATE INDEX single_use_by_expiry ON single_use (expires_at);

CREATE TABLE revoked_sessions (
    id         text   COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at bigint NOT NULL,
    account    text   COLLATE "C" NOT NULL,
    revoked_at bigint NOT NULL,
    tag        bytea
);

CREATE INDEX revoked_sessions_by_expiry ON revoked_sessions (expires_at);
CREATE INDEX revoked_sessions_by_account ON revoked_sessions (account);

-- Up to when contexts made with a device are dead; it stays when the device goes.
CREATE TABLE device_marks (
    account        text   COLLATE "C" NOT NULL,
    serial         text   COLLATE "C" NOT NULL,
    revoked_before bigint NOT NULL,
    -- The generation of the device below which contexts are dead.
    generation     bigint NOT NULL DEFAULT 0,
    tag            bytea,
    PRIMARY KEY (account, serial)
);

CREATE INDEX device_marks_by_time ON device_marks (revoked_before);

CREATE TABLE signing_keys (
    number     bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kid        text   COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    body       text   NOT NULL,
    tag        bytea
);

CREATE TABLE api_keys (
    number     bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text   COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    body       text   NOT NULL,
    tag        bytea
);

CREATE TABLE named_values (
    name  text  COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL,
    tag   bytea
);

-- Each lane of an agent writes a chain of its own, so that no two wait for one row.
CREATE TABLE audit (
    chain  bigint NOT NULL,
    number bigint NOT NULL,
    at     bigint NOT NULL,
    body   text   NOT NULL,
    hash   text   NOT NULL,
    mac    bytea,
    PRIMARY KEY (chain, number)
);

-- Where each chain begins (rows up to `base` went with time) and ends, so that rows missing at its ends are missed. The
-- hash of an end without rows names the chain.
CREATE TABLE chains (
    id        bigint NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    base      bigint NOT NULL,
    base_hash text   NOT NULL,
    -- Rows up to this number were written before the log was authenticated.
    closed    bigint NOT NULL DEFAULT 0,
    head      bigint NOT NULL,
    head_hash text   NOT NULL,
    tag       bytea
) WITH (fillfactor = 50);

-- Numbers of the whole store, each in a row of its own, so that changes of two of them do not wait for each other.
CREATE TABLE control (
    name  text   COLLATE "C" NOT NULL PRIMARY KEY,
    value bigint,
    tag   bytea
) WITH (fillfactor = 50);

INSERT INTO control (name, value) VALUES
    -- Rises with every change of a signing key or an API key.
    ('version', 0),
    -- The highest revision of any removed device: a device added later starts above it, so that no revision comes back.
    ('revision_floor', 0);

-- The highest wall time of each machine, so that one fast clock stops no other machine.
CREATE TABLE times (
    machine text   COLLATE "C" NOT NULL PRIMARY KEY,
    highest bigint NOT NULL
) WITH (fillfactor = 50);

-- Which store this is: random, made with it. A restore raises the epoch.
CREATE TABLE identity (
    id    bytea  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    epoch bigint NOT NULL
);

INSERT INTO identity (id, epoch) VALUES (uuid_send(gen_random_uuid()), 1);
