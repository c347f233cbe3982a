//! A database of an earlier moment is made fit to serve from: a restored base backup, or a server
//! that has lost what it acknowledged.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::columns::{column, from_json};
use super::connect_error::ConnectError;
use super::connection::Connection;
use super::dial::Dial;
use super::fault::corrupt;
use super::keys::{VALUE, opened};
use super::options::PostgresOptions;
use super::outcome::Fault;
use super::read::{SETS, see_sets};
use super::table::{CONTROL, IDENTITY};
use super::touched::{Touched, tag, vet};
use super::{apply, chain, imports, loads, schema, sql, touched};
use crate::id::AccountId;
use crate::store::columns::{stored, unsigned};
use crate::store::restore::{Restore, Restored, disabled, read_log};
use crate::store::taken::TakenAway;
use crate::store::{
    Account, AccountSnapshot, Action, ApiKeyRecord, ChainEnd, ChainId, Change, Error, Event,
    Keyring, Links, MacKey, PEPPER, RestoreMark, Sealed, SigningKeyRecord, TABLES_PEPPER, Write,
};
use crate::time::UnixTime;

/// Makes a database of an earlier moment fit to serve from: nothing that may have been used since
/// can be used again.
///
/// Every device, account, key and item is changed as [`sqlite::restore`] changes it, in one
/// transaction that no agent's change comes between, with its audit row. The store's epoch is
/// raised: agents that have found that the store forgot go on.
///
/// [`sqlite::restore`]: crate::store::sqlite::restore
///
/// # Errors
/// [`ConnectError`]: no server was reached, or [`ConnectError::Unrestored`] with the reason why
/// nothing was changed, or why that is not known.
pub async fn restore(
    options: PostgresOptions,
    wanted: Restore<'_>,
) -> Result<Restored, ConnectError> {
    let place = options.place();
    let failed = |cause| ConnectError::Server { place: place.clone(), cause };
    let dial = Dial::new(&options);
    schema::update(&mut dial.connect().await.map_err(failed)?.client, &place).await?;
    let conn = Connection::new(dial.connect().await.map_err(failed)?);
    restored(&conn, wanted).await.map_err(|fault| {
        let reason = Error::from(fault).to_string();
        ConnectError::Unrestored { place: place.clone(), reason }
    })
}

async fn restored(conn: &Connection, wanted: Restore<'_>) -> Result<Restored, Fault> {
    conn.set(SETTINGS).await?;
    let (store, epoch) = identity(conn).await?;
    // Taken before the transaction: it lasts until the connection ends.
    let links = chain::take(conn, store).await?;
    conn.begin().await?;
    conn.set(ALONE).await?;
    let key = audit_key(conn, wanted.keyring).await?;
    vet(conn, &IDENTITY, &["epoch"]).await?;
    let mut restoring = Restoring { conn, now: wanted.now, restored: Restored::default() };
    let event = Event::new(wanted.now, Action::StoreRestored, wanted.caller);
    restoring.raise(store, wanted).await?;
    chain::append(conn, &links, key.as_ref(), &[event]).await?;
    conn.run(EPOCH, &[&stored(epoch.saturating_add(1).max(moment()))]).await?;
    tag(conn, &IDENTITY, &["epoch"]).await?;
    conn.run(WHOLE, &[]).await?;
    conn.commit().await?;
    Ok(restoring.restored)
}

/// A restore in its transaction.
struct Restoring<'a> {
    conn: &'a Connection,
    now: UnixTime,
    restored: Restored,
}

