//! Reads.

use std::collections::BTreeMap;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params};
use serde::de::DeserializeOwned;

use super::above::Above;
use super::fault::Fault;
use super::row::{account_id, first, from_json, imported_account, parsed, see_intact};
use super::sql;
use crate::device::{Device, DeviceState, MfaKind, Tombstone};
use crate::id::{AccountId, SerialNumber};
use crate::store::columns::{stored, unsigned};
use crate::store::fleet_body::fleet_device;
use crate::store::{
    Account, AccountEntry, AccountList, AccountSnapshot, DeviceList, Enrolled, Fingerprint,
    FleetDevice, Resealable, Revision, Sealed, SealedPlace, SigningKeyRecord, SingleUse,
    SingleUseList,
};
use crate::time::UnixTime;

pub(super) fn account(
    conn: &Connection,
    account: &AccountId,
) -> Result<Option<AccountSnapshot>, Fault> {
    let mut statement = conn.prepare_cached(sql::ACCOUNT_AND_DEVICES)?;
    let mut rows = statement.query([account.as_str()])?;
    let (mut control_version, mut staged, mut missing) = (None, None::<(u64, i64)>, false);
    let (mut found, mut devices): (Option<(Account, Revision)>, Vec<Enrolled>) = (None, Vec::new());
    while let Some(row) = rows.next()? {
        see_intact(row, 5, account.as_str())?;
        let number = unsigned(row.get(1)?);
        let revision = Revision(number);
        match row.get(0)? {
            0_i64 => found = Some((json_in(row, 2, "an account")?, revision)),
            1 => {
                let seed = row.get::<_, Option<Vec<u8>>>(3)?.map(Sealed::from_bytes);
                devices.push(Enrolled { device: json_in(row, 2, "a device")?, revision, seed });
            }
            2 => control_version = Some(number),
            4 => missing = number == 1 && found.is_none(),
            // A staged device of a published import: it counts as inserted.
            _ => {
                let seed = row.get::<_, Option<Vec<u8>>>(3)?.map(Sealed::from_bytes);
                devices.push(Enrolled { device: json_in(row, 2, "a device")?, revision, seed });
                staged.get_or_insert((0, row.get(4)?)).0 += 1;
            }
        }
    }
    let control_version = control_version.ok_or_else(control_row_gone)?;
    if missing {
        return Err(Fault::Behind(format!("the account {account} is gone")));
    }
    if let Some((count, at)) = staged {
        let new = || (imported_account(account, at), Revision(1));
        let (account, revision) = found.unwrap_or_else(new);
        found = Some((account, Revision(revision.0 + count)));
    }
    devices.sort_by(|one, other| one.device.serial.cmp(&other.device.serial));
    Ok(found.map(|(account, revision)| AccountSnapshot {
        account,
        revision,
        devices,
        control_version,
        store_time: None,
    }))
}

pub(super) fn spelt_alike(
    conn: &Connection,
    serial: &SerialNumber,
) -> Result<Option<SerialNumber>, Fault> {
    let found: Option<String> = one(conn, sql::DEVICE_SPELT_ALIKE, [serial.as_str()])?;
    found.map(|found| parsed("a device's serial number", &found)).transpose()
}

