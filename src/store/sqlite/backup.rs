//! Backups: copies of a store that are not served from until they are restored.
//!
//! A copy does not know what was accepted after it was made. So it carries a mark that
//! [`SqliteStore::open`] refuses, and the mark goes only with everything that an old state could
//! let in again.
//!
//! [`SqliteStore::open`]: super::SqliteStore::open

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::audit::Appender;
use super::connection::{Hold, beside};
use super::fault::Fault;
use super::identity::{Identity, Usage};
use super::ledger::Ledger;
use super::open::Entered;
use super::place::Place;
use super::row::{account_id, first};
use super::seal::Log;
use super::vet::Found;
use super::witness::Witness;
use super::{
    apply, audit, cell, chain, connection, exported, identity, imports, migrations, open, place,
    read, seal, sql, witness,
};
use crate::device::Leads;
use crate::id::{AccountId, CallerId};
use crate::store::restore::{Restore, Restored, disabled};
use crate::store::{
    Account, Action, ApiKeyRecord, ChainId, Change, Event, MacKey, OpenError, RestoreMark,
    SigningKeyRecord, Stray, Write,
};
use crate::time::UnixTime;

/// Makes a backup, or a raw copy of a store, fit to serve from: nothing that may have been used
/// since it was made can be used again.
///
/// Time-based devices start above now, and what lies within an administrator's window ahead of it
/// is left to an administrator's pair ([`Device::restored`](crate::device::Device::restored)).
/// Counter-based devices are disabled, sheets of recovery codes are spent, all contexts are
/// revoked, signing keys and single-use items are dropped, and accounts are protected, in one
/// transaction with its audit row. The store is in the restored state until an administrator ends
/// it: only administrators enrol and activate devices.
///
/// The store's epoch is raised, so that no log, copy or witness of before is taken for its own. No
/// program may hold the store.
///
/// A raw copy is taken with the log beside it if there is one; a log that does not continue the
/// file is refused.
///
/// # Errors
/// [`OpenError::Held`] or [`OpenError::Offline`] while the store is in use, [`OpenError::Locked`]
/// if it is authenticated ([`restore_as`] takes its sealing keys), and otherwise what keeps the
/// file from being opened. The file is then unchanged.
pub fn restore(
    path: impl AsRef<Path>,
    now: UnixTime,
    caller: &CallerId,
) -> Result<Restored, OpenError> {
    restore_as(path, Restore { now, caller, leads: Leads::Unknown, keyring: None, log: None })
}

/// Restores as [`restore`] does, with what the caller knows of the time since the backup.
///
/// # Errors
/// As [`restore`], [`OpenError::WrongKeys`] if the sealing keys are those of another store, and
/// [`OpenError::Log`] for a log that does not go on where the backup ends.
pub fn restore_as(path: impl AsRef<Path>, wanted: Restore<'_>) -> Result<Restored, OpenError> {
    let path = place::existing(path.as_ref())?;
    let _entered = Entered::at(&path, Hold::Exclusive)?;
    made_fit(&path, wanted).map_err(|error| error.of(&path))
}

