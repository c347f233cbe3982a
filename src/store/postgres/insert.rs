//! Devices that are added: a serial number and a secret belong to one device.
//!
//! The names of both are locked before, so that nothing is added between the questions.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use super::columns::{column, from_json, to_json};
use super::connection::Connection;
use super::fault::corrupt;
use super::outcome::Fault;
use super::sql;
use super::table::{ALIASES, TOMBSTONES};
use crate::device::{Device, Tombstone};
use crate::store::columns::stored;
use crate::store::{Conflict, Error, Fingerprint, Sealed, rules};

/// Adds a device, and returns it as it was added.
pub(super) async fn insert(
    conn: &Connection,
    device: &Device,
    seed: Option<&Sealed>,
    fingerprint: Option<Fingerprint>,
) -> Result<Device, Fault> {
    let (serial, account) = (device.serial.as_str(), device.owner());
    let alike = alike(conn, fingerprint).await?;
    is_free(conn, serial, &alike).await?;
    let has_account = !account.is_empty();
    if has_account && conn.first::<i64>(sql::ACCOUNT_IS_THERE, &[&account]).await?.is_none() {
        return Err(Fault::Conflict(Conflict::Revision));
    }
    let device = rules::inserted(device, &alike, tombstones(conn, serial, &alike).await?);
    let fingerprint = fingerprint.as_ref().map(|Fingerprint(bytes)| &bytes[..]);
    let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
    let key = key.as_ref().map(|key| &key[..]);
    let (state, kind) = (device.state.name(), device.kind().name());
    let (created_at, body) = (stored(device.created_at.0), to_json(&device)?);
    conn.one(
        Conflict::SerialTaken,
        sql::DEVICE_INSERT,
        &[&serial, &account, &state, &kind, &created_at, &body, &sealed, &key, &fingerprint],
    )
    .await?;
    Ok(device)
}

/// Gives a device of no account to its account, and returns it as it was given.
pub(super) async fn assign(
    conn: &Connection,
    device: &Device,
    seed: Option<&Sealed>,
    fingerprint: Option<&[u8]>,
) -> Result<Device, Fault> {
    let (serial, account) = (device.serial.as_str(), device.owner());
    if conn.first::<i64>(sql::ACCOUNT_IS_THERE, &[&account]).await?.is_none() {
        return Err(Fault::Conflict(Conflict::Revision));
    }
    let alike = alike(conn, fingerprint.map(fingerprint_of).transpose()?).await?;
    let device = rules::inserted(device, &alike, tombstones(conn, serial, &alike).await?);
    put(conn, &device, seed).await?;
    Ok(device)
}

/// Puts a device where its body says that it is: with an account, or without.
pub(super) async fn put(
    conn: &Connection,
    device: &Device,
    seed: Option<&Sealed>,
) -> Result<(), Fault> {
    let (serial, account) = (device.serial.as_str(), device.owner());
    let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
    let (key, state) = (key.as_ref().map(|key| &key[..]), device.state.name());
    let values: [&(dyn ToSql + Sync); 6] =
        [&serial, &account, &state, &to_json(device)?, &sealed, &key];
    conn.one(Conflict::Revision, sql::DEVICE_ASSIGN, &values).await
}

/// A device that may be staged, above all that removed devices with its serial number or its
/// fingerprint had consumed.
pub(super) async fn above_the_removed(
    conn: &Connection,
    device: &Device,
    fingerprint: Option<Fingerprint>,
) -> Result<Device, Fault> {
    let (serial, alike) = (device.serial.as_str(), alike(conn, fingerprint).await?);
    if conn.first::<bool>(sql::SERIAL_SPELT_ALIKE, &[&serial]).await?.is_some() {
        return Err(Fault::Conflict(Conflict::SerialTaken));
    }
    is_free(conn, serial, &alike).await?;
    let tombstones = tombstones(conn, serial, &alike).await?;
    rules::staged(device, &alike, tombstones).map_err(Fault::Conflict)
}

/// All fingerprints of the secret that has this one: devices with any of them stand in each
/// other's way.
async fn alike(
    conn: &Connection,
    fingerprint: Option<Fingerprint>,
) -> Result<Vec<Fingerprint>, Fault> {
    let Some(Fingerprint(bytes)) = fingerprint else { return Ok(Vec::new()) };
    let mut alike = BTreeSet::from([Fingerprint(bytes)]);
    for row in conn.rows(sql::FINGERPRINTS_ALIKE, &[&&bytes[..]]).await? {
        conn.tags().see(&ALIASES, &row)?;
        for place in [0, 1] {
            alike.insert(fingerprint_of(column("a fingerprint", &row, place)?)?);
        }
    }
    Ok(alike.into_iter().collect())
}

/// Fails if a device, or a staged one, has the serial number or one of the fingerprints.
async fn is_free(
    conn: &Connection,
    serial: &str,
    fingerprints: &[Fingerprint],
) -> Result<(), Fault> {
    if conn.first::<bool>(sql::SERIAL_TAKEN, &[&serial]).await?.is_some() {
        return Err(Fault::Conflict(Conflict::SerialTaken));
    }
    let fingerprints = bytes(fingerprints);
    if conn.first::<bool>(sql::FINGERPRINT_TAKEN, &[&fingerprints]).await?.is_some() {
        return Err(Fault::Conflict(Conflict::FingerprintTaken));
    }
    conn.run(sql::STAGED_GIVES_WAY, &[&serial, &fingerprints]).await?;
    Ok(())
}

/// The tombstones of this serial number and of these fingerprints.
async fn tombstones(
    conn: &Connection,
    serial: &str,
    fingerprints: &[Fingerprint],
) -> Result<Vec<(Option<Fingerprint>, Tombstone)>, Fault> {
    let mut found = Vec::new();
    for row in conn.rows(sql::TOMBSTONES, &[&serial, &bytes(fingerprints)]).await? {
        let what = "a tombstone";
        conn.tags().see(&TOMBSTONES, &row)?;
        let fingerprint: Option<&[u8]> = column(what, &row, 1)?;
        let tombstone = from_json(what, column(what, &row, 2)?)?;
        found.push((fingerprint.map(fingerprint_of).transpose()?, tombstone));
    }
    Ok(found)
}

fn bytes(fingerprints: &[Fingerprint]) -> Vec<&[u8]> {
    fingerprints.iter().map(|Fingerprint(bytes)| &bytes[..]).collect()
}

fn fingerprint_of(bytes: &[u8]) -> Result<Fingerprint, Error> {
    let bytes = bytes.try_into().map_err(|error| corrupt("a fingerprint", error))?;
    Ok(Fingerprint(bytes))
}
