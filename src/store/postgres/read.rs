//! Reads of single rows, and of the few keys and values.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{column, from_json};
use super::fault::corrupt;
use super::reader::Reader;
use super::table::{self, DEVICES, ITEMS, SESSIONS, covers};
use super::tags::Tags;
use crate::device::Tombstone;
use crate::id::{AccountId, SerialNumber};
use crate::store::columns::{stored, unsigned};
use crate::store::{
    ApiKeyRecord, Enrolled, Error, Fingerprint, Revision, Sealed, SigningKeyRecord, SingleUse,
    SingleUseList,
};
use crate::time::UnixTime;

pub(super) async fn owner(
    reader: &Reader,
    serial: &SerialNumber,
) -> Result<Option<AccountId>, Error> {
    owner_in(reader.first(OWNER, &[&serial.as_str()]).await?)
}

/// The account of a device, if it has one.
fn owner_in(row: Option<Row>) -> Result<Option<AccountId>, Error> {
    let Some(row) = row else { return Ok(None) };
    match column::<&str>("a device", &row, 0)? {
        "" => Ok(None),
        name => account_id("a device's account", name).map(Some),
    }
}

pub(super) async fn spelt_alike(
    reader: &Reader,
    serial: &SerialNumber,
) -> Result<Option<SerialNumber>, Error> {
    let row = reader.first(SPELT_ALIKE, &[&serial.as_str()]).await?;
    row.map(|row| serial_number(column("a device", &row, 0)?)).transpose()
}

/// A device of no account.
pub(super) async fn unassigned(
    reader: &Reader,
    serial: &SerialNumber,
) -> Result<Option<Enrolled>, Error> {
    let row = reader.first(UNASSIGNED, &[&serial.as_str()]).await?;
    let Some(row) = row else { return Ok(None) };
    reader.tags().see(&DEVICES, &row)?;
    let revision = Revision(unsigned(column("a device", &row, 1)?));
    let device = from_json("a device", column("a device", &row, 6)?)?;
    let seed: Option<Vec<u8>> = column("a device", &row, 7)?;
    Ok(Some(Enrolled { device, revision, seed: seed.map(Sealed::from_bytes) }))
}