/// A device of no account.
pub(super) fn unassigned(
    conn: &Connection,
    serial: &SerialNumber,
) -> Result<Option<Enrolled>, Fault> {
    let mut statement = conn.prepare_cached(sql::DEVICE_UNASSIGNED)?;
    let mut rows = statement.query([serial.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    see_intact(row, 3, serial.as_str())?;
    let seed = row.get::<_, Option<Vec<u8>>>(2)?.map(Sealed::from_bytes);
    let revision = Revision(unsigned(row.get(0)?));
    Ok(Some(Enrolled { device: json_in(row, 1, "a device")?, revision, seed }))
}

/// The value whose JSON is in this column.
fn json_in<T: DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    column: usize,
    what: &str,
) -> Result<T, Fault> {
    from_json(what, row.get_ref(column)?.as_str().map_err(|error| Fault::body(what, error))?)
}

/// The account of a device, by a statement that selects its name.
pub(super) fn owner(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<AccountId>, Fault> {
    let owner: Option<String> = one(conn, sql, params)?;
    owner
        .filter(|owner| !owner.is_empty())
        .map(|owner| account_id("a device's account", &owner))
        .transpose()
}

pub(super) fn accounts(conn: &Connection, list: &AccountList) -> Result<Vec<AccountEntry>, Fault> {
    let prefix = list.prefix.as_deref().unwrap_or_default();
    // The first text after a name is that name with a NUL.
    let from = list
        .after
        .as_ref()
        .map(|after| format!("{after}\0"))
        .unwrap_or_default()
        .max(prefix.to_owned());
    let sql = if list.without_mfa { sql::ACCOUNTS_WITHOUT_MFA } else { sql::ACCOUNTS };
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((from, Above::prefix(prefix), list.limit))?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        let account = from_json("an account", &row.get::<_, String>(0)?)?;
        accounts.push(AccountEntry { account, devices: row.get(1)?, active: row.get(2)? });
    }
    Ok(accounts)
}

pub(super) fn devices(conn: &Connection, list: &DeviceList) -> Result<Vec<Device>, Fault> {
    let after = list.after.as_ref().map_or("", |after| after.as_str());
    let (state, kind) = (list.state.map(DeviceState::name), list.kind.map(MfaKind::name));
    let used = list.not_used_since.map(|since| stored(since.0));
    let drift = list.drift_of_at_least.map(stored);
    let (account, prefix) = (list.account.as_ref(), list.account_prefix.as_deref());
    let (sql, from) = match (account, prefix) {
        (Some(account), Some(prefix)) if !account.as_str().starts_with(prefix) => {
            return Ok(Vec::new());
        }
        (Some(account), _) => (sql::DEVICES_OF_ACCOUNT, Some(account.as_str())),
        (None, Some(prefix)) => (sql::DEVICES_UNDER_PREFIX, Some(prefix)),
        (None, None) if state.is_some() => (sql::DEVICES_IN_STATE, None),
        (None, None) if kind.is_some() => (sql::DEVICES_OF_KIND, None),
        (None, None) => (sql::DEVICES, None),
    };
    let above = || prefix.filter(|_| account.is_none()).map(Above::prefix);
    let all = |sql| bodies(conn, sql, (after, list.limit, from, above(), state, kind, used, drift));
    if one::<i64>(conn, sql::IMPORT_PUBLISHED, [])?.is_none() {
        return all(sql);
    }
    // A row that is moved between the two reads is found twice, and counts as moved.
    let staged: Vec<Device> = all(sql::DEVICES_STAGED)?;
    let devices = staged.into_iter().chain(all(sql)?);
    let devices: BTreeMap<SerialNumber, Device> =
        devices.map(|device| (device.serial.clone(), device)).collect();
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    Ok(devices.into_values().take(limit).collect())
}

pub(super) fn count_devices(conn: &Connection, state: DeviceState) -> Result<u64, Fault> {
    let count = one(conn, sql::DEVICES_COUNT, [state.name()])?;
    Ok(count.map(unsigned).unwrap_or(0))
}

pub(super) fn fleet(
    conn: &Connection,
    after: Option<&SerialNumber>,
    limit: u32,
) -> Result<Vec<FleetDevice>, Fault> {
    let after = after.map_or("", |after| after.as_str());
    let mut statement = conn.prepare_cached(sql::FLEET)?;
    let mut rows = statement.query((after, limit))?;
    let mut fleet = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_str().map_err(|error| Fault::body("a device", error))?;
        fleet.push(fleet_device(body).map_err(|error| Fault::body("a device", error))?);
    }
    Ok(fleet)
}

