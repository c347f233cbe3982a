-- expect: opens. A store of schema 4, as text, as the last program of that schema left it (items live longer here).
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
INSERT INTO "accounts" VALUES('alice',6,1,NULL,0,2,1,'{"id":"alice","created_at":1795888700,"protected":true,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
INSERT INTO "accounts" VALUES('bob',3,1,NULL,0,0,0,'{"id":"bob","created_at":1795888702,"protected":false,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
CREATE TABLE api_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    hash   TEXT    NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1795888700,'{"at":1795888700,"action":"device.added","account":"alice","serial":"GAHT00000001","caller":"uid:0","reason":null,"count":1}','4323508be914673dfa3581f85a6a2ef21424e9399af18fafbd32de0f9375107a');
INSERT INTO "audit" VALUES(2,1795888700,'{"at":1795888700,"action":"device.added","account":"alice","serial":"GAHT00000002","caller":"uid:0","reason":null,"count":1}','6787e96544c3b5b338bfe58dfcd2cb42fa37d827b1ee7d0e3651cee8627e3c0a');
INSERT INTO "audit" VALUES(3,1795888701,'{"at":1795888701,"action":"device.activated","account":"alice","serial":"GAHT00000002","caller":"uid:0","reason":null,"count":1}','8f21a543cb02af86468ffbaf3103565daaed17ea663f8e69afe0b729432e235e');
INSERT INTO "audit" VALUES(4,1795888701,'{"at":1795888701,"action":"code.accepted","account":"alice","serial":"GAHT00000002","caller":"uid:0","reason":null,"count":1}','93ae9471e78262bd49071d15e36e6bf958823caa6bb58f5e65a00bc7879ae633');
INSERT INTO "audit" VALUES(5,1795888701,'{"at":1795888701,"action":"signing_key.made","account":null,"serial":null,"caller":"library","reason":"hgK8PGqabVSP9w-ZTf8Qmuegi51oskP8HaBtIguVy-g","count":1}','42de7270ea5449bc72d6f3e2c73f1663ddbe41bb0d2dadbb5ffd1ec03b5dbe06');
INSERT INTO "audit" VALUES(6,1795888701,'{"at":1795888701,"action":"code.refused","account":"alice","serial":"GAHT00000002","caller":"uid:0","reason":"replayed","count":1}','99bdb87550f9b0bf013cde141350ef3ba495baf3be1aa017cbe08ab035da7491');
INSERT INTO "audit" VALUES(7,1795888701,'{"at":1795888701,"action":"bypass.made","account":"alice","serial":null,"caller":"uid:0","reason":null,"count":1}','5af997089355bd4130d8edf976fba63922c08b7da193f6dadfc42f1a8f4a3047');
INSERT INTO "audit" VALUES(8,1795888701,'{"at":1795888701,"action":"bypass.made","account":"alice","serial":null,"caller":"uid:0","reason":null,"count":1}','3e194a79ae007b57feb0d4346233d42424eb5c10d1663eb9a0a3bb012f1f1fc1');
INSERT INTO "audit" VALUES(9,1795888702,'{"at":1795888702,"action":"bypass.accepted","account":"alice","serial":"bypass:XGCY501E9JA9","caller":"uid:0","reason":null,"count":1}','0608a376b1ee34ee8ced3c6fff7e4f80413542352886c657936dad812a97e823');
INSERT INTO "audit" VALUES(10,1795888702,'{"at":1795888702,"action":"device.added","account":"bob","serial":"GAHT00000003","caller":"uid:0","reason":null,"count":1}','dc5b9f2431ebac7c33e0a8a64cd74b9e9afb367aec6f8e0edbe9d7492f50045b');
INSERT INTO "audit" VALUES(11,1795888702,'{"at":1795888702,"action":"device.removed","account":"bob","serial":"GAHT00000003","caller":"uid:0","reason":null,"count":1}','dad962fe881ec6f588d778a7c7abe4066ae6a2b5388d2e04f579aba7a6740fbb');
CREATE TABLE audit_chain (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    base      INTEGER NOT NULL,
    base_hash TEXT    NOT NULL,
    head      INTEGER NOT NULL,
    head_hash TEXT    NOT NULL
, identity BLOB) STRICT;
INSERT INTO "audit_chain" VALUES(1,0,'',11,'dad962fe881ec6f588d778a7c7abe4066ae6a2b5388d2e04f579aba7a6740fbb',X'FF74777374696401CB6C91C08173C0820ED758987A8968A00000000000000001000000000000000F00E483BEA7526514DE');
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
INSERT INTO "control" VALUES(1,1,1,1795888702,0);
CREATE TABLE device_marks (
    account        TEXT    NOT NULL,
    serial         TEXT    NOT NULL,
    revoked_before INTEGER NOT NULL,
    PRIMARY KEY (account, serial)
) STRICT, WITHOUT ROWID;
INSERT INTO "device_marks" VALUES('bob','GAHT00000003',1795888702);
CREATE TABLE "devices" (
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
INSERT INTO "devices" VALUES(1,'GAHT00000001','alice','pending','totp',1,1795888700,'{"serial":"GAHT00000001","account":"alice","name":null,"state":"pending","created_at":1795888700,"activated_at":null,"last_used_at":null,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":null,"drift":0,"drift_moved_at":null,"samples":[]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":1}}',X'01016F96EF8803CEA52C40ACF53B46C18E4EBAC4EC1069E55B84CE80BC1925E887933D5DA2299AAF44A70462540B8742ABE43518406B6E61F7029B2C8076A5D42B9190CD00B7',X'6F96EF8803CEA52C',X'2091B0DD05E386E13DE6C50CDD0B630CE6B2E545F3F4F1CE8DE2FC84FC9FEFF2');
INSERT INTO "devices" VALUES(2,'GAHT00000002','alice','active','hotp',3,1795888700,'{"serial":"GAHT00000002","account":"alice","name":null,"state":"active","created_at":1795888700,"activated_at":1795888701,"last_used_at":1795888701,"factor":{"hotp":{"parameters":{"algorithm":"SHA1","digits":6},"next":3,"pair_needed":false}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":2}}',X'01016F96EF8803CEA52C2233F9CF688951812FFC9854D9D626A1DDCFD45C2F7BC8B1275B4C55A7E6850A39173C337438BB42FB2CFDCD6492A2D273214D879D57AC7F980D8542',X'6F96EF8803CEA52C',X'DF6DB5D1CDAA34D0A9DEC3068F120479F6F41E13BD135573356B9E8BA6DB995E');
CREATE TABLE named_values (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
INSERT INTO "named_values" VALUES('pepper',X'01016F96EF8803CEA52C83DD5BAAD861AB842C42721861B13436AF0D5279ED439DB43957974D03C5A460BF7E1F2A89AB91EC2262E0BCD2A1FE3A4C121BE25C230C91A6819C664DF5C61BF2421CB699953E45');
INSERT INTO "named_values" VALUES('events.program',X'342031373830303030303030');
CREATE TABLE revoked_sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL) STRICT;
INSERT INTO "schema_version" VALUES(1,'cd46954b903cdd1ee9e69cbce59421be07905bcc4844bae76bd9963e3ace9540');
INSERT INTO "schema_version" VALUES(2,'c565ea408fc04b9f1e922e115509091b360768d1fbc627f56ffc6db26e30fc9e');
INSERT INTO "schema_version" VALUES(3,'89112ecba626da5f20d1a6a704a601e9337617b63d382406e82b77c9677e9653');
INSERT INTO "schema_version" VALUES(4,'dc8632aa8910a8c049e29c5f021a5126cbc8d589406e1ad7977cb448fc30950b');
CREATE TABLE signing_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    kid        TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
INSERT INTO "signing_keys" VALUES(1,'hgK8PGqabVSP9w-ZTf8Qmuegi51oskP8HaBtIguVy-g',1795888701,'{"kid":"hgK8PGqabVSP9w-ZTf8Qmuegi51oskP8HaBtIguVy-g","algorithm":"EdDSA","private":"AQFvlu-IA86lLJDiIrHPrOO0bsKjss1AmG5HaKFgyDcLl_UdZhSQaYpMt_yJRB7fPO1iGSxlsqiKuMlGI0nIVy7m04B3t1HZ6PvJtJOw0nDSi-6Wgp8ol4AXMQvoBi21a1I","public":["4acpQDmt7ZXEmNSGNfviixYuB4PJ8vBf_0z9MuQyTWo"],"created_at":1795888701,"retired_at":null}');
CREATE TABLE "single_use" (
    -- Rises: the newest has the highest.
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    account    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO "single_use" VALUES(2,'TJFG0Y11EP44YFVESZH28127M9VWSJCT2DNJEBX21K67ZW7FAJW0','alice','bypass',X'000000006B0B163C',1900000000);
INSERT INTO "single_use" VALUES(3,'spent XGCY501E9JA9EM7HYJAFX501YZ0VJ1A9Q18NHH37VWHR06K9GGQG','alice','spent',X'000000006B0B163C',1900000000);
INSERT INTO "single_use" VALUES(4,'bound agent','nobody','bound',X'5B7B226163636F756E74223A22616C696365222C2273657373696F6E5F6964223A2273657373696F6E2D31222C2273657269616C223A22474148543030303030303032222C22657870697265735F6174223A313930303030303030307D5D',1900000000);
CREATE TABLE tombstones (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL,
    fingerprint BLOB,
    body        TEXT    NOT NULL
) STRICT;
INSERT INTO "tombstones" VALUES(1,'GAHT00000003',X'6B7D65709A500672095E97F1124F43DFE01B764220FA861481321EC34A3EAA3E','{"serial":"GAHT00000003","factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":null,"drift":0,"drift_moved_at":null,"samples":[]}},"revoked_before":1795888702}');
CREATE INDEX accounts_without_mfa ON accounts (id) WHERE active = 0 AND removed = 0;
CREATE INDEX tombstones_by_serial ON tombstones (serial);
CREATE INDEX tombstones_by_fingerprint ON tombstones (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX revoked_sessions_by_expiry ON revoked_sessions (expires_at);
CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX single_use_by_account ON single_use (account, kind, number);
CREATE INDEX single_use_by_expiry ON single_use (expires_at);
CREATE INDEX device_marks_by_time ON device_marks (revoked_before);
CREATE INDEX accounts_by_revocation ON accounts (revoked_before) WHERE revoked_before IS NOT NULL;
COMMIT;