pub(super) async fn owner_by_fingerprint(
    reader: &Reader,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Option<AccountId>, Error> {
    owner_in(reader.first(OWNER_BY_FINGERPRINT, &[&fingerprint.as_slice()]).await?)
}

pub(super) async fn holder(
    reader: &Reader,
    Fingerprint(fingerprint): Fingerprint,
    except: &SerialNumber,
) -> Result<Option<SerialNumber>, Error> {
    let row = reader.first(HOLDER, &[&fingerprint.as_slice(), &except.as_str()]).await?;
    row.map(|row| serial_number(column("a device", &row, 0)?)).transpose()
}

/// The tombstones of this serial number, and of the secret with this fingerprint.
pub(super) async fn tombstones(
    reader: &Reader,
    serial: &SerialNumber,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Vec<Tombstone>, Error> {
    let rows = reader.rows(TOMBSTONES, &[&serial.as_str(), &fingerprint.as_slice()]).await?;
    let what = "a tombstone";
    let tombstone = |row| {
        reader.tags().see(&table::TOMBSTONES, row)?;
        from_json(what, column(what, row, 2)?)
    };
    rows.iter().map(tombstone).collect()
}

pub(super) async fn single_use(
    reader: &Reader,
    id: &str,
    now: UnixTime,
) -> Result<Option<SingleUse>, Error> {
    if !can_be_kept(id) {
        return Ok(None);
    }
    let row = reader.first(SINGLE_USE, &[&id, &stored(now.0)]).await?;
    row.map(|row| item(reader, &row)).transpose()
}

pub(super) async fn single_uses(
    reader: &Reader,
    list: &SingleUseList,
) -> Result<Vec<SingleUse>, Error> {
    let after = list.after.as_deref().unwrap_or_default();
    let account = list.account.as_ref().map(AccountId::as_str);
    if !can_be_kept(after) {
        return Ok(Vec::new());
    }
    let values: [&(dyn ToSql + Sync); 5] =
        [&list.kind.name(), &stored(list.now.0), &after, &i64::from(list.limit), &account];
    let sql = if account.is_some() { SINGLE_USES_OF_ACCOUNT } else { SINGLE_USES };
    let rows = reader.rows(sql, &values).await?;
    rows.iter().map(|row| item(reader, row)).collect()
}

/// The single-use item of a row.
fn item(reader: &Reader, row: &Row) -> Result<SingleUse, Error> {
    reader.tags().see(&ITEMS, row)?;
    let kind: &str = column(ITEM, row, 2)?;
    Ok(SingleUse {
        id: column(ITEM, row, 0)?,
        account: account_id(ITEM, column(ITEM, row, 1)?)?,
        kind: kind.parse().map_err(|error| corrupt(ITEM, error))?,
        body: column(ITEM, row, 3)?,
        expires_at: UnixTime(unsigned(column(ITEM, row, 4)?)),
    })
}

pub(super) async fn consumed(
    reader: &Reader,
    id: &str,
    now: UnixTime,
) -> Result<Option<AccountId>, Error> {
    if !can_be_kept(id) {
        return Ok(None);
    }
    let row = reader.first(CONSUMED, &[&id, &stored(now.0)]).await?;
    row.map(|row| item(reader, &row).map(|item| item.account)).transpose()
}

pub(super) async fn session_revoked(reader: &Reader, id: &str) -> Result<bool, Error> {
    if !can_be_kept(id) {
        return Ok(false);
    }
    match reader.first(SESSION_REVOKED, &[&id]).await? {
        Some(row) => reader.tags().see(&SESSIONS, &row).map(|()| true),
        None => Ok(false),
    }
}

pub(super) async fn signing_keys(reader: &Reader) -> Result<Vec<SigningKeyRecord>, Error> {
    let rows = whole_set(reader, SIGNING_KEYS).await?;
    let key = |row| {
        reader.tags().see(&table::SIGNING_KEYS, row)?;
        from_json("a signing key", column("a signing key", row, 2)?)
    };
    rows.iter().map(key).collect()
}

pub(super) async fn api_keys(reader: &Reader) -> Result<Vec<ApiKeyRecord>, Error> {
    let rows = whole_set(reader, API_KEYS).await?;
    let key = |row| {
        reader.tags().see(&table::API_KEYS, row)?;
        from_json("an API key", column("an API key", row, 2)?)
    };
    rows.iter().map(key).collect()
}

/// The rows of a table of keys, none of which was removed or put back.
async fn whole_set(reader: &Reader, sql: &'static str) -> Result<Vec<Row>, Error> {
    reader.begin_snapshot().await?;
    let (rows, sets) = (reader.rows(sql, &[]).await?, reader.rows(SETS, &[]).await?);
    reader.end_snapshot().await?;
    see_sets(reader.tags(), &sets)?;
    Ok(rows)
}

/// Fails unless the control rows of keys are as twostep left them, both by the same change.
pub(super) fn see_sets(tags: &Tags, sets: &[Row]) -> Result<(), Error> {
    let mut versions = Vec::new();
    for row in sets {
        tags.see(&table::CONTROL, row)?;
        versions.push(column::<Option<i64>>("a control row", row, 1)?);
    }
    match versions.as_slice() {
        [keys, version] if keys == version => Ok(()),
        _ => Err(corrupt("the keys", "a row is missing, added or older")),
    }
}

pub(super) async fn value(reader: &Reader, name: &str) -> Result<Option<Vec<u8>>, Error> {
    if !can_be_kept(name) {
        return Ok(None);
    }
    let row = reader.first(VALUE, &[&name]).await?;
    let value = |row| {
        reader.tags().see(&table::VALUES, &row)?;
        column("a value", &row, 1)
    };
    row.map(value).transpose()
}

pub(super) async fn control_version(reader: &Reader) -> Result<u64, Error> {
    let what = "the control version";
    let row = reader.first(CONTROL, &[&"version"]).await?;
    let row = row.ok_or_else(|| corrupt(what, "its control row is gone"))?;
    let version: Option<i64> = column(what, &row, 1)?;
    let version = version.ok_or_else(|| corrupt(what, "it is missing"))?;
    reader.tags().see_version(version, column(what, &row, 4)?)?;
    Ok(unsigned(version))
}

pub(super) async fn highest_time(reader: &Reader) -> Result<Option<UnixTime>, Error> {
    let row = reader.first(HIGHEST, &[]).await?;
    let time = |row| {
        reader.tags().see(&table::TIMES, &row)?;
        Ok(UnixTime(unsigned(column("the highest time", &row, 1)?)))
    };
    row.map(time).transpose()
}

/// The time by the server's clock.
pub(super) async fn time(reader: &Reader) -> Result<Option<UnixTime>, Error> {
    let row = reader.first(TIME, &[]).await?;
    row.map(|row| Ok(UnixTime(unsigned(column("the server's time", &row, 0)?))))
        .transpose()
}

/// False for a text that no row can hold: PostgreSQL's texts have no NUL.
pub(super) fn can_be_kept(text: &str) -> bool {
    !text.contains('\0')
}

/// The name of an account that was stored.
pub(super) fn account_id(what: &str, text: &str) -> Result<AccountId, Error> {
    AccountId::existing(text).map_err(|error| corrupt(what, error))
}

/// A serial number that was stored.
pub(super) fn serial_number(text: &str) -> Result<SerialNumber, Error> {
    text.parse().map_err(|error| corrupt("a device's serial number", error))
}

const SPELT_ALIKE: &str = "SELECT serial FROM devices WHERE lower(serial) = lower($1) LIMIT 1";

const UNASSIGNED: &str =
    concat!("SELECT ", covers!(devices), ", tag FROM devices WHERE serial = $1 AND account = ''");

const OWNER: &str = "SELECT account FROM devices WHERE serial = $1
    UNION ALL SELECT s.account FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.serial = $1 AND i.state = 'published'";

const OWNER_BY_FINGERPRINT: &str = "SELECT account FROM devices WHERE fingerprint = $1
    UNION ALL SELECT s.account FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.fingerprint = $1 AND i.state = 'published'";

/// All fingerprints of a secret count, those of other secrets with an alias in common among them.
const HOLDER: &str = "WITH own AS (SELECT $1::bytea AS fingerprint
        UNION SELECT alias FROM fingerprint_aliases WHERE fingerprint = $1),
    alike AS (SELECT fingerprint FROM own
        UNION SELECT a.fingerprint FROM fingerprint_aliases a
            JOIN own ON a.alias = own.fingerprint)
    SELECT serial FROM (
        SELECT d.serial FROM devices d JOIN alike USING (fingerprint)
        UNION ALL SELECT s.serial FROM staged s JOIN alike USING (fingerprint)
            JOIN imports i ON i.number = s.import WHERE i.state <> 'dropped') AS holders
    WHERE serial <> $2 ORDER BY serial LIMIT 1";

const TOMBSTONES: &str = "WITH own AS (SELECT $2::bytea AS fingerprint
        UNION SELECT alias FROM fingerprint_aliases WHERE fingerprint = $2),
    alike AS (SELECT fingerprint FROM own
        UNION SELECT a.fingerprint FROM fingerprint_aliases a
            JOIN own ON a.alias = own.fingerprint)
    SELECT serial, fingerprint, body, tag FROM tombstones WHERE serial = $1
    UNION ALL SELECT serial, fingerprint, body, tag FROM tombstones
        JOIN alike USING (fingerprint) WHERE serial <> $1";

