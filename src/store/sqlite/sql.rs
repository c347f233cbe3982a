//! Every statement the store runs while it serves, in one list, so that a test can ask SQLite for
//! the plan of each.
//!
//! A statement that reads a row for a decision asks, in a column of its own, whether the row is as
//! twostep left it.

use super::rows::{intact, row, tags_of};

/// Makes a constant of each statement, and [`ALL`] of all of them.
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$about])* pub(super) const $name: &str = $sql;)*

        /// Each statement with its name.
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    /// One statement, so that it sees one moment. Neither joined nor in an order: SQLite would
    /// compile it anew at every use, to see what goes without saying for this account.
    ACCOUNT_AND_DEVICES = concat!(
        "SELECT 0, revision, body, NULL, NULL, ", intact!(accounts), " FROM accounts WHERE id = ?1
        UNION ALL SELECT 1, revision, body, seed, NULL, ", intact!(devices), "
            FROM devices WHERE account = ?1
        UNION ALL SELECT 2, version, NULL, NULL, NULL, ", intact!(control), "
            FROM control WHERE id = 1
        UNION ALL SELECT 3, revision, body, seed,
            (SELECT staged_at FROM imports WHERE imports.number = staged.import),
            ", intact!(staged), " = 1 AND
                (SELECT ", intact!(imports), " = 1 FROM imports WHERE number = staged.import)
            FROM staged WHERE account = ?1
            AND import IN (SELECT number FROM imports WHERE state = 'published')
        UNION ALL SELECT 4, row_seen('account', ?1), NULL, NULL, NULL, 1"
    );
    ACCOUNT_INSERT = "INSERT INTO accounts (id, revision, generation, revoked_before, removed,
        body) VALUES (?1, 1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    ACCOUNT_UPDATE = "UPDATE accounts SET revision = revision + 1, generation = ?3,
        revoked_before = ?4, removed = ?5, body = ?6
        WHERE id = ?1 AND revision = ?2";
    ACCOUNT_IS_AT = "SELECT 1 FROM accounts WHERE id = ?1 AND revision = ?2";
    ACCOUNT_COUNT_DEVICES = "UPDATE accounts SET revision = revision + 1, devices = devices + ?2,
        active = active + ?3 WHERE id = ?1";
    ACCOUNT_IS_THERE = concat!("SELECT 1, ", intact!(accounts), " FROM accounts WHERE id = ?1");
    CONTROL_AND_MARKS = concat!(
        "SELECT 0, version, NULL, ", intact!(control), " FROM control WHERE id = 1
        UNION ALL SELECT 1, generation, revoked_before, ", intact!(accounts), "
            FROM accounts WHERE id = ?1"
    );
    ACCOUNTS = "SELECT body, devices, active FROM accounts WHERE id >= ?1 AND id < ?2 AND removed
        = 0 ORDER BY id LIMIT ?3";
    ACCOUNTS_WITHOUT_MFA = "SELECT body, devices, active FROM accounts
        WHERE active = 0 AND removed = 0 AND id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";

    DEVICE_OWNER = "SELECT account FROM devices WHERE serial = ?1
        UNION ALL SELECT account FROM staged WHERE serial = ?1
            AND import IN (SELECT number FROM imports WHERE state = 'published')";
    DEVICE_OWNER_BY_FINGERPRINT = "SELECT account FROM devices WHERE fingerprint = ?1
        UNION ALL SELECT account FROM staged WHERE fingerprint = ?1
            AND import IN (SELECT number FROM imports WHERE state = 'published')";
    DEVICE_WITH_SERIAL = "SELECT 1 FROM devices WHERE serial = ?1";
    DEVICE_IS_AT = "SELECT 1 FROM devices WHERE serial = ?1 AND revision = ?2";
    DEVICE_STANDING = concat!(
        "SELECT account, state, fingerprint, ", intact!(devices), " FROM devices
        WHERE serial = ?1 AND revision = ?2"
    );
    DEVICE_WITH_FINGERPRINT = "SELECT 1 FROM devices WHERE fingerprint = ?1";
    DEVICE_WITH_FINGERPRINT_IS = "SELECT serial FROM devices WHERE fingerprint = ?1
        UNION ALL SELECT serial FROM staged WHERE fingerprint = ?1
            AND import NOT IN (SELECT number FROM imports WHERE state = 'dropped')";
    FINGERPRINT_ALIAS = "INSERT INTO fingerprint_aliases (alias, fingerprint) VALUES (?1, ?2)
        ON CONFLICT DO NOTHING";
    FINGERPRINT_ALIASES = "SELECT alias FROM fingerprint_aliases WHERE fingerprint = ?1";
    FINGERPRINTS_BY_ALIAS = "SELECT fingerprint FROM fingerprint_aliases WHERE alias = ?1";
    DEVICE_INSERT = "INSERT INTO devices (serial, account, state, kind, revision, created_at,
        body, seed, seed_key, fingerprint)
        VALUES (?1, ?2, ?3, ?4, (SELECT revision_floor + 1 FROM control WHERE id = 1), ?5, ?6,
        ?7, ?8, ?9)";
    DEVICE_UPDATE = "UPDATE devices SET state = ?2, kind = ?3, revision = revision + 1,
        created_at = ?4, body = ?5 WHERE serial = ?1";
    /// Each judged code runs it: it brings its own tag, which saves what the trigger costs.
    DEVICE_UPDATE_BODY = concat!(
        "UPDATE devices SET revision = revision + 1, body = ?2, tag = row_moved(tag, ",
        row!(devices, "revision + 1", "?2"), ") WHERE serial = ?1"
    );
    DEVICE_ASSIGN = "UPDATE devices SET account = ?2, state = ?3, revision = revision + 1,
        body = ?4, seed = ?5, seed_key = ?6 WHERE serial = ?1";
    DEVICE_UNASSIGNED = concat!(
        "SELECT revision, body, seed, ", intact!(devices), " FROM devices
        WHERE serial = ?1 AND account = ''
        UNION ALL SELECT revision, body, seed, ", intact!(staged), " = 1 AND
            (SELECT ", intact!(imports), " = 1 FROM imports WHERE number = staged.import)
            FROM staged WHERE serial = ?1 AND account = ''
            AND import IN (SELECT number FROM imports WHERE state = 'published')"
    );
    DEVICE_SPELT_ALIKE = "SELECT serial FROM devices WHERE lower(serial) = lower(?1) LIMIT 1";
    /// True of a serial number that a device, or a staged one, has in any spelling.
    SERIAL_SPELT_ALIKE = "SELECT 1 FROM devices WHERE lower(serial) = lower(?1)
        UNION ALL SELECT 1 FROM staged WHERE lower(serial) = lower(?1)
            AND +import NOT IN (SELECT number FROM imports WHERE state = 'dropped') LIMIT 1";
    DEVICE_DELETE = "DELETE FROM devices WHERE serial = ?1";
    /// Lists of devices take the same parameters: after, limit, account or the range of a prefix,
    /// state, kind, not used since, drift of at least. Last use and drift are read from the body:
    /// an index of them would cost every accepted code a write.
    DEVICES_COUNT = "SELECT
        (SELECT count(*) FROM devices INDEXED BY devices_by_state WHERE state = ?1)
        + (SELECT count(*) FROM staged
            WHERE import IN (SELECT number FROM imports WHERE state = 'published')
            AND body ->> '$.state' = ?1)";
    DEVICES = "SELECT body FROM devices WHERE serial > ?1 AND (?5 IS NULL OR state = ?5) AND (?6
        IS NULL OR kind = ?6)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2";
    DEVICES_IN_STATE = "SELECT body FROM devices WHERE state = ?5 AND serial > ?1 AND (?5 IS NULL
        OR state = ?5) AND (?6 IS NULL OR kind = ?6)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2";
    DEVICES_OF_KIND = "SELECT body FROM devices WHERE kind = ?6 AND serial > ?1 AND (?5 IS NULL
        OR state = ?5) AND (?6 IS NULL OR kind = ?6)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2";
    DEVICES_OF_ACCOUNT = "SELECT body FROM devices WHERE account = ?3 AND serial > ?1 AND (?5 IS
        NULL OR state = ?5) AND (?6 IS NULL OR kind = ?6)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2";
    /// Devices of published imports whose rows are not moved yet, in the order of every list.
    DEVICES_STAGED = "SELECT body FROM staged WHERE serial > ?1
        AND +import IN (SELECT number FROM imports WHERE state = 'published')
        AND (?3 IS NULL OR +account = ?3 OR (+account >= ?3 AND +account < ?4 AND account <> ''))
        AND (?5 IS NULL OR body ->> '$.state' = ?5)
        AND (?6 IS NULL OR body ->> ('$.factor.' || ?6) IS NOT NULL)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2";
    /// Sorted in memory from the index alone; only the page that is returned is fetched.
    DEVICES_UNDER_PREFIX = "SELECT body FROM devices WHERE serial IN (SELECT serial FROM devices
        WHERE account >= ?3 AND account < ?4 AND account <> '' AND serial > ?1
        AND (?5 IS NULL OR state = ?5) AND (?6 IS NULL OR kind = ?6)
        AND (?7 IS NULL OR coalesce(body ->> '$.last_used_at', -1) < ?7)
        AND (?8 IS NULL OR abs(body ->> '$.factor.totp.drift') >= ?8)
        ORDER BY serial LIMIT ?2) ORDER BY serial";
    FLEET = "SELECT body FROM devices
        WHERE kind = 'totp' AND serial > ?1 AND account <> '' ORDER BY serial LIMIT ?2";

    IMPORT_BEGIN = "INSERT INTO imports (id, state, chain, staged_at, devices)
        VALUES (?1, 'staging', ?2, ?3, 0) ON CONFLICT DO NOTHING";
    IMPORT_STAGE = "UPDATE imports
        SET chain = ?2, staged_at = max(staged_at, ?3), devices = devices + ?4
        WHERE id = ?1 AND state = 'staging' RETURNING number";
    IMPORT_PUBLISH = "UPDATE imports SET state = 'published'
        WHERE id = ?1 AND state = 'staging' AND devices = ?2";
    IMPORT_DROP = "UPDATE imports SET state = 'dropped' WHERE id = ?1 AND state = 'staging'";
    IMPORTS_DROP_OF_CHAIN = "UPDATE imports SET state = 'dropped'
        WHERE state = 'staging' AND chain = ?1";
    IMPORTS_DROP_SINCE = "UPDATE imports SET state = 'dropped'
        WHERE state = 'staging' AND staged_at <= ?1";
    IMPORTS_DROP_ALL = "UPDATE imports SET state = 'dropped' WHERE state = 'staging'";
    IMPORT_OF_CHAIN = "SELECT 1 FROM imports WHERE state = 'staging' AND chain = ?1 LIMIT 1";
    IMPORT_PUBLISHED = "SELECT 1 FROM imports WHERE state = 'published' LIMIT 1";
    IMPORT_UNSETTLED = "SELECT 1 FROM imports WHERE state IN ('published', 'dropped') LIMIT 1";
    IMPORT_TO_SETTLE = "SELECT number, state FROM imports
        WHERE state IN ('published', 'dropped') LIMIT 1";
    IMPORT_DELETE = "DELETE FROM imports WHERE number = ?1";
    STAGED_INSERT = "INSERT INTO staged
        (import, serial, account, revision, body, seed, seed_key, fingerprint)
        VALUES (?1, ?2, ?3, (SELECT revision_floor + 1 FROM control WHERE id = 1), ?4, ?5, ?6, ?7)";
    STAGED_WITH_SERIAL = "SELECT import NOT IN (SELECT number FROM imports WHERE state = 'dropped')
        FROM staged WHERE serial = ?1";
    STAGED_WITH_FINGERPRINT = "SELECT import NOT IN
        (SELECT number FROM imports WHERE state = 'dropped') FROM staged WHERE fingerprint = ?1";
    STAGED_PUBLISHED = "SELECT number, account FROM staged WHERE serial = ?1
        AND import IN (SELECT number FROM imports WHERE state = 'published')";
    /// True of a published import that has accounts.
    STAGED_WITH_ACCOUNTS = "SELECT 1 FROM staged WHERE account > ''
        AND +import IN (SELECT number FROM imports WHERE state = 'published') LIMIT 1";
    STAGED_OF_IMPORT = "SELECT number FROM staged WHERE import = ?1 LIMIT ?2";
    STAGED_OF_ACCOUNT = "SELECT number FROM staged WHERE account = ?1
        AND import IN (SELECT number FROM imports WHERE state = 'published')";
    STAGED_BODY = concat!(
        "SELECT body, (SELECT staged_at FROM imports WHERE imports.number = staged.import),
        ", intact!(staged), " = 1 AND
            (SELECT ", intact!(imports), " = 1 FROM imports WHERE imports.number = staged.import)
        FROM staged WHERE number = ?1"
    );
    STAGED_MOVE = "INSERT INTO devices
        (serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint)
        SELECT serial, account, ?2, ?3, revision, ?4, body, seed, seed_key, fingerprint
        FROM staged WHERE number = ?1";
    STAGED_DELETE = "DELETE FROM staged WHERE number = ?1";
    STAGED_DELETE_SERIAL = "DELETE FROM staged WHERE serial = ?1";
    STAGED_DELETE_FINGERPRINT = "DELETE FROM staged WHERE fingerprint = ?1";
    STAGED_DELETE_OF_IMPORT = "DELETE FROM staged WHERE number IN
        (SELECT number FROM staged WHERE import = ?1 LIMIT ?2)";

    TOMBSTONE_INSERT = "INSERT INTO tombstones (serial, fingerprint, body) VALUES (?1, ?2, ?3)";
    TOMBSTONES_OF_SERIAL = concat!(
        "SELECT fingerprint, body, ", intact!(tombstones), " FROM tombstones WHERE serial = ?1"
    );
    TOMBSTONES_OF_FINGERPRINT = concat!(
        "SELECT fingerprint, body, ", intact!(tombstones), " FROM tombstones WHERE fingerprint = ?1"
    );

    SINGLE_USE = concat!(
        "SELECT account, kind, body, expires_at, ", intact!(single_use), " FROM single_use
        WHERE id = ?1 AND expires_at > ?2 AND consumed = 0"
    );
    /// Lists of items take the same parameters: kind, time, after, limit and, for one account, its
    /// name. The index holds the few items that are not consumed.
    SINGLE_USES = concat!(
        "SELECT account, kind, body, expires_at, ", intact!(single_use), ", id
        FROM single_use INDEXED BY single_use_by_account
        WHERE consumed = 0 AND kind = ?1 AND expires_at > ?2 AND id > ?3 ORDER BY id LIMIT ?4"
    );
    SINGLE_USES_OF_ACCOUNT = concat!(
        "SELECT account, kind, body, expires_at, ", intact!(single_use), ", id
        FROM single_use INDEXED BY single_use_by_account WHERE account = ?5
        AND consumed = 0 AND kind = ?1 AND expires_at > ?2 AND id > ?3 ORDER BY id LIMIT ?4"
    );
    SINGLE_USE_CONSUMED = concat!(
        "SELECT account, ", intact!(single_use), " FROM single_use
        WHERE id = ?1 AND expires_at > ?2 AND consumed = 1"
    );
    /// An item that was seen, and is gone although its time is not over, is not taken again.
    SINGLE_USE_INSERT = "INSERT INTO single_use (id, account, kind, body, expires_at)
        SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT row_seen('single-use item', ?1)
        ON CONFLICT DO NOTHING";
    SINGLE_USE_KEEP_NEWEST = "DELETE FROM single_use WHERE number IN (SELECT number FROM single_use
        WHERE account = ?1 AND kind = ?2 AND consumed = 0 ORDER BY number DESC LIMIT -1 OFFSET ?3)";
    SINGLE_USE_CONSUME = "UPDATE single_use SET consumed = 1, body = x''
        WHERE id = ?1 AND expires_at > ?2 AND consumed = 0";
    SINGLE_USE_EXPIRE = "DELETE FROM single_use WHERE id IN (SELECT id FROM single_use WHERE
        expires_at <= ?1 LIMIT ?2)";

    /// A revocation that was seen holds, also if its row is gone.
    SESSION_REVOKED = "SELECT 1 FROM revoked_sessions WHERE id = ?1
        UNION ALL SELECT 1 WHERE row_seen('revoked session', ?1)";
    SESSION_REVOKE = "INSERT INTO revoked_sessions (id, expires_at, account, revoked_at)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
    SESSIONS_FOLD = "DELETE FROM revoked_sessions WHERE account = ?1";
    DEVICE_MARKS_FOLD = "DELETE FROM device_marks WHERE account = ?1";
    SESSIONS_REVOKED_OF = "SELECT count(*) FROM revoked_sessions WHERE account = ?1";
    DEVICES_REVOKED_OF = "SELECT count(*) FROM device_marks WHERE account = ?1";
    SESSIONS_EXPIRE = "DELETE FROM revoked_sessions WHERE id IN (SELECT id FROM revoked_sessions
        WHERE expires_at <= ?1 LIMIT ?2)";

    DEVICE_MARK = "INSERT INTO device_marks (account, serial, revoked_before, generation)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (account, serial) DO UPDATE SET
            revoked_before = excluded.revoked_before, generation = excluded.generation
        WHERE (excluded.generation, excluded.revoked_before) > (generation, revoked_before)";
    REVOKED_ACCOUNTS = concat!(
        "SELECT id, generation, revoked_before, ", intact!(accounts), " FROM accounts
        WHERE revoked_before > ?1 ORDER BY revoked_before DESC LIMIT ?2"
    );
    REVOKED_DEVICES = concat!(
        "SELECT account, serial, revoked_before, generation, ", intact!(device_marks), "
        FROM device_marks WHERE revoked_before > ?1 ORDER BY revoked_before DESC LIMIT ?2"
    );
    REVOKED_SESSIONS = concat!(
        "SELECT id, expires_at, ", intact!(revoked_sessions), " FROM revoked_sessions
        WHERE expires_at > ?1 ORDER BY expires_at DESC LIMIT ?2"
    );
    DEVICES_BEYOND = "SELECT account, revoked_before FROM device_marks
        WHERE revoked_before > ?1 ORDER BY revoked_before DESC LIMIT -1 OFFSET ?2";
    SESSIONS_BEYOND = "SELECT account, revoked_at, expires_at FROM revoked_sessions
        WHERE expires_at > ?1 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2";

    SIGNING_KEY = concat!(
        "SELECT body, ", intact!(signing_keys), " FROM signing_keys WHERE kid = ?1"
    );
    SIGNING_KEY_PUT = "INSERT INTO signing_keys (kid, created_at, body) VALUES (?1, ?2, ?3)
        ON CONFLICT (kid) DO UPDATE SET created_at = excluded.created_at, body = excluded.body";
    SIGNING_KEY_DROP = "DELETE FROM signing_keys WHERE kid = ?1";
    API_KEY_INSERT = "INSERT INTO api_keys (id, created_at, body) VALUES (?1, ?2, ?3) ON CONFLICT
        DO NOTHING";
    API_KEY_DELETE = "DELETE FROM api_keys WHERE id = ?1";
    CONTROL_VERSION = concat!("SELECT version, ", intact!(control), " FROM control WHERE id = 1");
    CONTROL_CHANGED = "UPDATE control SET version = version + 1 WHERE id = 1";
    REVISION_FLOOR_RAISE = "UPDATE control SET revision_floor = max(revision_floor, ?1) WHERE id
        = 1";

    VALUE = concat!("SELECT value, ", intact!(named_values), " FROM named_values WHERE name = ?1");
    VALUES_UNDER_PREFIX = concat!("SELECT name, value, ", intact!(named_values),
        " FROM named_values WHERE name >= ?1 AND name < ?2 ORDER BY name");
    VALUE_SEALED = "SELECT value FROM named_values WHERE name = ?1";
    VALUE_INIT = "INSERT INTO named_values (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    VALUE_PUT = "INSERT INTO named_values (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET
        value = excluded.value";
    VALUE_DELETE = "DELETE FROM named_values WHERE name = ?1";
    VALUE_REPLACE = "UPDATE named_values SET value = ?3 WHERE name = ?1 AND value = ?2";
    TIME = concat!("SELECT highest_time, ", intact!(control), " FROM control WHERE id = 1");
    TIME_NOTE = "UPDATE control SET highest_time = max(coalesce(highest_time, 0), ?1) WHERE id = 1";
    TIME_ACCEPT = "UPDATE control SET highest_time = ?1 WHERE id = 1";

    SEED_RESEAL = "UPDATE devices SET seed = ?4, seed_key = ?5
        WHERE serial = ?1 AND account = ?2 AND seed = ?3";
    SEED_KEY_AFTER = "SELECT min(seed_key) FROM devices
        WHERE seed_key IS NOT NULL AND seed_key > ?1";
    SEEDS_UNDER_KEY = "SELECT count(*) FROM devices WHERE seed_key IS NOT NULL AND seed_key = ?1";
    SEEDS_BELOW_KEY = "SELECT serial, account, seed FROM devices
        WHERE seed_key IS NOT NULL AND seed_key < ?1 LIMIT ?2";
    SEEDS_ABOVE_KEY = "SELECT serial, account, seed FROM devices
        WHERE seed_key IS NOT NULL AND seed_key > ?1 LIMIT ?2";
    STAGED_SEED_RESEAL = "UPDATE staged SET seed = ?4, seed_key = ?5
        WHERE serial = ?1 AND account = ?2 AND seed = ?3";
    STAGED_SEED_KEY_AFTER = "SELECT min(seed_key) FROM staged
        WHERE seed_key IS NOT NULL AND seed_key > ?1";
    STAGED_SEEDS_UNDER_KEY = "SELECT count(*) FROM staged
        WHERE seed_key IS NOT NULL AND seed_key = ?1";
    STAGED_SEEDS_BELOW_KEY = "SELECT serial, account, seed FROM staged
        WHERE seed_key IS NOT NULL AND seed_key < ?1 LIMIT ?2";
    STAGED_SEEDS_ABOVE_KEY = "SELECT serial, account, seed FROM staged
        WHERE seed_key IS NOT NULL AND seed_key > ?1 LIMIT ?2";

    AUDIT_CHAIN_BEGIN = "INSERT INTO audit_chain (id, base, base_hash, head, head_hash)
        VALUES (?1, 0, ?2, 0, ?2) ON CONFLICT DO NOTHING";
    AUDIT_HEAD_MOVE = "UPDATE audit_chain SET head = ?2, head_hash = ?3 WHERE id = ?1";
    AUDIT_CHAINS = "SELECT id, base, base_hash, head, head_hash, closed
        FROM audit_chain WHERE id >= 1 ORDER BY id";
    AUDIT_SEAL = "SELECT seal FROM audit_chain WHERE id = 1";
    AUDIT_SEAL_MOVE = "UPDATE audit_chain SET seal = ?1 WHERE id = 1";
    /// The row that each transaction moves.
    LOG_MOVE = "UPDATE audit_chain SET head = ?1, head_hash = ?2, identity = ?3,
        rows_sum = coalesce(?4, rows_sum), seal = coalesce(?5, seal) WHERE id = 1";
    AUDIT_CLOSE = "UPDATE audit_chain SET closed = head WHERE id >= 1";
    AUDIT_BASE_MOVE = "UPDATE audit_chain SET base = ?2, base_hash = ?3 WHERE id = ?1";
    IDENTITY = "SELECT identity FROM audit_chain WHERE id = 1";
    ROWS_SUM = "SELECT rows_sum FROM audit_chain WHERE id = 1";
    ROWS_SUM_MOVE = "UPDATE audit_chain SET rows_sum = ?1 WHERE id = 1";
    IDENTITY_MOVE = "UPDATE audit_chain SET identity = ?1 WHERE id = 1";
    AUDIT_INSERT = "INSERT INTO audit (place, at, body, hash, mac)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    AUDIT_ROWS = "SELECT place, body, hash FROM audit
        WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
    AUDIT_NEWEST = "SELECT place, body, hash FROM audit
        WHERE place > ?1 AND place <= ?2 ORDER BY place DESC LIMIT ?3";
    AUDIT_FOUND = "SELECT place, body, hash FROM audit WHERE place > ?1 AND place <= ?2
        AND (?4 IS NULL OR body ->> '$.account' = ?4) AND (?5 IS NULL OR body ->> '$.serial' = ?5)
        AND (?6 IS NULL OR body ->> '$.action' = ?6)
        AND (?7 IS NULL OR at >= ?7) AND (?8 IS NULL OR at <= ?8) ORDER BY place LIMIT ?3";
    AUDIT_FOUND_NEWEST = "SELECT place, body, hash FROM audit WHERE place > ?1 AND place <= ?2
        AND (?4 IS NULL OR body ->> '$.account' = ?4) AND (?5 IS NULL OR body ->> '$.serial' = ?5)
        AND (?6 IS NULL OR body ->> '$.action' = ?6)
        AND (?7 IS NULL OR at >= ?7) AND (?8 IS NULL OR at <= ?8) ORDER BY place DESC LIMIT ?3";
    AUDIT_FIRST_FROM = "SELECT place FROM audit WHERE place >= ?1 ORDER BY place LIMIT 1";
    AUDIT_ROWS_WHOLE = "SELECT place, at, body, hash, mac FROM audit
        WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
    AUDIT_DELETE = "DELETE FROM audit WHERE place > ?1 AND place <= ?2";

    /// Reads of whole tables: a handful of keys and values, all of which are asked for.
    ALL_SIGNING_KEYS = concat!(
        "SELECT body, ", intact!(signing_keys), " FROM signing_keys
        ORDER BY created_at DESC, number DESC"
    );
    ALL_API_KEYS = concat!(
        "SELECT body, ", intact!(api_keys), " FROM api_keys ORDER BY created_at, number"
    );
    ALL_VALUES = "SELECT name, value FROM named_values";
    /// True if the control row, whose tag is compared elsewhere, marks the keys that are there.
    SIGNING_KEYS_MARKED = concat!(
        "SELECT set_intact(signing_keys, 'signing_keys', ", tags_of!(signing_keys),
        ") FROM control WHERE id = 1"
    );
    API_KEYS_MARKED = concat!(
        "SELECT set_intact(api_keys, 'api_keys', ", tags_of!(api_keys),
        ") FROM control WHERE id = 1"
    );
    /// True if the control row is intact and marks the keys that are there.
    SIGNING_KEYS_SET = concat!(
        "SELECT min(", intact!(control), ", set_intact(signing_keys, 'signing_keys', ",
        tags_of!(signing_keys), ")) FROM control WHERE id = 1"
    );
    API_KEYS_SET = concat!(
        "SELECT min(", intact!(control), ", set_intact(api_keys, 'api_keys', ",
        tags_of!(api_keys), ")) FROM control WHERE id = 1"
    );
}