fn made_fit(path: &Path, wanted: Restore<'_>) -> Result<Restored, OpenError> {
    let found = Found::look(path)?;
    if found.copy && !found.begun {
        remove_foreign_log(path)?;
    }
    if let Some(unfit) = found.unfit_to_restore() {
        return Err(unfit);
    }
    if found.is_nothing() {
        return Err(OpenError::Stray(Stray::Blank { file: path.display().to_string() }));
    }
    let mut conn = connection::writer(path)?;
    if found.copy && identity::read(&conn).is_ok() {
        // From here on the log is the copy's own, and a restore after a crash goes on with it.
        identity::mark(&conn, Usage::InUse)?;
        carried_over(&conn)?;
    }
    migrations::run(&mut conn, wanted.keyring)?;
    whole(&conn, path)?;
    let ledger = Arc::<Ledger>::default();
    let mut conn = ledger.keep(conn)?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let was = identity::read(&transaction)?;
    let epoch = was.epoch.max(found.epoch_seen()).saturating_add(1).max(moment());
    let keys = cell::keys_of(&transaction, &Log::read(&transaction)?, wanted.keyring)?;
    let key = keys.as_ref().map(|keys| &keys.audit);
    ledger.take(keys.as_ref().map(|keys| &keys.rows));
    if let Some(foreign) = ledger.look(&transaction, &was)?.into_iter().next() {
        return Err(OpenError::Damaged { path: String::new(), reason: foreign });
    }
    ledger.begin(&transaction, &was)?;
    let restored = raise(&transaction, wanted, key)?;
    let identity = Identity { epoch, usage: Usage::InUse, ..was.next() };
    identity::write(&transaction, &identity)?;
    ledger.write(&transaction, &identity)?;
    if let Some(key) = key {
        seal::write(&transaction, key)?;
    }
    transaction.commit()?;
    let served = witness::path(path).exists();
    let inode = place::inode(path).map_err(|error| OpenError::io(path, &error))?;
    // A crash from here on may leave a file that is whole with its log alone: the witness says that
    // the log is its own.
    Witness::renew(path, inode, &identity)?;
    carried_over(&conn)?;
    let identity = identity::mark(&conn, Usage::Closed)?;
    // A path that was never served from has no witness, and needs none.
    match served {
        true => drop(Witness::renew(path, inode, &identity)?),
        false => witness::remove(path)?,
    }
    // The mark is gone from the file itself, not only from the log beside it, before the caller is
    // told.
    open::shut(conn);
    Ok(restored)
}

/// Removes the log beside a copy, which is one file: the log is of the store that was here before,
/// and SQLite would mix the two.
fn remove_foreign_log(path: &Path) -> Result<(), OpenError> {
    for suffix in ["-wal", "-shm"] {
        match std::fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(OpenError::io(path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Carries the whole log over into the file.
fn carried_over(conn: &Connection) -> Result<(), OpenError> {
    if connection::checkpoint(conn, "TRUNCATE")? {
        Ok(())
    } else {
        Err(OpenError::unusable("another program keeps the log from being carried over".to_owned()))
    }
}

/// Now, in nanoseconds since 1970: of two restores of one store the later one has the higher epoch,
/// wherever each was made.
fn moment() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Refuses a file that lost pages, as a copy of a file that was written meanwhile may have.
fn whole(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let damaged = |reason: String| OpenError::Damaged { path: path.display().to_string(), reason };
    let verdict: String = conn
        .query_row("PRAGMA integrity_check(1)", [], first)
        .map_err(|error| damaged(error.to_string()))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(verdict)) }
}

/// Copies the store into a new file, which is marked.
pub(super) fn backup(from: &Place, to: &Path) -> Result<(), OpenError> {
    let to = std::path::absolute(to).map_err(|error| OpenError::io(to, &error))?;
    // Takes the name, so that no other backup does; the copy moves there when it is whole and
    // marked.
    match connection::options().create_new(true).write(true).open(&to) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(OpenError::Exists(to.display().to_string()));
        }
        Err(error) => return Err(OpenError::io(&to, &error)),
    }
    let partial = beside(&to, ".partial");
    copy(from, &partial, &to).inspect_err(|_| {
        // The file is no backup.
        let _ = std::fs::remove_file(&partial);
        let _ = std::fs::remove_file(&to);
    })
}

fn copy(from: &Place, partial: &Path, to: &Path) -> Result<(), OpenError> {
    let io = |error: std::io::Error| OpenError::io(partial, &error);
    let _ = std::fs::remove_file(partial);
    connection::options().create_new(true).write(true).open(partial).map_err(io)?;
    connection::owner_only(partial)?;
    let source = connection::reader(from.path())?;
    let mut copy = Connection::open(partial)?;
    // All pages in one step are as of one moment; who writes meanwhile writes to the log.
    match Backup::new(&source, &mut copy)?.step(-1)? {
        StepResult::Done => {}
        other => return Err(OpenError::unusable(format!("the backup stopped: {other:?}"))),
    }
    from.unmoved().map_err(OpenError::Moved)?;
    // One file: without a log of its own.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.execute("UPDATE control SET copy = 1 WHERE id = 1", [])?;
    identity::write(&copy, &Identity { usage: Usage::Closed, ..identity::read(&copy)? })?;
    copy.close().map_err(|(_, error)| error)?;
    File::open(partial).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(partial, to)
        .and_then(|()| connection::sync_folder(to))
        .map_err(io)
}