impl Restoring<'_> {
    /// Makes all changes of a restore, each as the agent would make it.
    async fn raise(&mut self, store: [u8; 16], wanted: Restore<'_>) -> Result<(), Fault> {
        self.settle_all().await?;
        let ends = ends(self.conn).await?;
        let end = |chain: ChainId| {
            let (end, closed) = ends.get(&chain).cloned().unwrap_or((ChainEnd::of_empty(chain), 0));
            Links::after(end, store, Some(closed))
        };
        let mut taken = TakenAway::default();
        if let Some(rows) = wanted.log {
            let read = read_log(end, rows).map_err(Error::Corrupt)?;
            (taken, self.restored.log) = (read.0, Some(read.1));
        }
        let mut last = String::new();
        loop {
            let page = self.accounts(&last).await?;
            let Some(end) = page.last() else { break };
            last = end.account.id.as_str().to_owned();
            for seen in &page {
                let when = (self.now, wanted.leads);
                let writes = taken.restored(seen, when, &mut self.restored.repeated);
                self.restored.disabled += disabled(seen, &writes);
                self.restored.devices += u64::try_from(seen.devices.len()).unwrap_or(u64::MAX);
                self.restored.accounts += 1;
                self.make(Some(&seen.account.id), writes).await?;
            }
        }
        self.protect(taken.protected().cloned().collect()).await?;
        self.beside_accounts(&taken).await
    }

    /// Settles all imports; those that are not published end.
    async fn settle_all(&self) -> Result<(), Fault> {
        loop {
            let mut accounts: Vec<String> = Vec::new();
            for row in self.conn.rows(STAGED, &[]).await? {
                accounts.push(column("a staged device", &row, 0)?);
            }
            if accounts.is_empty() {
                break;
            }
            let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
            imports::settle_accounts(self.conn, &accounts).await?;
        }
        self.conn.run("DELETE FROM staged", &[]).await?;
        self.conn.run("DELETE FROM imports", &[]).await.map(|_| ())
    }

    /// Some accounts after that one, in the order of their names; removed ones too.
    async fn accounts(&self, last: &str) -> Result<Vec<AccountSnapshot>, Fault> {
        let mut names: Vec<String> = Vec::new();
        for row in self.conn.rows(ACCOUNTS, &[&last]).await? {
            names.push(column("an account", &row, 0)?);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = self.conn.rows(loads::ACCOUNTS, &[&names]).await?;
        let mut page = Vec::new();
        for (name, loaded) in loads::snapshots(&rows, self.conn.tags(), false)? {
            page.push(loaded?.ok_or_else(|| corrupt(&name, "it is listed and not there"))?);
        }
        Ok(page)
    }

    /// Accounts that were protected after the backup are, also where it does not know them.
    async fn protect(&self, accounts: Vec<AccountId>) -> Result<(), Fault> {
        for account in accounts {
            let id = account.as_str();
            if self.conn.first::<i64>(sql::ACCOUNT_IS_THERE, &[&id]).await?.is_none() {
                let account = Account::new(account, self.now).restored(self.now);
                self.make(None, vec![Write::CreateAccount(account)]).await?;
            }
        }
        Ok(())
    }

    /// A key that was dropped since, because it had leaked, must not sign again; and all that any
    /// of them signed is over.
    async fn beside_accounts(&mut self, taken: &TakenAway) -> Result<(), Fault> {
        self.conn.run("DELETE FROM single_use", &[]).await?;
        let mut writes = Vec::new();
        see_sets(self.conn.tags(), &self.conn.rows(SETS, &[]).await?)?;
        for row in self.conn.rows("SELECT body FROM signing_keys", &[]).await? {
            let key: SigningKeyRecord =
                from_json("a signing key", column("a signing key", &row, 0)?)?;
            writes.push(Write::DropSigningKey { kid: key.kid });
        }
        for row in self.conn.rows("SELECT body FROM api_keys", &[]).await? {
            let key: ApiKeyRecord = from_json("an API key", column("an API key", &row, 0)?)?;
            if taken.revoked(&key.id) {
                self.restored.repeated.api_keys += 1;
                writes.push(Write::RevokeApiKey { id: key.id });
            }
        }
        writes.extend(taken.access_keys());
        writes.push(Write::NoteTime(self.now));
        writes.push(RestoreMark::new(self.now).write()?);
        self.make(None, writes).await?;
        vet(self.conn, &CONTROL, &touched::SETS).await?;
        self.conn.run(sql::CONTROL_CHANGED, &[]).await?;
        tag(self.conn, &CONTROL, &touched::SETS).await
    }

    /// A part of the restore, whose one audit row comes at the end.
    async fn make(&self, account: Option<&AccountId>, writes: Vec<Write>) -> Result<(), Fault> {
        let change = Change { account: None, writes, audit: Vec::new() };
        let mut touched = Touched::of(&change);
        touched.accounts(account.map(AccountId::as_str));
        touched.vet(self.conn).await?;
        match apply::make(self.conn, ChainId::FIRST, &change, &touched).await {
            Ok(_) => Ok(()),
            Err(Fault::Conflict(_)) => {
                Err(corrupt("a row", "another program changed it meanwhile").into())
            }
            Err(fault) => Err(fault),
        }
    }
}

