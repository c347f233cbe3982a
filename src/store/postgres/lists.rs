//! Lists of accounts and devices.

use tokio_postgres::types::ToSql;

use super::columns::{column, from_json};
use super::fault::corrupt;
use super::read::can_be_kept;
use super::reader::Reader;
use super::table::{self, covers};
use crate::device::{Device, DeviceState, MfaKind};
use crate::id::SerialNumber;
use crate::store::columns::{above_prefix, stored, unsigned};
use crate::store::fleet_body::fleet_device;
use crate::store::{AccountEntry, AccountList, DeviceList, Error, FleetDevice};

pub(super) async fn accounts(
    reader: &Reader,
    list: &AccountList,
) -> Result<Vec<AccountEntry>, Error> {
    let prefix = list.prefix.as_deref().unwrap_or_default();
    if !can_be_kept(prefix) {
        return Ok(Vec::new());
    }
    let after = list.after.as_ref().map_or("", |after| after.as_str());
    let sql = if list.without_mfa { ACCOUNTS_WITHOUT_MFA } else { ACCOUNTS };
    let values: [&(dyn ToSql + Sync); 4] =
        [&prefix, &end_of_prefix(prefix), &after, &i64::from(list.limit)];
    let rows = reader.rows(sql, &values).await?;
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    rows.iter()
        .map(|row| {
            reader.tags().see(&table::ACCOUNTS, row)?;
            Ok(AccountEntry {
                account: from_json("an account", column("an account", row, 5)?)?,
                devices: count(column("an account", row, 6)?),
                active: count(column("an account", row, 7)?),
            })
        })
        .collect()
}

pub(super) async fn devices(reader: &Reader, list: &DeviceList) -> Result<Vec<Device>, Error> {
    let (account, prefix) = (list.account.as_ref(), list.account_prefix.as_deref());
    let (sql, from) = match (account, prefix) {
        (Some(account), Some(prefix)) if !account.as_str().starts_with(prefix) => {
            return Ok(Vec::new());
        }
        (_, Some(prefix)) if !can_be_kept(prefix) => return Ok(Vec::new()),
        (Some(account), _) => (DEVICES_OF_ACCOUNT, account.as_str()),
        (None, Some(prefix)) => (DEVICES_UNDER_PREFIX, prefix),
        (None, None) if list.state.is_some() => (DEVICES_IN_STATE, ""),
        (None, None) if list.kind.is_some() => (DEVICES_OF_KIND, ""),
        (None, None) => (DEVICES, ""),
    };
    let after = list.after.as_ref().map_or("", |after| after.as_str());
    let values: [&(dyn ToSql + Sync); 8] = [
        &after,
        &i64::from(list.limit),
        &from,
        &end_of_prefix(from),
        &list.state.map(DeviceState::name),
        &list.kind.map(MfaKind::name),
        &list.not_used_since.map(|since| stored(since.0)),
        &list.drift_of_at_least.map(stored),
    ];
    let rows = reader.rows(sql, &values).await?;
    rows.iter()
        .map(|row| {
            reader.tags().see(&table::DEVICES, row)?;
            from_json("a device", column("a device", row, 6)?)
        })
        .collect()
}

pub(super) async fn count_devices(reader: &Reader, state: DeviceState) -> Result<u64, Error> {
    let row = reader.first(DEVICES_COUNT, &[&state.name()]).await?;
    row.map_or(Ok(0), |row| Ok(unsigned(column("a number of devices", &row, 0)?)))
}

pub(super) async fn fleet(
    reader: &Reader,
    after: Option<&SerialNumber>,
    limit: u32,
) -> Result<Vec<FleetDevice>, Error> {
    let after = after.map_or("", |after| after.as_str());
    let rows = reader.rows(FLEET, &[&after, &i64::from(limit)]).await?;
    rows.iter()
        .map(|row| {
            reader.tags().see(&table::DEVICES, row)?;
            let body = fleet_device(column("a device", row, 6)?);
            body.map_err(|error| corrupt("a device", error))
        })
        .collect()
}

/// The values under all names with this prefix.
pub(super) async fn values(reader: &Reader, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    if !can_be_kept(prefix) {
        return Ok(Vec::new());
    }
    let rows = reader.rows(VALUES, &[&prefix, &end_of_prefix(prefix)]).await?;
    rows.iter()
        .map(|row| {
            reader.tags().see(&table::VALUES, row)?;
            Ok((column("a value", row, 0)?, column("a value", row, 1)?))
        })
        .collect()
}

/// The first text, in the order of bytes, that is above all names with this prefix.
fn end_of_prefix(prefix: &str) -> String {
    // No name is so long.
    above_prefix(prefix).unwrap_or_else(|| String::from(char::MAX).repeat(LONGEST_NAME))
}

const VALUES: &str = concat!(
    "SELECT ",
    covers!(named_values),
    ", tag FROM named_values WHERE name >= $1 AND name < $2 ORDER BY name"
);

const ACCOUNTS: &str = concat!(
    "SELECT ",
    covers!(accounts),
    ", tag FROM accounts
    WHERE id >= $1 AND id < $2 AND id > $3 AND NOT removed ORDER BY id LIMIT $4"
);

const ACCOUNTS_WITHOUT_MFA: &str = concat!(
    "SELECT ",
    covers!(accounts),
    ", tag FROM accounts
    WHERE active = 0 AND NOT removed AND id >= $1 AND id < $2 AND id > $3
    ORDER BY id LIMIT $4"
);

/// A list of devices, by the index that finds them. Lists take the same parameters: after, limit,
/// account or the range of a prefix, state, kind, not used since, drift of at least. Last use and
/// drift are read from the body: an index of them would cost every accepted code a write.
macro_rules! devices {
    ($found:literal) => {
        concat!(
            "SELECT ",
            covers!(devices),
            ", tag FROM devices WHERE ",
            $found,
            " AND serial > $1 AND ($3::text IS NOT NULL AND $4::text IS NOT NULL)
            AND ($5::text IS NULL OR state = $5) AND ($6::text IS NULL OR kind = $6)
            AND ($7::bigint IS NULL
                OR coalesce((body::json ->> 'last_used_at')::bigint, -1) < $7)
            AND ($8::bigint IS NULL
                OR abs((body::json #>> '{factor,totp,drift}')::bigint) >= $8)
            ORDER BY serial LIMIT $2"
        )
    };
}

const DEVICES: &str = devices!("true");
const DEVICES_IN_STATE: &str = devices!("state = $5");
const DEVICES_OF_KIND: &str = devices!("kind = $6");
const DEVICES_OF_ACCOUNT: &str = devices!("account = $3");
const DEVICES_UNDER_PREFIX: &str = devices!("account >= $3 AND account < $4 AND account <> ''");

const DEVICES_COUNT: &str = "SELECT count(*) FROM devices WHERE state = $1";

const FLEET: &str = concat!(
    "SELECT ",
    covers!(devices),
    ", tag FROM devices
    WHERE kind = 'totp' AND serial > $1 AND account <> '' ORDER BY serial LIMIT $2"
);

/// In bytes.
const LONGEST_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_below_the_end_of_no_prefix() {
        assert!(end_of_prefix("").as_str() > "\u{10ffff}");
    }
}
