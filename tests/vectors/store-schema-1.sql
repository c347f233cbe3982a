-- expect: opens. A store of schema 1, as text.
PRAGMA application_id = 1953985396;
BEGIN TRANSACTION;
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
INSERT INTO "accounts" VALUES('alice',5,1,NULL,0,2,1,'{"id":"alice","created_at":1800000000,"protected":true,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
CREATE TABLE api_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
INSERT INTO "api_keys" VALUES(1,'key-1',1800000000,'{"id":"key-1","digest":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"name":"door","role":"verifier","accounts":null,"explain":false,"created_at":1800000000}');
CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    hash   TEXT    NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','89e7353863163e189466c579ae3575f792344caf48a2ea7906b45680d9dd92ea');
INSERT INTO "audit" VALUES(2,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','f7c0d567e9e7460a4c31a1a1a5cd4daa81726932aebf53a63e16c94e0281d341');
INSERT INTO "audit" VALUES(3,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','eaf97ab08384c926e03826cb3a31d62b991e621e5e853c5681cc0ded1667586c');
INSERT INTO "audit" VALUES(4,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','def599b33da72a055b6d13c7d6a91625b1febc346d72bb2e2d885a97927adb61');
INSERT INTO "audit" VALUES(5,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','4fa9f634dd121b2b226f916bd616643e68d0e08ecc0b2fe1e55c3f04c204232b');
INSERT INTO "audit" VALUES(6,1800000000,'{"at":1800000000,"action":"test","account":null,"serial":null,"caller":"uid:0","reason":null,"count":1}','7de1435319c1abd7916f5d0051c6fd8b5002fdd57da5cb1d1dece26ac754fe30');
CREATE TABLE audit_chain (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    base      INTEGER NOT NULL,
    base_hash TEXT    NOT NULL,
    head      INTEGER NOT NULL,
    head_hash TEXT    NOT NULL
) STRICT;
INSERT INTO "audit_chain" VALUES(1,0,'',6,'7de1435319c1abd7916f5d0051c6fd8b5002fdd57da5cb1d1dece26ac754fe30');
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
INSERT INTO "control" VALUES(1,2,1,1800000000,0);
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
INSERT INTO "devices" VALUES(1,'GAHT00000001','alice','active','totp',1,1800000000,'{"serial":"GAHT00000001","account":"alice","name":null,"state":"active","created_at":1800000000,"activated_at":null,"last_used_at":null,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60000007,"drift":0,"drift_moved_at":null,"samples":[]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null}',X'01013B1C9E21ADA3DC068F80FE3A81468089A2F0E8E0A1900ECF56FDAA96027B9115B279CA34C9EB9E688C77A3AA20921E2B3839694E272C49578C0702552CD490E0EF1FD39D',X'3B1C9E21ADA3DC06',X'0101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO "devices" VALUES(2,'GAHT00000002','alice','pending','hotp',1,1800000000,'{"serial":"GAHT00000002","account":"alice","name":"drawer","state":"pending","created_at":1800000000,"activated_at":null,"last_used_at":null,"factor":{"hotp":{"parameters":{"algorithm":"SHA1","digits":6},"next":5,"pair_needed":false}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null}',X'01016B01060B74C7C1FBE4DECCFFF324E01225949FCED6A97218A0D4ECA19AF592CB4E49C4434313153CA8006368A637402D57788486FDE77F0F6DDB5A11D7A8CEEC439A097F',X'6B01060B74C7C1FB',X'0202020202020202020202020202020202020202020202020202020202020202');
CREATE TABLE named_values (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
INSERT INTO "named_values" VALUES('pepper',X'01014786E0011C1BD32863F846FE3D73FAA4F1EEFC68356648058DE082F35F1855DD86F45679413610BB9F55E238B881671075324900D9A3B1603768C01448AF0B4F1D7F05EA924D49C9BA654B70C8D6721F');
CREATE TABLE revoked_sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "revoked_sessions" VALUES('session-1',1800003600);
CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL) STRICT;
INSERT INTO "schema_version" VALUES(1,'cd46954b903cdd1ee9e69cbce59421be07905bcc4844bae76bd9963e3ace9540');
CREATE TABLE signing_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    kid        TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
INSERT INTO "signing_keys" VALUES(1,'kid-1',1800000000,'{"kid":"kid-1","algorithm":"EdDSA","private":"AQFHhuABHBvTKFvw-9LtktUmYXZBp9I8o-JeV8_--rM7IDeOsAmhEcN2Lg4zhZANYQfS6oP8m7RV","public":["x"],"created_at":1800000000,"retired_at":null}');
CREATE TABLE single_use (
    id         TEXT    NOT NULL PRIMARY KEY,
    account    TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO "single_use" VALUES('bypass-1','alice',X'010203',1800000900);
CREATE TABLE tombstones (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL,
    fingerprint BLOB,
    body        TEXT    NOT NULL
) STRICT;
INSERT INTO "tombstones" VALUES(1,'GAHT00000003',X'0303030303030303030303030303030303030303030303030303030303030303','{"serial":"GAHT00000003","factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":59999999,"drift":0,"drift_moved_at":null,"samples":[]}},"revoked_before":1800000000}');
CREATE INDEX accounts_without_mfa ON accounts (id) WHERE active = 0 AND removed = 0;
CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX tombstones_by_serial ON tombstones (serial);
CREATE INDEX tombstones_by_fingerprint ON tombstones (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX single_use_by_expiry ON single_use (expires_at);
CREATE INDEX revoked_sessions_by_expiry ON revoked_sessions (expires_at);
COMMIT;