/// All fingerprints of the secret that has this one, those of other secrets with an alias in common
/// among them: devices with any of them stand in each other's way.
pub(super) fn fingerprints_alike(
    conn: &Connection,
    fingerprint: Option<Fingerprint>,
) -> Result<Vec<Fingerprint>, Fault> {
    let Some(fingerprint) = fingerprint else { return Ok(Vec::new()) };
    let mut alike = vec![fingerprint];
    alike.extend(fingerprints(conn, sql::FINGERPRINT_ALIASES, fingerprint)?);
    for alias in alike.clone() {
        alike.extend(fingerprints(conn, sql::FINGERPRINTS_BY_ALIAS, alias)?);
    }
    Ok(alike)
}

fn fingerprints(conn: &Connection, sql: &str, of: Fingerprint) -> Result<Vec<Fingerprint>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([of.0], |row| row.get(0).map(Fingerprint))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn holder(
    conn: &Connection,
    fingerprint: Fingerprint,
    except: &SerialNumber,
) -> Result<Option<SerialNumber>, Fault> {
    let mut holders: Vec<SerialNumber> = Vec::new();
    for Fingerprint(alike) in fingerprints_alike(conn, Some(fingerprint))? {
        let mut statement = conn.prepare_cached(sql::DEVICE_WITH_FINGERPRINT_IS)?;
        let mut rows = statement.query([alike])?;
        while let Some(row) = rows.next()? {
            holders.push(parsed("a device's serial number", &row.get::<_, String>(0)?)?);
        }
    }
    holders.retain(|holder| holder != except);
    Ok(holders.into_iter().min())
}

/// The tombstones of this serial number and of these fingerprints.
pub(super) fn tombstones(
    conn: &Connection,
    serial: &str,
    fingerprints: &[Fingerprint],
) -> Result<Vec<(Option<Fingerprint>, Tombstone)>, Fault> {
    let mut found = tombstones_by(conn, sql::TOMBSTONES_OF_SERIAL, [serial])?;
    for Fingerprint(fingerprint) in fingerprints {
        found.extend(tombstones_by(conn, sql::TOMBSTONES_OF_FINGERPRINT, [fingerprint])?);
    }
    Ok(found)
}

fn tombstones_by(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(Option<Fingerprint>, Tombstone)>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        see_intact(row, 2, "a tombstone")?;
        let fingerprint = row.get::<_, Option<[u8; 32]>>(0)?.map(Fingerprint);
        found.push((fingerprint, json_in(row, 1, "a tombstone")?));
    }
    Ok(found)
}

pub(super) fn single_use(
    conn: &Connection,
    id: &str,
    now: UnixTime,
) -> Result<Option<SingleUse>, Fault> {
    let mut statement = conn.prepare_cached(sql::SINGLE_USE)?;
    let mut rows = statement.query((id, stored(now.0)))?;
    rows.next()?.map(|row| item(row, id.to_owned())).transpose()
}

pub(super) fn single_uses(
    conn: &Connection,
    list: &SingleUseList,
) -> Result<Vec<SingleUse>, Fault> {
    let after = list.after.as_deref().unwrap_or_default();
    let (kind, now) = (list.kind.name(), stored(list.now.0));
    let mut statement = conn.prepare_cached(match list.account {
        Some(_) => sql::SINGLE_USES_OF_ACCOUNT,
        None => sql::SINGLE_USES,
    })?;
    let mut rows = match &list.account {
        Some(account) => statement.query((kind, now, after, list.limit, account.as_str()))?,
        None => statement.query((kind, now, after, list.limit))?,
    };
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(item(row, row.get(5)?)?);
    }
    Ok(items)
}

/// The single-use item of a row, which is intact.
fn item(row: &rusqlite::Row<'_>, id: String) -> Result<SingleUse, Fault> {
    see_intact(row, 4, "a single-use item")?;
    let (account, kind): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(SingleUse {
        id,
        account: account_id("the account of a single-use item", &account)?,
        kind: parsed("its kind", &kind)?,
        body: row.get(2)?,
        expires_at: UnixTime(unsigned(row.get(3)?)),
    })
}

