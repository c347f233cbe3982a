//! Statements that change rows. Names are compared byte by byte, as their columns are collated.

use super::table::covers;

/// Locks that end with their transaction, taken in the order given.
pub(super) const LOCK_NAMES: &str =
    "SELECT pg_advisory_xact_lock(name) FROM unnest($1::bigint[]) AS name";

/// The accounts of devices, those of published imports too.
pub(super) const OWNERS: &str = "SELECT account FROM devices WHERE serial = ANY($1)
    UNION SELECT s.account FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.serial = ANY($1) AND i.state = 'published'
    EXCEPT SELECT ''";

pub(super) const LOCK_ACCOUNTS: &str =
    "SELECT id FROM accounts WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
pub(super) const LOCK_DEVICES: &str =
    "SELECT serial FROM devices WHERE serial = ANY($1) ORDER BY serial FOR NO KEY UPDATE";

pub(super) const ACCOUNT_INSERT: &str = "INSERT INTO accounts
    (id, revision, generation, revoked_before, removed, body) VALUES ($1, 1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
/// Tells whether the marks moved.
pub(super) const ACCOUNT_UPDATE: &str = "UPDATE accounts a SET revision = a.revision + 1,
    generation = $3, revoked_before = $4, removed = $5, body = $6
    FROM (SELECT id, generation, revoked_before FROM accounts WHERE id = $1) AS was
    WHERE a.id = $1 AND a.revision = $2 AND was.id = a.id
    RETURNING (was.generation, was.revoked_before)
        IS DISTINCT FROM (a.generation, a.revoked_before)";
pub(super) const ACCOUNT_IS_AT: &str =
    "SELECT revision FROM accounts WHERE id = $1 AND revision = $2";
pub(super) const ACCOUNT_IS_THERE: &str = "SELECT revision FROM accounts WHERE id = $1";
pub(super) const ACCOUNT_COUNT_DEVICES: &str = "UPDATE accounts SET revision = revision + 1,
    devices = devices + $2, active = active + $3 WHERE id = $1";
pub(super) const ACCOUNT_TAGGED: &str =
    concat!("SELECT ", covers!(accounts), ", tag FROM accounts WHERE id = $1");
pub(super) const ACCOUNT_MARKS: &str =
    "SELECT generation, revoked_before FROM accounts WHERE id = $1";

pub(super) const DEVICE_IS_AT: &str =
    "SELECT revision FROM devices WHERE serial = $1 AND revision = $2";
pub(super) const DEVICE_STANDING: &str =
    "SELECT account, state, fingerprint FROM devices WHERE serial = $1 AND revision = $2";
pub(super) const DEVICE_INSERT: &str = "INSERT INTO devices
    (serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint)
    VALUES ($1, $2, $3, $4, 1 + (SELECT value FROM control WHERE name = 'revision_floor'),
        $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
pub(super) const DEVICE_UPDATE: &str = "UPDATE devices SET state = $2, kind = $3,
    revision = revision + 1, created_at = $4, body = $5 WHERE serial = $1";
pub(super) const DEVICE_ASSIGN: &str = "UPDATE devices SET account = $2, state = $3,
    revision = revision + 1, body = $4, seed = $5, seed_key = $6 WHERE serial = $1";
pub(super) const DEVICE_DELETE: &str = "DELETE FROM devices WHERE serial = $1";
pub(super) const REVISION_FLOOR_RAISE: &str =
    "UPDATE control SET value = greatest(value, $1) WHERE name = 'revision_floor'";
pub(super) const DEVICE_MARK: &str = "INSERT INTO device_marks AS mark
    (account, serial, revoked_before, generation) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account, serial) DO UPDATE SET
        revoked_before = excluded.revoked_before, generation = excluded.generation
    WHERE (excluded.generation, excluded.revoked_before) > (mark.generation, mark.revoked_before)";
pub(super) const TOMBSTONE_INSERT: &str =
    "INSERT INTO tombstones (serial, fingerprint, body) VALUES ($1, $2, $3)";

/// One statement sees a staged device or the device that it became, also while it is moved.
pub(super) const SERIAL_TAKEN: &str = "SELECT true FROM devices WHERE serial = $1
    UNION ALL SELECT true FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.serial = $1 AND i.state <> 'dropped'";
pub(super) const SERIAL_SPELT_ALIKE: &str =
    "SELECT true FROM devices WHERE lower(serial) = lower($1)
    UNION ALL SELECT true FROM staged s JOIN imports i ON i.number = s.import
        WHERE lower(s.serial) = lower($1) AND i.state <> 'dropped'";
pub(super) const FINGERPRINT_TAKEN: &str = "SELECT true FROM devices WHERE fingerprint = ANY($1)
    UNION ALL SELECT true FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.fingerprint = ANY($1) AND i.state <> 'dropped'";
/// Rows of a dropped import are in the way until they are deleted.
pub(super) const STAGED_GIVES_WAY: &str =
    "DELETE FROM staged WHERE serial = $1 OR fingerprint = ANY($2)";
pub(super) const FINGERPRINT_ALIAS: &str = "INSERT INTO fingerprint_aliases (alias, fingerprint)
    VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// The aliases of the secret that has this fingerprint, those of other secrets with an alias in
/// common among them.
pub(super) const FINGERPRINTS_ALIKE: &str = "SELECT alias, fingerprint, tag
        FROM fingerprint_aliases WHERE fingerprint = $1
    UNION ALL SELECT alias, fingerprint, tag FROM fingerprint_aliases
        WHERE alias IN (SELECT $1 UNION SELECT alias FROM fingerprint_aliases
            WHERE fingerprint = $1)";
pub(super) const TOMBSTONES: &str = "SELECT serial, fingerprint, body, tag FROM tombstones
        WHERE serial = $1
    UNION ALL SELECT serial, fingerprint, body, tag FROM tombstones
        WHERE fingerprint = ANY($2) AND serial <> $1";

pub(super) const SINGLE_USE_INSERT: &str = "INSERT INTO single_use
    (id, account, kind, body, expires_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
pub(super) const SINGLE_USE_KEEP_NEWEST: &str = "DELETE FROM single_use WHERE number IN
    (SELECT number FROM single_use WHERE account = $1 AND kind = $2 AND NOT consumed
        ORDER BY number DESC OFFSET $3)";
pub(super) const SINGLE_USE_CONSUME: &str = "UPDATE single_use SET consumed = true, body = ''
    WHERE id = $1 AND expires_at > $2 AND NOT consumed";

pub(super) const SESSION_REVOKE: &str = "INSERT INTO revoked_sessions AS session
    (id, expires_at, account, revoked_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (id) DO UPDATE SET expires_at = greatest(session.expires_at, excluded.expires_at)";
pub(super) const SESSIONS_FOLD: &str = "DELETE FROM revoked_sessions WHERE account = $1";
pub(super) const DEVICE_MARKS_FOLD: &str = "DELETE FROM device_marks WHERE account = $1";

pub(super) const SIGNING_KEY: &str = "SELECT body FROM signing_keys WHERE kid = $1";
pub(super) const SIGNING_KEY_PUT: &str = "INSERT INTO signing_keys (kid, created_at, body)
    VALUES ($1, $2, $3)
    ON CONFLICT (kid) DO UPDATE SET created_at = excluded.created_at, body = excluded.body";
pub(super) const SIGNING_KEY_DROP: &str = "DELETE FROM signing_keys WHERE kid = $1";
pub(super) const API_KEY_INSERT: &str = "INSERT INTO api_keys (id, created_at, body)
    VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
pub(super) const API_KEY_DELETE: &str = "DELETE FROM api_keys WHERE id = $1";
pub(super) const CONTROL_CHANGED: &str =
    "UPDATE control SET value = value + 1 WHERE name IN ('version', 'keys')";
/// The last lock of a transaction that revokes.
pub(super) const REVOCATIONS_CHANGED: &str =
    "UPDATE control SET value = value + 1 WHERE name = 'revocations'";
pub(super) const CONTROL_VERSION: &str = "SELECT value, tag FROM control WHERE name = 'version'";

pub(super) const VALUE_INIT: &str =
    "INSERT INTO named_values (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
pub(super) const VALUE_PUT: &str = "INSERT INTO named_values (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub(super) const VALUE_DELETE: &str = "DELETE FROM named_values WHERE name = $1";
pub(super) const VALUE_REPLACE: &str =
    "UPDATE named_values SET value = $3 WHERE name = $1 AND value = $2";
pub(super) const SEED_RESEAL: &str = "UPDATE devices SET seed = $4, seed_key = $5
    WHERE serial = $1 AND account = $2 AND seed = $3";
pub(super) const STAGED_SEED_RESEAL: &str = "UPDATE staged SET seed = $4, seed_key = $5
    WHERE serial = $1 AND account = $2 AND seed = $3";

/// Each connection says which machine it is of.
pub(super) const TIME_NOTE: &str = "INSERT INTO times (machine, highest)
    VALUES (current_setting('twostep.machine'), $1)
    ON CONFLICT (machine) DO UPDATE SET highest = greatest(times.highest, excluded.highest)";
pub(super) const TIME_ACCEPT: &str = "INSERT INTO times (machine, highest)
    VALUES (current_setting('twostep.machine'), $1)
    ON CONFLICT (machine) DO UPDATE SET highest = excluded.highest";

pub(super) const IMPORT_BEGIN: &str = "INSERT INTO imports (id, state, chain, staged_at, devices)
    VALUES ($1, 'staging', $2, $3, 0) ON CONFLICT DO NOTHING";
pub(super) const IMPORT_STAGE: &str = "UPDATE imports
    SET chain = $2, staged_at = greatest(staged_at, $3), devices = devices + $4
    WHERE id = $1 AND state = 'staging' RETURNING number";
pub(super) const IMPORT_PUBLISH: &str = "UPDATE imports SET state = 'published'
    WHERE id = $1 AND state = 'staging' AND devices = $2";
pub(super) const IMPORT_DROP: &str =
    "UPDATE imports SET state = 'dropped' WHERE id = $1 AND state = 'staging'";
pub(super) const IMPORTS_DROP_SINCE: &str =
    "UPDATE imports SET state = 'dropped' WHERE state = 'staging' AND staged_at <= $1
    RETURNING encode(id, 'hex')";
/// A list waits for the agent that settles an import already.
pub(super) const IMPORT_TO_SETTLE: &str = "SELECT number, state FROM imports
    WHERE state IN ('published', 'dropped') ORDER BY number LIMIT 1 FOR UPDATE";
pub(super) const IMPORT_DELETE: &str = "DELETE FROM imports WHERE number = $1";
pub(super) const STAGED_INSERT: &str = "INSERT INTO staged
    (import, serial, account, revision, body, seed, seed_key, fingerprint)
    VALUES ($1, $2, $3, 1 + (SELECT value FROM control WHERE name = 'revision_floor'),
        $4, $5, $6, $7) ON CONFLICT DO NOTHING";
pub(super) const STAGED_ACCOUNTS_OF_IMPORT: &str = "SELECT account FROM
    (SELECT account FROM staged WHERE import = $1 AND account <> '' ORDER BY account LIMIT $2)
    AS few GROUP BY account";
pub(super) const STAGED_OF_ACCOUNTS: &str = concat!(
    "SELECT ",
    covers!(staged),
    ", tag FROM staged WHERE account = ANY($1)
        AND import IN (SELECT number FROM imports WHERE state = 'published')
    ORDER BY serial FOR UPDATE OF staged"
);
pub(super) const STAGED_UNASSIGNED: &str = concat!(
    "SELECT ",
    covers!(staged),
    ", tag FROM staged WHERE import = $1 AND account = '' ORDER BY serial LIMIT $2"
);
/// Imports of rows that are moved.
pub(super) const IMPORTS_OF: &str =
    concat!("SELECT ", covers!(imports), ", tag FROM imports WHERE number = ANY($1)");
pub(super) const STAGED_MOVE: &str = "INSERT INTO devices
    (serial, account, state, kind, revision, created_at, body, seed, seed_key, fingerprint)
    SELECT serial, account, $2, $3, revision, $4, body, seed, seed_key, fingerprint
    FROM staged WHERE serial = $1";
pub(super) const STAGED_DELETE: &str = "DELETE FROM staged WHERE serial = $1";
pub(super) const STAGED_DELETE_OF_IMPORT: &str = "DELETE FROM staged WHERE serial IN
    (SELECT serial FROM staged WHERE import = $1 LIMIT $2)";
