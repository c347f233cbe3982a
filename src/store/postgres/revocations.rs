//! Revocations.

use super::columns::column;
use super::fault::corrupt;
use super::read::{account_id, serial_number};
use super::reader::Reader;
use super::table::{self, covers};
use crate::id::AccountId;
use crate::store::columns::{stored, unsigned};
use crate::store::{Error, ListPlace, Marks, RevocationLimits, Revocations};
use crate::time::UnixTime;

/// The revocations of one moment.
pub(super) async fn revocations(
    reader: &Reader,
    (since, now): (UnixTime, UnixTime),
    limits: RevocationLimits,
) -> Result<Revocations, Error> {
    reader.begin_snapshot().await?;
    let found = listed(reader, (since, now), limits).await?;
    reader.end_snapshot().await?;
    Ok(found)
}

async fn listed(
    reader: &Reader,
    (since, now): (UnixTime, UnixTime),
    limits: RevocationLimits,
) -> Result<Revocations, Error> {
    let (since, now) = (stored(since.0), stored(now.0));
    let place = Some(place(reader).await?);
    let mut found = Revocations { place, ..Revocations::default() };
    for row in reader.rows(ACCOUNTS, &[&since, &i64::from(limits.accounts)]).await? {
        reader.tags().see(&table::ACCOUNTS, &row)?;
        let marks = Marks {
            generation: unsigned(column(WHAT, &row, 2)?),
            revoked_before: Some(time(column(WHAT, &row, 3)?)),
        };
        found.accounts.push((account_id(WHAT, column(WHAT, &row, 0)?)?, marks));
    }
    for row in reader.rows(DEVICES, &[&since, &i64::from(limits.devices)]).await? {
        reader.tags().see(&table::MARKS, &row)?;
        let marks = Marks {
            generation: unsigned(column(WHAT, &row, 3)?),
            revoked_before: Some(time(column(WHAT, &row, 2)?)),
        };
        let serial = serial_number(column(WHAT, &row, 1)?)?;
        found.devices.push((account_id(WHAT, column(WHAT, &row, 0)?)?, serial, marks));
    }
    for row in reader.rows(SESSIONS, &[&now, &i64::from(limits.sessions)]).await? {
        reader.tags().see(&table::SESSIONS, &row)?;
        found.sessions.push((column(WHAT, &row, 0)?, time(column(WHAT, &row, 1)?)));
    }
    // Devices and contexts beyond the limits are named by their accounts.
    for row in reader.rows(DEVICES_BEYOND, &[&since, &i64::from(limits.devices)]).await? {
        reader.tags().see(&table::MARKS, &row)?;
        let account = account_id(WHAT, column(WHAT, &row, 0)?)?;
        found.folded.push((account, time(column(WHAT, &row, 2)?)));
    }
    for row in reader.rows(SESSIONS_BEYOND, &[&now, &i64::from(limits.sessions)]).await? {
        reader.tags().see(&table::SESSIONS, &row)?;
        let account = account_id(WHAT, column(WHAT, &row, 2)?)?;
        found.folded.push((account, time(column(WHAT, &row, 3)?)));
    }
    Ok(found)
}

pub(super) async fn revocations_of(reader: &Reader, account: &AccountId) -> Result<u64, Error> {
    let row = reader.first(COUNT, &[&account.as_str()]).await?;
    row.map_or(Ok(0), |row| Ok(unsigned(column(WHAT, &row, 0)?)))
}

/// The place of the list that this snapshot shows.
///
/// Each revocation raises the number and holds its row until it commits: a snapshot that shows a
/// number shows all revocations up to it.
async fn place(reader: &Reader) -> Result<ListPlace, Error> {
    let what = "the number of revocations";
    let row = reader.first(PLACE, &[]).await?;
    let row = row.ok_or_else(|| corrupt(what, "its control row is gone"))?;
    let store: &[u8] = column(what, &row, 0)?;
    let store = store.try_into().map_err(|error| corrupt("the store's identity", error))?;
    let (epoch, number) = (unsigned(column(what, &row, 1)?), unsigned(column(what, &row, 2)?));
    Ok(ListPlace { store, epoch, number })
}

fn time(time: i64) -> UnixTime {
    UnixTime(unsigned(time))
}

const WHAT: &str = "a revocation";

const PLACE: &str = "SELECT i.id, i.epoch, c.value FROM store_identity i, control c
    WHERE c.name = 'revocations'";

const ACCOUNTS: &str = concat!(
    "SELECT ",
    covers!(accounts),
    ", tag FROM accounts
    WHERE revoked_before > $1 ORDER BY revoked_before DESC LIMIT $2"
);

const DEVICES: &str = concat!(
    "SELECT ",
    covers!(device_marks),
    ", tag FROM device_marks
    WHERE revoked_before > $1 ORDER BY revoked_before DESC, account, serial LIMIT $2"
);

/// In the order of the list above, so that each device is in one of the two.
const DEVICES_BEYOND: &str = concat!(
    "SELECT ",
    covers!(device_marks),
    ", tag FROM device_marks
    WHERE revoked_before > $1 ORDER BY revoked_before DESC, account, serial OFFSET $2"
);

const SESSIONS: &str = concat!(
    "SELECT ",
    covers!(revoked_sessions),
    ", tag FROM revoked_sessions
    WHERE expires_at > $1 ORDER BY expires_at DESC, id LIMIT $2"
);

/// In the order of the list above, so that each context is in one of the two.
const SESSIONS_BEYOND: &str = concat!(
    "SELECT ",
    covers!(revoked_sessions),
    ", tag FROM revoked_sessions
    WHERE expires_at > $1 ORDER BY expires_at DESC, id OFFSET $2"
);

const COUNT: &str = "SELECT (SELECT count(*) FROM revoked_sessions WHERE account = $1)
    + (SELECT count(*) FROM device_marks WHERE account = $1)";