/// The first column of the only row, if there is one; the second tells that the row is intact.
pub(super) fn intact<T: FromSql>(
    conn: &Connection,
    what: &str,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    see_intact(row, 1, what)?;
    Ok(Some(row.get(0)?))
}

/// The values under all names with this prefix.
pub(super) fn values(conn: &Connection, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut statement = conn.prepare_cached(sql::VALUES_UNDER_PREFIX)?;
    let mut rows = statement.query((prefix, Above::prefix(prefix)))?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        see_intact(row, 2, "a value")?;
        values.push((row.get(0)?, row.get(1)?));
    }
    Ok(values)
}

/// All keys of one kind: each row is intact, and none is missing.
pub(super) fn keys<T: DeserializeOwned>(
    conn: &Connection,
    all: &str,
    set: &str,
) -> Result<Vec<T>, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let mut statement = snapshot.prepare_cached(set)?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or_else(control_row_gone)?;
    see_intact(row, 0, "the set of keys")?;
    bodies(&snapshot, all, [])
}

/// The first column of the control row.
pub(super) fn control<T: FromSql>(conn: &Connection, sql: &str) -> Result<T, Fault> {
    intact(conn, "the control row", sql, [])?.ok_or_else(control_row_gone)
}

/// The fault of a store without its control row.
pub(super) fn control_row_gone() -> Fault {
    Fault::Corrupt("the control row is gone".to_owned())
}

/// The only column of the only row, if there is one.
pub(super) fn one<T: FromSql>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, Fault> {
    Ok(conn.prepare_cached(sql)?.query_row(params, first).optional()?)
}

/// The values whose JSON is the only column.
pub(super) fn bodies<T: DeserializeOwned>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        if row.as_ref().column_count() > 1 {
            see_intact(row, 1, "a key")?;
        }
        values.push(from_json("a body", &row.get::<_, String>(0)?)?);
    }
    Ok(values)
}

pub(super) fn sealed_under_other_keys(
    conn: &Connection,
    current: [u8; 8],
    limit: u32,
) -> Result<Vec<Resealable>, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let mut found = sealed_beside_seeds(&snapshot)?;
    found.retain(|secret| secret.sealed.key_id() != Some(current));
    // "Not equal" is no search: the seeds below the key in the index, then those above it.
    for sql in [
        sql::SEEDS_BELOW_KEY,
        sql::SEEDS_ABOVE_KEY,
        sql::STAGED_SEEDS_BELOW_KEY,
        sql::STAGED_SEEDS_ABOVE_KEY,
    ] {
        let mut statement = snapshot.prepare_cached(sql)?;
        let mut rows = statement.query((current, limit))?;
        while let Some(row) = rows.next()? {
            let serial = parsed("a device's serial number", &row.get::<_, String>(0)?)?;
            let account = match row.get::<_, String>(1)?.as_str() {
                "" => None,
                name => Some(account_id("a device's account", name)?),
            };
            let sealed = Sealed::from_bytes(row.get(2)?);
            found.push(Resealable { place: SealedPlace::Seed { serial, account }, sealed });
        }
    }
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Signing keys and named values, which are few.
pub(super) fn sealed_beside_seeds(conn: &Connection) -> Result<Vec<Resealable>, Fault> {
    let mut found = Vec::new();
    for key in bodies::<SigningKeyRecord>(conn, sql::ALL_SIGNING_KEYS, [])? {
        found.push(Resealable {
            place: SealedPlace::SigningKey { kid: key.kid },
            sealed: key.private,
        });
    }
    let mut statement = conn.prepare_cached(sql::ALL_VALUES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(sealed) = Sealed::recognised(row.get(1)?) {
            found.push(Resealable { place: SealedPlace::Value { name: row.get(0)? }, sealed });
        }
    }
    Ok(found)
}