/// The store's id and its epoch.
async fn identity(conn: &Connection) -> Result<([u8; 16], u64), Fault> {
    let what = "the store's identity";
    let rows = conn.rows("SELECT id, epoch FROM store_identity", &[]).await?;
    let row = rows.first().ok_or_else(|| corrupt(what, "it is gone"))?;
    let id: &[u8] = column(what, row, 0)?;
    let id = id.try_into().map_err(|error| corrupt(what, error))?;
    Ok((id, unsigned(column(what, row, 1)?)))
}

/// The key of the audit log, with which the tags of rows are taken; none for a store that never had
/// its keys.
async fn audit_key(conn: &Connection, keyring: Option<&Keyring>) -> Result<Option<MacKey>, Fault> {
    let mut sealed = None;
    for name in [TABLES_PEPPER, PEPPER] {
        let found: Option<Vec<u8>> = conn.first(VALUE, &[&name]).await?;
        sealed = sealed.or(found.map(|found| (name, Sealed::from_bytes(found))));
    }
    let Some((name, sealed)) = sealed else { return Ok(None) };
    let Some(keyring) = keyring else {
        let locked = "the store is authenticated: its sealing keys are needed";
        return Err(Error::Unavailable(locked.to_owned()).into());
    };
    let wrong = || Error::Corrupt("these are not its sealing keys".to_owned());
    let keys = opened(keyring, name, &sealed).ok_or_else(wrong)?;
    if name == TABLES_PEPPER {
        conn.tags().take(keys.clone());
    }
    Ok(Some(keys.audit))
}

/// For each chain its end, and the number of the last row that is linked the old way.
async fn ends(conn: &Connection) -> Result<BTreeMap<ChainId, (ChainEnd, u64)>, Fault> {
    let (what, mut ends) = ("an audit chain", BTreeMap::new());
    for row in conn.rows("SELECT id, head, head_hash, closed FROM chains", &[]).await? {
        let id: i64 = column(what, &row, 0)?;
        let chain = ChainId(u32::try_from(id).map_err(|error| corrupt(what, error))?);
        let number = unsigned(column(what, &row, 1)?);
        let end = ChainEnd { chain, number, hash: column(what, &row, 2)? };
        ends.insert(chain, (end, unsigned(column(what, &row, 3)?)));
    }
    Ok(ends)
}

/// Now, in nanoseconds since 1970: of two restores of one store the later one has the higher epoch,
/// wherever each was made.
fn moment() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Changes of agents are over long before.
const SETTINGS: &str = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '1h'";

/// Agents read meanwhile, and their changes are refused.
const ALONE: &str = "LOCK TABLE store_identity, accounts, devices, tombstones, imports, staged,
    single_use, revoked_sessions, device_marks, signing_keys, api_keys, named_values, times, control
    IN EXCLUSIVE MODE";

const STAGED: &str = "SELECT DISTINCT s.account FROM staged s JOIN imports i ON i.number = s.import
    WHERE i.state = 'published' LIMIT 200";

const ACCOUNTS: &str = "SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT 500";

const EPOCH: &str = "UPDATE store_identity SET epoch = $1";

const WHOLE: &str = "DELETE FROM control WHERE name = 'went_back'";