/// Makes all changes of a restore, each as the agent would make it.
fn raise(
    transaction: &Transaction<'_>,
    wanted: Restore<'_>,
    key: Option<&MacKey>,
) -> Result<Restored, Fault> {
    let Restore { now, caller, leads, log: exported, .. } = wanted;
    imports::settle_all(transaction)?;
    let (log, appender) = (Log::read(transaction)?, Appender::new(transaction, key));
    let begin = log.head(ChainId::FIRST);
    let change = |writes| apply::apply(&appender, log.links(&begin), &unaudited(writes));
    let exported = exported.map(|rows| exported::read(&log, rows)).transpose()?;
    let (taken, read) = exported.unzip();
    let taken = taken.unwrap_or_default();
    let mut restored = Restored { log: read, ..Restored::default() };
    let mut last = None;
    while let Some(id) = next_account(transaction, last.as_ref())? {
        let seen = read::account(transaction, &id)?;
        let seen = seen.ok_or_else(|| Fault::Corrupt(format!("{id} is listed and not there")))?;
        let writes = taken.restored(&seen, (now, leads), &mut restored.repeated);
        restored.disabled += disabled(&seen, &writes);
        restored.devices += u64::try_from(seen.devices.len()).unwrap_or(u64::MAX);
        restored.accounts += 1;
        let _ = change(writes)?;
        last = Some(id);
    }
    for account in taken.protected() {
        if read::account(transaction, account)?.is_none() {
            let account = Account::new(account.clone(), now).restored(now);
            let _ = change(vec![Write::CreateAccount(account)])?;
        }
    }
    transaction.execute("DELETE FROM single_use", [])?;
    // A key that was dropped since the backup, because it had leaked, must not sign again; and
    // all that any of them signed is over.
    let keys: Vec<SigningKeyRecord> = read::bodies(transaction, sql::ALL_SIGNING_KEYS, [])?;
    let mut writes: Vec<Write> =
        keys.into_iter().map(|key| Write::DropSigningKey { kid: key.kid }).collect();
    let api_keys: Vec<ApiKeyRecord> = read::bodies(transaction, sql::ALL_API_KEYS, [])?;
    for key in api_keys.into_iter().filter(|key| taken.revoked(&key.id)) {
        restored.repeated.api_keys += 1;
        writes.push(Write::RevokeApiKey { id: key.id });
    }
    writes.extend(taken.access_keys());
    writes.push(Write::NoteTime(now));
    writes.push(
        RestoreMark::new(now)
            .write()
            .map_err(|error| Fault::Corrupt(error.to_string()))?,
    );
    let _ = change(writes)?;
    transaction.execute("UPDATE control SET copy = 0, version = version + 1 WHERE id = 1", [])?;
    let broken = key.is_some_and(|key| !log.fits(key));
    let broken = broken.then(|| Event::new(now, Action::AuditBroken, caller));
    let event = Event::new(now, Action::StoreRestored, caller);
    let events: Vec<Event> = broken.into_iter().chain([event]).collect();
    let links = appender.append(log.links(&audit::last(transaction, &begin)?), &events)?;
    chain::move_head(transaction, &begin, links.last())?;
    Ok(restored)
}

/// A part of the restore, whose one audit row comes at the end.
fn unaudited(writes: Vec<Write>) -> Change {
    Change { account: None, writes, audit: Vec::new() }
}

/// The account after this one, in the order of their names; removed ones too.
fn next_account(conn: &Connection, last: Option<&AccountId>) -> Result<Option<AccountId>, Fault> {
    let next: Option<String> = conn
        .prepare_cached("SELECT id FROM accounts WHERE id > ?1 ORDER BY id LIMIT 1")?
        .query_row([last.map_or("", AccountId::as_str)], first)
        .optional()?;
    next.map(|id| account_id("an account", &id)).transpose()
}
