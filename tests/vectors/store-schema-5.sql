-- expect: opens. A store of schema 5, as text, as the last program of that schema left it, under the sealing key of 32 bytes 5.
-- The time is 1800072190. GAHT00000001 of alice and GAHT00000002 of mallory have one HMAC key: the second seed ends in zeros.
PRAGMA application_id = 1953985396;
BEGIN TRANSACTION;
CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL) STRICT;
INSERT INTO schema_version VALUES(1,'cd46954b903cdd1ee9e69cbce59421be07905bcc4844bae76bd9963e3ace9540');
INSERT INTO schema_version VALUES(2,'c565ea408fc04b9f1e922e115509091b360768d1fbc627f56ffc6db26e30fc9e');
INSERT INTO schema_version VALUES(3,'89112ecba626da5f20d1a6a704a601e9337617b63d382406e82b77c9677e9653');
INSERT INTO schema_version VALUES(4,'dc8632aa8910a8c049e29c5f021a5126cbc8d589406e1ad7977cb448fc30950b');
INSERT INTO schema_version VALUES(5,'6fdae10ab74b9fdc1e17c7b127a0f7f6a7bab22823003b8b6fbeb3abd6f4d0fb');
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
INSERT INTO accounts VALUES('alice',9,1,NULL,0,3,2,'{"id":"alice","created_at":1800000010,"protected":true,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
INSERT INTO accounts VALUES('mallory',4,1,NULL,0,1,1,'{"id":"mallory","created_at":1800000070,"protected":true,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
INSERT INTO accounts VALUES('bob',25,1,NULL,0,1,0,'{"id":"bob","created_at":1800000100,"protected":true,"generation":1,"revoked_before":null,"failures":[1800000130,1800003730,1800007330,1800010930,1800014530,1800018130,1800021730,1800025330,1800028930,1800032530,1800036130,1800039730,1800043330,1800046930,1800050530,1800054130,1800057730,1800061330,1800064930,1800068530],"throttled_until":null,"removed_at":null}');
INSERT INTO accounts VALUES('carol',11,2,1800072190,0,1,0,'{"id":"carol","created_at":1800072130,"protected":true,"generation":2,"revoked_before":1800072190,"failures":[],"throttled_until":null,"removed_at":null}');
INSERT INTO accounts VALUES('dave',2,1,NULL,0,1,1,'{"id":"dave","created_at":1800072190,"protected":true,"generation":1,"revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}');
CREATE TABLE tombstones (
    number      INTEGER NOT NULL PRIMARY KEY,
    serial      TEXT    NOT NULL,
    fingerprint BLOB,
    body        TEXT    NOT NULL
) STRICT;
INSERT INTO tombstones VALUES(1,'GAHT00000006',X'89a8531a5285e5398935fc3175dc27cc179e30bef6d6060e0a8f5c1763c67fb7','{"serial":"GAHT00000006","factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60002405,"drift":0,"drift_moved_at":null,"samples":[{"at":1800072160,"offset":5}]}},"revoked_before":1800072190}');
CREATE TABLE revoked_sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO revoked_sessions VALUES('session-1',1800075790);
CREATE TABLE signing_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    kid        TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
INSERT INTO signing_keys VALUES(1,'V-mlWBbXZexRKaFDBFVYJBfd8cfDnaCHVzek2f0Yds8',1800000040,'{"kid":"V-mlWBbXZexRKaFDBFVYJBfd8cfDnaCHVzek2f0Yds8","algorithm":"EdDSA","private":"AQFQvESKIceGEqmW0jI8gRHd-MQjfG6pxuLvaTK0hrOiomH-xRe_-0WWxwkDhZmujvWAqnWDktmzD8BtuqM8G2u41OHcxeVJAXbn3lJFKz53CBQ9c0St83E8Onj4dQUx1pQ","public":["ndZLcq4nDNPPvMT7FRTW3UC3Kbq3MO_pVZOkzUdpIrI"],"created_at":1800000040,"retired_at":1800000040}');
INSERT INTO signing_keys VALUES(2,'3mAx8ZWsVZmLDTuj25p_FRBlLnjF-SJ0nwdQp37RPQs',1800000040,'{"kid":"3mAx8ZWsVZmLDTuj25p_FRBlLnjF-SJ0nwdQp37RPQs","algorithm":"ES256","private":"AQFQvESKIceGEoTYLka9-IcNZFF6sY-GK62OEQi0duhKVLapep7ed8mfZV2Ng4zTFy0-o7dwAviB_tWngXGuBXwoqyGK6SognJgGvF8tGMgIyhmv6YIJdiMIQSIuSXJ1nlX5nLkIRLh6XzZ1JoDvyLFCduSl4TMF_oKsv3V9H7voH5wy3nly_WyhmMiEiDCl2BzocniTnV66ZtqLBmagMzcy11m0KHcOXZrTBXT1AghKNMSanMNwk2cHR-E","public":["1nX01-w55m3GLueUNiLugQO4Hsc6qfWTnoIiskl_gKc","T9Amdrp4wfE50W0MCX3oc-ptX23GuVB0R46j3Ja0Xx0"],"created_at":1800000040,"retired_at":null}');
CREATE TABLE api_keys (
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
INSERT INTO api_keys VALUES(1,'C0665KQAFCXP23M2',1800072190,'{"id":"C0665KQAFCXP23M2","digest":[43,134,223,40,120,155,30,206,88,33,224,226,60,213,195,180,101,59,79,154,43,107,128,177,148,105,134,153,254,5,102,37],"name":"desk","role":"verifier","accounts":["alice"],"explain":true,"forward":false,"created_at":1800072190}');
CREATE TABLE named_values (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
INSERT INTO named_values VALUES('pepper',X'010150bc448a21c7861210ea4d1719e72f78a0644c5de9b72a3f14d8e6084d339b181701780e49e2041cf556f6d2611d8566e5c2bdeddb325ced96f1718609ec6c3767bc26c4a813c21a01286afc5aa0191b');
INSERT INTO named_values VALUES('bound.agent',X'5b7b226163636f756e74223a22616c696365222c2273657373696f6e5f6964223a2273657373696f6e2d32222c2273657269616c223a22474148543030303030303031222c22657870697265735f6174223a313830303037323139307d5d');
CREATE TABLE audit (
    place INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    hash   TEXT    NOT NULL
) STRICT;
INSERT INTO audit VALUES(1,1800000010,'{"at":1800000010,"action":"device.added","account":"alice","serial":"GAHT00000001","caller":"library","reason":null,"count":1}','23f8b77e3b2608965cd830d9e1971662b6d5deeb739ca3c7ab6b6ec4967cd5ec');
INSERT INTO audit VALUES(2,1800000010,'{"at":1800000010,"action":"device.activated","account":"alice","serial":"GAHT00000001","caller":"library","reason":null,"count":1}','d772459650fde5fb9a6342a2c58a517f1c3fcc605141ff5a2accc52103a3425c');
INSERT INTO audit VALUES(3,1800000040,'{"at":1800000040,"action":"code.accepted","account":"alice","serial":"GAHT00000001","caller":"library","reason":null,"count":1}','08fd41b782c3b4ae3d78eadeec0f6e9175391be2e3f1c1e900769c61ed23608f');
INSERT INTO audit VALUES(4,1800000040,'{"at":1800000040,"action":"signing_key.made","account":null,"serial":null,"caller":"library","reason":"V-mlWBbXZexRKaFDBFVYJBfd8cfDnaCHVzek2f0Yds8","count":1}','ab84b87792fa48c7fbbdf7b02f9d58523321656a91763fd67bf2453d4b93a1be');
INSERT INTO audit VALUES(5,1800000040,'{"at":1800000040,"action":"signing_key.made","account":null,"serial":null,"caller":"library","reason":"3mAx8ZWsVZmLDTuj25p_FRBlLnjF-SJ0nwdQp37RPQs","count":1}','4f15a51ec3955e6c72167965e7e07d0b1622277ab3bd62f0cf85ad978d5b55f3');
INSERT INTO audit VALUES(6,1800000070,'{"at":1800000070,"action":"device.added","account":"mallory","serial":"GAHT00000002","caller":"library","reason":null,"count":1}','6d9b12fb94655686b6cd68dfec21c31b1a08c5cd3dd952be9d82bc4aefe1d483');
INSERT INTO audit VALUES(7,1800000070,'{"at":1800000070,"action":"device.activated","account":"mallory","serial":"GAHT00000002","caller":"library","reason":null,"count":1}','e4d797ca486865b9776287ebb6518edd134e4516ef62f31267e5c98c167f745b');
INSERT INTO audit VALUES(8,1800000100,'{"at":1800000100,"action":"device.added","account":"alice","serial":"GAHT00000003","caller":"library","reason":null,"count":1}','e84dd632dd29d430de13d51c5af33c1c737118b5eb282d38539725824824fd92');
INSERT INTO audit VALUES(9,1800000100,'{"at":1800000100,"action":"device.added","account":"bob","serial":"GAHT00000004","caller":"library","reason":null,"count":1}','1ec6f377812e81b144be14795f972dab173240e50bdadde458d59b8e113cbbbd');
INSERT INTO audit VALUES(10,1800000100,'{"at":1800000100,"action":"device.activated","account":"bob","serial":"GAHT00000004","caller":"library","reason":null,"count":1}','1244b3aa52570d3ce07ab0567f1baf46b4b5d70fab8e96a26ac144872c9420c3');
INSERT INTO audit VALUES(11,1800000130,'{"at":1800000130,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','26d53dce43641d4ded33b53ca0b939e3dea5a5ca85b878218c6906de1945dba3');
INSERT INTO audit VALUES(12,1800003730,'{"at":1800003730,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','7f43e9d3b4245e46f5dda64a71677775661b855955a3ad4e8edbf6c0273bb389');
INSERT INTO audit VALUES(13,1800007330,'{"at":1800007330,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','375e9f6e9513d3b32b12139c4123bdf566cded8637063fb6a793448e905afbcd');
INSERT INTO audit VALUES(14,1800010930,'{"at":1800010930,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','d492568cc7cda61d53890ac5c81ffdb2b05aa32284595149765c728804b4a786');
INSERT INTO audit VALUES(15,1800014530,'{"at":1800014530,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','3a64920aeaf2fdeb93dfbd430e98fa1a8854de9a6ab29257c1f64028199c6953');
INSERT INTO audit VALUES(16,1800018130,'{"at":1800018130,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','5bc9a791b48d7ea41ab83a7a0f5272151e8edfc6d8a0679d6a931c171551ac0d');
INSERT INTO audit VALUES(17,1800021730,'{"at":1800021730,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','054724299a94e174b2c2474036db77733fe213f0a01dcb853070c3ed89242485');
INSERT INTO audit VALUES(18,1800025330,'{"at":1800025330,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','554459a211fc70bbfccfb660feeb2f371b55eeeaa87fc134e44c29bf4b56cbb5');
INSERT INTO audit VALUES(19,1800028930,'{"at":1800028930,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','b891f4ae25b998e272a0cf66de09397cc697b3baad9a9e95a985c513b9fdf40a');
INSERT INTO audit VALUES(20,1800032530,'{"at":1800032530,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','76978d4a9bf528ccdcfae86e83d4bf41237ce06241efaf92a342282d5ace0c1d');
INSERT INTO audit VALUES(21,1800032530,'{"at":1800032530,"action":"device.under_attack","account":"bob","serial":"GAHT00000004","caller":"library","reason":null,"count":1}','ec85f7d3600617e07a2d35cf6fe97d2ef6aec1cdb385ecb67eac623d8021b8e6');
INSERT INTO audit VALUES(22,1800036130,'{"at":1800036130,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','ac7474341654768cd38ec386404f117c0c2d263871ab996436457fbc5781661b');
INSERT INTO audit VALUES(23,1800039730,'{"at":1800039730,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','2bc0cc81b7f2924ebb3e70663cc114f0d938762254f40d5c23cfa5d649fea070');
INSERT INTO audit VALUES(24,1800043330,'{"at":1800043330,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','2cab222a713e0711016424b595205cd04cc57251e3b381c24bdd361bb0256fad');
INSERT INTO audit VALUES(25,1800046930,'{"at":1800046930,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','acaf9a2d7e4ff911730021e6b29a3269597788890de7f2326e6d72d39744d98c');
INSERT INTO audit VALUES(26,1800050530,'{"at":1800050530,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','4ce84b1c05937fb3cf020e606c1f576f8202fb6057b7a5df627d79798457dcd4');
INSERT INTO audit VALUES(27,1800054130,'{"at":1800054130,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','277bb2613ce8faf41c2809c3054e3cf22729cc1310800724a6913091145777a3');
INSERT INTO audit VALUES(28,1800057730,'{"at":1800057730,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','a66094d2cf465affc034db7f2be9b5148661842736c3038ae4d95620e1251cd9');
INSERT INTO audit VALUES(29,1800061330,'{"at":1800061330,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','3b2819142ac9d0b74ddc80d29c107952f3053d26c067b05814ef364acc7df222');
INSERT INTO audit VALUES(30,1800064930,'{"at":1800064930,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','8df8bc62dbae7e0e0dc3a12d88736bc4ef2190045103db1a44021dca0db3e7b3');
INSERT INTO audit VALUES(31,1800068530,'{"at":1800068530,"action":"code.refused","account":"bob","serial":"GAHT00000004","caller":"library","reason":"no_match","count":1}','35a9dfc63d2f19ed02f3c4a433e0104a36a29f522dbdcb00eda4fa668668100d');
INSERT INTO audit VALUES(32,1800068530,'{"at":1800068530,"action":"device.locked","account":"bob","serial":"GAHT00000004","caller":"library","reason":null,"count":1}','225f7cf142a0e73ebc7882ad95f7f74d4f87b1f63ec18895c6b2be3c7b24e0de');
INSERT INTO audit VALUES(33,1800072130,'{"at":1800072130,"action":"device.added","account":"carol","serial":"GAHT00000005","caller":"library","reason":null,"count":1}','a04405709bf64b2d9e00c86c2a9778af75b0debe9d6ca4c219f923bf53227acc');
INSERT INTO audit VALUES(34,1800072130,'{"at":1800072130,"action":"device.activated","account":"carol","serial":"GAHT00000005","caller":"library","reason":null,"count":1}','a7f884005e888f42061650c7dcec2ede0c446721b67127140ad51269f07fbf5f');
INSERT INTO audit VALUES(35,1800072160,'{"at":1800072160,"action":"device.deactivated","account":"carol","serial":"GAHT00000005","caller":"library","reason":null,"count":1}','95f169b11f3e972efecf9b38274e29afe810a521abe00f6bc060b000f8ad3a80');
INSERT INTO audit VALUES(36,1800072160,'{"at":1800072160,"action":"device.added","account":"carol","serial":"GAHT00000006","caller":"library","reason":null,"count":1}','ba0c52665c3fd7ac1331d15e082c2416212cdbc326e6a0145d7e6ff0a52af9ca');
INSERT INTO audit VALUES(37,1800072160,'{"at":1800072160,"action":"device.activated","account":"carol","serial":"GAHT00000006","caller":"library","reason":null,"count":1}','db23eff022afae67dd2a32fadd1d093fc1971022f989ffc763739ce346698785');
INSERT INTO audit VALUES(38,1800072190,'{"at":1800072190,"action":"device.removed","account":"carol","serial":"GAHT00000006","caller":"library","reason":null,"count":1}','59fc404d12fd07c8258aaf2741b13ac3252b982cdaf66eb1e95e14439d96cd28');
INSERT INTO audit VALUES(39,1800072190,'{"at":1800072190,"action":"device.added","account":"alice","serial":"recovery-0000000000000000","caller":"library","reason":null,"count":1}','309f1d7452cfdcf7a6029bbc9f3cf8133075dea91f8cc567e7c9575f8c7d6cf1');
INSERT INTO audit VALUES(40,1800072190,'{"at":1800072190,"action":"device.registered","account":"dave","serial":"key-7BPE22FPBADQC4M2","caller":"library","reason":null,"count":1}','bf7e3ece21e7f33c1c8001ae5ab5b45aea05c60f0b7d94100c174eaa3d1a4b96');
INSERT INTO audit VALUES(41,1800072190,'{"at":1800072190,"action":"api_key.made","account":null,"serial":null,"caller":"library","reason":"C0665KQAFCXP23M2","count":1}','40e029cfa95d249dbf6e636f2dd66b2c9027d482537a2fc57701591cdb2b1b1b');
INSERT INTO audit VALUES(42,1800072190,'{"at":1800072190,"action":"bypass.made","account":"bob","serial":null,"caller":"library","reason":null,"count":1}','a7944d8748d18b9fa312ae1e0796911d6da911ca3c82c797c2df0b7a6902d2a9');
INSERT INTO audit VALUES(43,1800072190,'{"at":1800072190,"action":"sessions.revoked","account":"carol","serial":null,"caller":"library","reason":null,"count":1}','9cca5d880ee51d53adca56080621ff68798912fccfe3176804f7209b3395d5fa');
INSERT INTO audit VALUES(44,1800072190,'{"at":1800072190,"action":"session.revoked","account":"alice","serial":null,"caller":"library","reason":null,"count":1}','9b8992d8e375998e4ce68e1db58a475d31d9c0bd1c879266c1a2f76261a36bad');
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
INSERT INTO control VALUES(1,4,2,1800072190,0);
CREATE TABLE IF NOT EXISTS "devices" (
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
INSERT INTO devices VALUES(1,'GAHT00000001','alice','active','totp',3,1800000010,'{"serial":"GAHT00000001","account":"alice","name":null,"state":"active","created_at":1800000010,"activated_at":1800000010,"last_used_at":1800000040,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60000001,"drift":0,"drift_moved_at":null,"samples":[{"at":1800000010,"offset":5}]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":1}}',X'010150bc448a21c786124456e52b53483e01d4e49454ba961e3bbbc72037a15b9ca8d2c342cb55a2c0ac657fda25acd3a50fd82a2f45a0d711bd1583a4200679ca61b7dd66fc',X'50bc448a21c78612',X'a662c64cbd9f6b2c810acaad11bf3b4572d96a7a4875afb8d0b5e1f1e266d101');
INSERT INTO devices VALUES(2,'GAHT00000002','mallory','active','totp',2,1800000070,'{"serial":"GAHT00000002","account":"mallory","name":null,"state":"active","created_at":1800000070,"activated_at":1800000070,"last_used_at":1800000070,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60000002,"drift":0,"drift_moved_at":null,"samples":[{"at":1800000070,"offset":5}]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":1}}',X'010150bc448a21c786129a62234e248635d72574fa1219d5349da2d9b431994ecd464cd1a40f20b952c3a6d36d4a2a2ca426c5d902ac127fc6a646e3137aa468dd2dde414700cf41ecd2',X'50bc448a21c78612',X'7c9f19c2c298a4fa218fb87c030dfe8915e6362d46632fc54ad84d3803b152ab');
INSERT INTO devices VALUES(3,'GAHT00000003','alice','pending','hotp',1,1800000100,'{"serial":"GAHT00000003","account":"alice","name":null,"state":"pending","created_at":1800000100,"activated_at":null,"last_used_at":null,"factor":{"hotp":{"parameters":{"algorithm":"SHA1","digits":6},"next":7,"pair_needed":false}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":2}}',X'010150bc448a21c78612c4857956a59b4b0021dc23896c63720d2a4f105b804aaf417ffa49e98fc1143a2c3d2d4245bdafb539b4469bf3459925f6d040c3377daf60236fe2e1',X'50bc448a21c78612',X'e6581746174bedba43b9a371cae79e439ed188ce8db8c8d3aa7b0f1116224157');
INSERT INTO devices VALUES(4,'GAHT00000004','bob','locked','totp',22,1800000100,'{"serial":"GAHT00000004","account":"bob","name":null,"state":"locked","created_at":1800000100,"activated_at":1800000100,"last_used_at":1800000100,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60000003,"drift":0,"drift_moved_at":null,"samples":[{"at":1800000100,"offset":5}]}},"throttle":{"failures":20,"last_failure":1800068530},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":1}}',X'010150bc448a21c78612bbdc90087ad57afc67df2533f44ed8374d4b052092358f77eeec780a96e920e67bcc7b71a0262da6003104d07c68306c77892fa740b8d41d272b4892',X'50bc448a21c78612',X'4a1e8173a7d803cdae6e831136cb2ebf0699c1b396aa2be4241dfd0ef09d31a9');
INSERT INTO devices VALUES(5,'GAHT00000005','carol','disabled','totp',3,1800072130,'{"serial":"GAHT00000005","account":"carol","name":null,"state":"disabled","created_at":1800072130,"activated_at":1800072130,"last_used_at":1800072130,"factor":{"totp":{"parameters":{"algorithm":"SHA1","digits":6,"step_size":30,"t0":0},"watermark":60002404,"drift":0,"drift_moved_at":null,"samples":[{"at":1800072130,"offset":5}]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":1800072160,"added":{"secret":"given","turn":1}}',X'010150bc448a21c78612de22e5103d80778aadcce85cc6fb9cd7bb27c2819ae3485c09fcf939c5a78884bb24721359fb72157ebb249f8ef1871bcaf81a955861f4d9aabe4064',X'50bc448a21c78612',X'b585ceafa773c0cf24de785c7392f3d8d755e6583834e981e787c8e17f155ea8');
INSERT INTO devices VALUES(6,'recovery-0000000000000000','alice','active','recovery',3,1800072190,'{"serial":"recovery-0000000000000000","account":"alice","name":null,"state":"active","created_at":1800072190,"activated_at":1800072190,"last_used_at":null,"factor":{"recovery":{"unused":["9V2M7FR7D9TKKJTNTJWSPA2FHAG4AT346DK4A524QHF8BKTZNNFG","KX59A1EPEMWDEAJTEAWZ73X2J71JABC23PX9YBZSNQK1VK0PSS80","B0B9CKNEWYY59JEXR7MXJ6PTTK2P2J5BHMDGJ51R8YADRNGCT7KG","0HFEN0PM8FE3P00NBTDCQQ11DQMTV469HCE4Q2RR758P2R9M4WM0","22BVTY8Y8YMTVBPW0QZPP6J7QNFPSV8TR37AVDRT6KRWTK3GHSQ0","48AA4Y2ARAWHHD9WW2ZF5KHZEJXBCQEQHN31X83EG3HZDTE4PW90","XAZMR8MMJR2V1K70PSN5PDYAYHERS5GKGVDB19RRN6B85NPQ780G","MGK13CWADG6DRG2HETD3JRHV1YGBX3KPMCVM8J20A8HQQ4ZANAWG","Y4R3QNTH1EHQVJ6VVEPG7RH15GW24N3PT94M8MQ13Z9CBV6BYNXG","5DV76XK9PYA47JTA5PQRNXB09KECYTAMN59J3DV3S65KEW23DGFG"],"used":[]}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":3}}',NULL,NULL,NULL);
INSERT INTO devices VALUES(7,'key-7BPE22FPBADQC4M2','dave','active','security_key',3,1800072190,'{"serial":"key-7BPE22FPBADQC4M2","account":"dave","name":null,"state":"active","created_at":1800072190,"activated_at":1800072190,"last_used_at":null,"factor":{"security_key":{"credential":{"id":"00000001be9b3f9f482df8ef29c0e741c27e03f51996d20f4b460c91d0b0f658","public_key":"a5010203262001215820e2da37e734118403b53936f6a2ff68e81ca9f0cf1051c70b963a170a9c3488ac225820db925e5fbc2d84758e21c1cff14f2a6beb38450f42b76318bc3d7625337d4493","user_handle":"4eb9689b6414fcf90e84fe016bd0a7bc56a7c5c8362e6eb266c479cb264b20f5","sign_count":1,"user_verified":false,"backup_eligible":false,"backed_up":false,"aaguid":null,"transports":["usb"],"attestation":"none","attestation_format":"none","by_app_id":false}}},"throttle":{"failures":0,"last_failure":null},"pairs":[],"revoked_before":null,"added":{"secret":"given","turn":0}}',NULL,NULL,X'33b5c89ba04388545663ac87a60726b735b8fc65b585bcdf81767bf86c1801c9');
CREATE TABLE IF NOT EXISTS "single_use" (
    -- Rises: the newest has the highest.
    number     INTEGER NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    account    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
, consumed INTEGER NOT NULL DEFAULT 0 CHECK (consumed IN (0, 1))) STRICT;
INSERT INTO single_use VALUES(1,'oc-IgzEl2r3t5FziLcIHtA','dave','ceremony',X'',1800072490,1);
INSERT INTO single_use VALUES(2,'NGMBAXRS8PZJQ3ZCVMA7RH7KCT1RHMFXP5GZCZNJYMGXCY7NXCS0','bob','bypass',X'000000006b49d264',1800075790,0);
CREATE TABLE device_marks (
    account        TEXT    NOT NULL,
    serial         TEXT    NOT NULL,
    revoked_before INTEGER NOT NULL,
    PRIMARY KEY (account, serial)
) STRICT, WITHOUT ROWID;
INSERT INTO device_marks VALUES('carol','GAHT00000005',1800072160);
INSERT INTO device_marks VALUES('carol','GAHT00000006',1800072190);
CREATE TABLE IF NOT EXISTS "audit_chain" (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 32767),
    base      INTEGER NOT NULL,
    base_hash TEXT    NOT NULL,
    head      INTEGER NOT NULL,
    head_hash TEXT    NOT NULL,
    identity  BLOB,
    CHECK ((identity IS NOT NULL) <= (id = 1))
) STRICT;
INSERT INTO audit_chain VALUES(1,0,'',44,'9b8992d8e375998e4ce68e1db58a475d31d9c0bd1c879266c1a2f76261a36bad',X'ff74777374696401ff275c450235ce122c7f2cc65362c4c900000000000000010000000000000045006a2eed369c47e37a');
CREATE TABLE imports (
    number    INTEGER NOT NULL PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    state     TEXT    NOT NULL CHECK (state IN ('staging', 'published', 'dropped')),
    -- The audit chain of the process that stages.
    chain     INTEGER NOT NULL,
    staged_at INTEGER NOT NULL,
    devices   INTEGER NOT NULL
) STRICT;
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
CREATE INDEX accounts_without_mfa ON accounts (id) WHERE active = 0 AND removed = 0;
CREATE INDEX tombstones_by_serial ON tombstones (serial);
CREATE INDEX tombstones_by_fingerprint ON tombstones (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX revoked_sessions_by_expiry ON revoked_sessions (expires_at);
CREATE INDEX devices_by_account ON devices (account, serial, state);
CREATE INDEX devices_by_state ON devices (state, serial);
CREATE INDEX devices_pending ON devices (created_at) WHERE state = 'pending';
CREATE INDEX devices_by_seed_key ON devices (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX devices_by_fingerprint ON devices (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX single_use_by_expiry ON single_use (expires_at);
CREATE INDEX device_marks_by_time ON device_marks (revoked_before);
CREATE INDEX accounts_by_revocation ON accounts (revoked_before) WHERE revoked_before IS NOT NULL;
CREATE INDEX single_use_by_account ON single_use (account, kind, number) WHERE consumed = 0;
CREATE INDEX imports_by_state ON imports (state, chain);
CREATE INDEX staged_by_import ON staged (import);
CREATE INDEX staged_by_account ON staged (account);
CREATE INDEX staged_by_seed_key ON staged (seed_key) WHERE seed_key IS NOT NULL;
CREATE UNIQUE INDEX staged_by_fingerprint ON staged (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX devices_by_kind ON devices (kind, serial);
COMMIT;