const SINGLE_USE: &str = concat!(
    "SELECT ",
    covers!(single_use),
    ", tag FROM single_use WHERE id = $1 AND expires_at > $2 AND NOT consumed"
);

/// Lists of items take the same parameters: kind, time, after, limit, account.
const SINGLE_USES: &str = concat!(
    "SELECT ",
    covers!(single_use),
    ", tag FROM single_use
    WHERE NOT consumed AND kind = $1 AND expires_at > $2 AND id > $3 AND $5::text IS NULL
    ORDER BY id LIMIT $4"
);

const SINGLE_USES_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    covers!(single_use),
    ", tag FROM single_use
    WHERE account = $5 AND NOT consumed AND kind = $1 AND expires_at > $2 AND id > $3
    ORDER BY id LIMIT $4"
);

const CONSUMED: &str = concat!(
    "SELECT ",
    covers!(single_use),
    ", tag FROM single_use WHERE id = $1 AND expires_at > $2 AND consumed"
);

const SESSION_REVOKED: &str =
    concat!("SELECT ", covers!(revoked_sessions), ", tag FROM revoked_sessions WHERE id = $1");

const SIGNING_KEYS: &str = concat!(
    "SELECT ",
    covers!(signing_keys),
    ", tag FROM signing_keys ORDER BY created_at DESC, number DESC"
);

const API_KEYS: &str =
    concat!("SELECT ", covers!(api_keys), ", tag FROM api_keys ORDER BY created_at, number");

pub(super) const SETS: &str = concat!(
    "SELECT ",
    covers!(control),
    ", tag FROM control WHERE name IN ('keys', 'version') ORDER BY name"
);

const VALUE: &str =
    concat!("SELECT ", covers!(named_values), ", tag FROM named_values WHERE name = $1");

const CONTROL: &str = concat!("SELECT ", covers!(control), ", tag FROM control WHERE name = $1");

const ITEM: &str = "a single-use item";

const HIGHEST: &str = concat!(
    "SELECT ",
    covers!(times),
    ", tag FROM times WHERE machine = current_setting('twostep.machine')"
);

const TIME: &str = "SELECT extract(epoch FROM clock_timestamp())::bigint";
