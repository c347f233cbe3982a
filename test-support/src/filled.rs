//! Stores with any number of devices.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use twostep::device::{Device, DeviceState, Factor, TotpState};
use twostep::id::AccountId;
use twostep::otp::TimeStep;
use twostep::store::{Account, SqliteStore};
use twostep::time::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);

/// The name of one of the accounts; each has one device.
pub fn account(n: u32) -> AccountId {
    format!("account-{n:07}").parse().unwrap()
}

/// Fills a store through its schema: through its front door it would take minutes.
pub fn fill(path: &Path, devices: u32) {
    drop(SqliteStore::open(path).unwrap());
    let mut conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000",
    )
    .unwrap();
    let transaction = conn.transaction().unwrap();
    {
        let mut accounts = transaction
            .prepare(
                "INSERT INTO accounts (id, revision, generation, removed, devices, active, body)
                 VALUES (?1, 2, 1, 0, 1, 1, ?2)",
            )
            .unwrap();
        let mut rows = transaction
            .prepare(
                "INSERT INTO devices (serial, account, state, kind, revision, created_at, body,
                     seed, seed_key, fingerprint)
                 VALUES (?1, ?2, 'active', 'totp', 1, ?3, ?4,
                     randomblob(70), x'0102030405060708', randomblob(32))",
            )
            .unwrap();
        for n in 0..devices {
            let id = account(n);
            // Serial numbers are not in the order of the accounts, as little as in life.
            let serial = format!("GAHT{:010}", u64::from(n) * 7_368_787 % 10_000_000_000)
                .parse()
                .unwrap();
            let factor = Factor::Totp(TotpState {
                watermark: Some(TimeStep(60_000_000)),
                ..TotpState::default()
            });
            let device = Device {
                state: DeviceState::Active,
                ..Device::new(serial, id.clone(), None, factor, NOW)
            };
            accounts
                .execute((
                    id.as_str(),
                    serde_json::to_string(&Account::new(id.clone(), NOW)).unwrap(),
                ))
                .unwrap();
            let body = serde_json::to_string(&device).unwrap();
            rows.execute((device.serial.as_str(), id.as_str(), 1_800_000_000_i64, body))
                .unwrap();
        }
    }
    transaction.commit().unwrap();
    drop(conn);
    // The store's front door flushes what it writes: who opens it does not wait for the disk.
    File::open(path).unwrap().sync_all().unwrap();
}
