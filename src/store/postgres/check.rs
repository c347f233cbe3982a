//! A look at a whole store, which changes nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::columns::{column, from_json};
use super::connect_error::ConnectError;
use super::dial::Dial;
use super::fault::corrupt;
use super::keys::store_keys;
use super::options::PostgresOptions;
use super::reader::Reader;
use super::{audit_check, foreign, schema};
use crate::device::Device;
use crate::store::columns::{stored, unsigned};
use crate::store::{Account, AuditReport, Error, Keyring, MacKey};

/// The findings of a look at a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// The number of accounts.
    pub accounts: u64,
    /// The number of devices.
    pub devices: u64,
    /// The audit log.
    pub audit: AuditReport,
    /// True if none of the sealing keys is one of the store's, so that no row was authenticated.
    pub wrong_keys: bool,
    /// All that is not as it should be, in words; empty for a sound store.
    pub problems: Vec<String>,
}

/// Reads the whole store, also while agents serve from it. With its sealing keys, rows are compared
/// with their tags, and the audit log is seen to be the store's own.
///
/// # Errors
/// [`ConnectError`]: the store cannot be read, or is not of this version.
pub async fn check(
    options: PostgresOptions,
    keyring: Option<&Keyring>,
) -> Result<CheckReport, ConnectError> {
    let place = options.place();
    let failed = |cause| ConnectError::Server { place: place.clone(), cause };
    let dial = Arc::new(Dial::new(&options));
    schema::is_current(&mut dial.connect().await.map_err(failed)?.client, &place).await?;
    let reader = Reader::open(&dial).await.map_err(failed)?.patient(PATIENCE);
    let (mut audit, mut wrong_keys) = (None, false);
    if let Some(keyring) = keyring
        && let Some((keys, of_rows)) = store_keys(&reader, keyring).await.map_err(failed)?
    {
        wrong_keys = keys.is_none();
        audit = keys.as_ref().map(|keys| keys.audit.clone());
        keys.filter(|_| of_rows).into_iter().for_each(|keys| dial.tags().take(keys));
    }
    let mut found = look(&reader, audit.as_ref()).await.map_err(failed)?;
    if keyring.is_some() && audit.is_none() && !wrong_keys {
        let tagged = reader.first(TAGGED, &[]).await.map_err(failed)?;
        let gone = "its authentication was taken away: its pepper is gone".to_owned();
        found.problems.extend(tagged.map(|_| gone));
    }
    Ok(CheckReport { wrong_keys, ..found })
}

async fn look(reader: &Reader, key: Option<&MacKey>) -> Result<CheckReport, Error> {
    let mut problems = Vec::new();
    reader.begin_snapshot().await?;
    if reader.tags().are_kept() {
        foreign::foreign(reader, &mut problems).await?;
    }
    let accounts = each(reader, ACCOUNTS, account_problem, &mut problems).await?;
    let devices = each(reader, DEVICES, device_problem, &mut problems).await?;
    for row in reader.rows(MISCOUNTED, &[]).await? {
        let account: &str = column("an account", &row, 0)?;
        problems.push(format!("account {account}: its devices are miscounted"));
    }
    for name in reader.rows(MISSING, &[]).await? {
        let name: &str = column("a number of the store", &name, 0)?;
        problems.push(format!("the control row {name} is gone"));
    }
    reader.end_snapshot().await?;
    let audit = audit_check::verify(reader, key).await?;
    let broken = audit.chains.iter().filter_map(|chain| Some((chain.chain, chain.broken_at?)));
    problems.truncate(MOST_PROBLEMS);
    problems.extend(broken.map(|(chain, number)| {
        format!("the audit log is broken: row {number} of chain {chain} is missing or changed")
    }));
    Ok(CheckReport { accounts, devices, audit, wrong_keys: false, problems })
}

/// Looks at every row of a table, in the order of its names, and returns their number.
async fn each(
    reader: &Reader,
    page: &'static str,
    problem: impl Fn(&Row) -> Result<(), Error>,
    problems: &mut Vec<String>,
) -> Result<u64, Error> {
    let (mut count, mut after) = (0, String::new());
    loop {
        let rows = reader.rows(page, &[&after]).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = column("a name", last, 0)?;
        for row in &rows {
            count += 1;
            if let Err(error) = problem(row)
                && problems.len() < MOST_PROBLEMS
            {
                let name: &str = column("a name", row, 0)?;
                problems.push(format!("{name}: {error}"));
            }
        }
    }
}

fn account_problem(row: &Row) -> Result<(), Error> {
    let account: Account = body("an account", row)?;
    let (generation, removed): (i64, bool) =
        (column("an account", row, 2)?, column("an account", row, 4)?);
    let revoked_before: Option<i64> = column("an account", row, 3)?;
    let same = account.id.as_str() == column::<&str>("an account", row, 0)?
        && account.generation == unsigned(generation)
        && account.revoked_before.map(|mark| stored(mark.0)) == revoked_before
        && account.removed_at.is_some() == removed;
    agrees("an account", same)
}

fn device_problem(row: &Row) -> Result<(), Error> {
    let device: Device = body("a device", row)?;
    let same = device.serial.as_str() == column::<&str>("a device", row, 0)?
        && device.owner() == column::<&str>("a device", row, 2)?
        && device.state.name() == column::<&str>("a device", row, 3)?
        && device.kind().name() == column::<&str>("a device", row, 4)?;
    agrees("a device", same)
}

fn body<T: DeserializeOwned>(what: &str, row: &Row) -> Result<T, Error> {
    from_json(what, column(what, row, 1)?)
}

fn agrees(what: &str, same: bool) -> Result<(), Error> {
    match same {
        true => Ok(()),
        false => Err(corrupt(what, "its columns differ from its body")),
    }
}

/// A row that was authenticated.
const TAGGED: &str = "SELECT 1 FROM control WHERE tag IS NOT NULL LIMIT 1";

/// More problems than anyone reads.
const MOST_PROBLEMS: usize = 100;

/// The longest time of one statement, which may read a whole table.
const PATIENCE: Duration = Duration::from_secs(600);

const ACCOUNTS: &str = "SELECT id, body, generation, revoked_before, removed FROM accounts
    WHERE id > $1 ORDER BY id LIMIT 5000";

const DEVICES: &str = "SELECT serial, body, account, state, kind FROM devices
    WHERE serial > $1 ORDER BY serial LIMIT 5000";

const MISCOUNTED: &str = "SELECT a.id FROM accounts a LEFT JOIN
        (SELECT account, count(*) AS devices, count(*) FILTER (WHERE state = 'active') AS active
            FROM devices GROUP BY account) d ON d.account = a.id
    WHERE a.devices <> coalesce(d.devices, 0) OR a.active <> coalesce(d.active, 0) LIMIT 100";

const MISSING: &str =
    "SELECT name FROM unnest(ARRAY['version', 'keys', 'revision_floor', 'revocations']) AS name
    WHERE NOT EXISTS (SELECT FROM control c WHERE c.name = name.name AND c.value IS NOT NULL)";
