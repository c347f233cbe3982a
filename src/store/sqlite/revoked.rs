//! Reads of revocations.

use rusqlite::Connection;

use super::fault::Fault;
use super::read::one;
use super::row::{account_id, parsed, see_intact};
use super::sql;
use crate::id::AccountId;
use crate::store::columns::{stored, unsigned};
use crate::store::{Marks, RevocationLimits, Revocations};
use crate::time::UnixTime;

pub(super) fn revocations(
    conn: &Connection,
    since: UnixTime,
    now: UnixTime,
    limits: RevocationLimits,
) -> Result<Revocations, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let time = |time: i64| UnixTime(unsigned(time));
    let mut found = Revocations::default();
    let mut statement = snapshot.prepare_cached(sql::REVOKED_ACCOUNTS)?;
    let mut rows = statement.query((stored(since.0), limits.accounts))?;
    while let Some(row) = rows.next()? {
        see_intact(row, 3, "a revocation")?;
        let account = account_id("an account", &row.get::<_, String>(0)?)?;
        found.accounts.push((
            account,
            Marks { generation: unsigned(row.get(1)?), revoked_before: Some(time(row.get(2)?)) },
        ));
    }
    let mut statement = snapshot.prepare_cached(sql::REVOKED_DEVICES)?;
    let mut rows = statement.query((stored(since.0), limits.devices))?;
    while let Some(row) = rows.next()? {
        see_intact(row, 4, "a revocation")?;
        let account = account_id("a device's account", &row.get::<_, String>(0)?)?;
        let serial = parsed("a device's serial number", &row.get::<_, String>(1)?)?;
        let marks =
            Marks { generation: unsigned(row.get(3)?), revoked_before: Some(time(row.get(2)?)) };
        found.devices.push((account, serial, marks));
    }
    let mut statement = snapshot.prepare_cached(sql::REVOKED_SESSIONS)?;
    let mut rows = statement.query((stored(now.0), limits.sessions))?;
    while let Some(row) = rows.next()? {
        see_intact(row, 2, "a revocation")?;
        found.sessions.push((row.get(0)?, time(row.get(1)?)));
    }
    fold(&snapshot, (since, now), limits, &mut found)?;
    Ok(found)
}

pub(super) fn revocations_of(conn: &Connection, account: &AccountId) -> Result<u64, Fault> {
    let count = |sql| one::<i64>(conn, sql, [account.as_str()]);
    let counts = [count(sql::SESSIONS_REVOKED_OF)?, count(sql::DEVICES_REVOKED_OF)?];
    Ok(counts.into_iter().flatten().map(unsigned).sum())
}

/// Names the accounts of the devices and single contexts that are beyond the limits.
fn fold(
    conn: &Connection,
    (since, now): (UnixTime, UnixTime),
    limits: RevocationLimits,
    found: &mut Revocations,
) -> Result<(), Fault> {
    let time = |time: i64| UnixTime(unsigned(time));
    let mut statement = conn.prepare_cached(sql::DEVICES_BEYOND)?;
    let mut rows = statement.query((stored(since.0), limits.devices))?;
    while let Some(row) = rows.next()? {
        let account = account_id("a device's account", &row.get::<_, String>(0)?)?;
        found.folded.push((account, time(row.get(1)?)));
    }
    let mut statement = conn.prepare_cached(sql::SESSIONS_BEYOND)?;
    let mut rows = statement.query((stored(now.0), limits.sessions))?;
    while let Some(row) = rows.next()? {
        match row.get::<_, Option<String>>(0)? {
            Some(account) => found
                .folded
                .push((account_id("a context's account", &account)?, time(row.get(1)?))),
            None => found.ending = found.ending.max(Some(time(row.get(2)?))),
        }
    }
    Ok(())
}
