//! Backups: copies of a store that are not served from until they are restored.
//!
//! A copy does not know what was accepted after it was made. So it carries a mark that
//! [`SqliteStore::open`] refuses, and the mark goes only with everything that an old state could
//! let in again.
//!
//! [`SqliteStore::open`]: super::SqliteStore::open

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connection::{Hold, beside};
use super::fault::Fault;
use super::identity::{Identity, Usage};
use super::open::Entered;
use super::place::Place;
use super::row::{AccountColumns, first, from_json, stored, to_json};
use super::vet::Found;
use super::witness::Witness;
use super::{audit, connection, identity, imports, migrations, open, place, witness};
use crate::device::Device;
use crate::id::CallerId;
use crate::store::{Account, Action, ChainId, Event, OpenError, Stray};
use crate::time::UnixTime;

/// The extent of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Devices whose codes up to now are spent.
    pub devices: u64,
    /// Accounts whose contexts are revoked.
    pub accounts: u64,
}

/// Makes a backup, or a raw copy of a store, fit to serve from: nothing that may have been used
/// since it was made can be used again.
///
/// Time-based devices start above now, counters need a pair, sheets of recovery codes are spent,
/// all contexts are revoked, and single-use items are dropped, in one transaction with its audit
/// row. The store's epoch is raised, so that no log, copy or witness of before is taken for its
/// own. No program may hold the store.
///
/// A raw copy is taken with the log beside it if there is one; a log that does not continue the
/// file is refused.
///
/// # Errors
/// [`OpenError::Held`] or [`OpenError::Offline`] while the store is in use, and otherwise what
/// keeps the file from being opened. The file is then unchanged.
pub fn restore(
    path: impl AsRef<Path>,
    now: UnixTime,
    caller: &CallerId,
) -> Result<Restored, OpenError> {
    let path = place::existing(path.as_ref())?;
    let _entered = Entered::at(&path, Hold::Exclusive)?;
    made_fit(&path, now, caller).map_err(|error| error.of(&path))
}

fn made_fit(path: &Path, now: UnixTime, caller: &CallerId) -> Result<Restored, OpenError> {
    let found = Found::look(path)?;
    if found.copy {
        // A copy is one file. A log beside it is of the store that was here before, and SQLite
        // would mix the two.
        for suffix in ["-wal", "-shm"] {
            match std::fs::remove_file(beside(path, suffix)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(OpenError::io(path, &error));
                }
                _ => {}
            }
        }
    }
    if let Some(unfit) = found.unfit_to_restore() {
        return Err(unfit);
    }
    if found.is_nothing() {
        return Err(OpenError::Stray(Stray::Blank { file: path.display().to_string() }));
    }
    let mut conn = connection::writer(path)?;
    migrations::run(&mut conn)?;
    whole(&conn, path)?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let was = identity::read(&transaction)?;
    let epoch = was.epoch.max(found.epoch_seen()).saturating_add(1).max(moment());
    let restored = raise(&transaction, now, caller)?;
    let identity = Identity { epoch, usage: Usage::Closed, ..was.next() };
    identity::write(&transaction, &identity)?;
    transaction.commit()?;
    // A path that was never served from has no witness, and needs none.
    if witness::path(path).exists() {
        Witness::renew(
            path,
            place::inode(path).map_err(|error| OpenError::io(path, &error))?,
            &identity,
        )?;
    }
    // The mark is gone from the file itself, not only from the log beside it, before the caller is
    // told.
    open::shut(conn);
    Ok(restored)
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

fn raise(
    transaction: &Transaction<'_>,
    now: UnixTime,
    caller: &CallerId,
) -> Result<Restored, Fault> {
    imports::settle_all(transaction)?;
    let devices = each(
        transaction,
        "SELECT number, body FROM devices WHERE number > ?1 ORDER BY number LIMIT 500",
        0,
        |number, body| {
            let device: Device = from_json("a device", body)?;
            let body = to_json(&device.restored(now))?;
            transaction
                .prepare_cached(
                    "UPDATE devices SET revision = revision + 1, body = ?2 WHERE number = ?1",
                )?
                .execute((number, body))?;
            Ok(())
        },
    )?;
    let page = "SELECT rowid, body FROM accounts WHERE rowid > ?1 ORDER BY rowid LIMIT 500";
    let accounts = each(transaction, page, i64::MIN, |row, body| {
        let account: Account = from_json("an account", body)?;
        let columns = AccountColumns::of(&account.with_sessions_revoked(now))?;
        transaction
            .prepare_cached(
                "UPDATE accounts SET revision = revision + 1, generation = ?2, revoked_before = \
                 ?3, body = ?4 WHERE rowid = ?1",
            )?
            .execute((row, columns.generation, columns.revoked_before, columns.body))?;
        Ok(())
    })?;
    transaction.execute("DELETE FROM single_use", [])?;
    // A key that was dropped since the backup, because it had leaked, must not sign again; and
    // all that any of them signed is over.
    transaction.execute("DELETE FROM signing_keys", [])?;
    transaction.execute(
        "UPDATE control SET copy = 0, version = version + 1, highest_time = \
         max(coalesce(highest_time, 0), ?1) WHERE id = 1",
        [stored(now.0)],
    )?;
    let before = audit::head(transaction, ChainId::FIRST)?;
    let restored = [Event::new(now, Action::StoreRestored, caller)];
    let head = audit::append(transaction, before.clone(), &restored)?;
    audit::move_head(transaction, &before, &head)?;
    Ok(Restored { devices, accounts })
}

/// Visits all rows of a table, a page at a time: the rows change under the visit.
fn each(
    conn: &Connection,
    page: &str,
    mut after: i64,
    visit: impl Fn(i64, &str) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut visited = 0;
    loop {
        let mut statement = conn.prepare_cached(page)?;
        let rows = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
        let Some((last, _)) = rows.last() else { return Ok(visited) };
        after = *last;
        for (number, body) in &rows {
            visit(*number, body)?;
            visited += 1;
        }
    }
}
