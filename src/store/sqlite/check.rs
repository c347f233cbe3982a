//! Looks at everything in a store, and changes nothing.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row};
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::ledger::{Ledger, Notes};
use super::row::{first, from_json};
use super::schema::{Encoding, Schema};
use super::seal::Log;
use super::vet::Found;
use super::{
    alone_file, audit_check, cell, connection, identity, migrations, objects, open, place,
};
use crate::device::{Device, Tombstone};
use crate::store::columns::{AccountColumns, stored};
use crate::store::{
    Account, ApiKeyRecord, AuditReport, Keyring, OpenError, Sealed, SigningKeyRecord, StoreKeys,
};

/// Findings of a look at a whole store.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The number of accounts.
    pub accounts: u64,
    /// The number of devices.
    pub devices: u64,
    /// True for a backup that was not restored.
    pub copy: bool,
    /// True if the sealing keys that were given are not those of this store: rows were then not
    /// authenticated.
    pub wrong_keys: bool,
    /// The report on the audit chains; none if it could not be read at all.
    pub audit: Option<AuditReport>,
    /// Each problem in a sentence. Empty for a sound store.
    pub problems: Vec<String>,
}

/// A store that no program serves from. While this lives, none begins to.
#[derive(Debug)]
pub struct Alone {
    pub(super) path: PathBuf,
    /// The lock; none where no program ever served from it, for only they make its file.
    _lock: Option<File>,
}

/// Content of a store's path, for a program that is about to open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No file, or an empty one: a new store would be made.
    Nothing,
    /// A store that can be opened.
    Store {
        /// True if it holds a secret that was sealed under a key.
        sealed: bool,
    },
    /// A store that another program serves from.
    Served,
}

/// Keeps agents away from the store in this file, for a tool that reads it as a whole; refused
/// while one serves from it. No file is made or changed, so that it works on a read-only medium.
///
/// # Errors
/// [`OpenError::Held`] while an agent serves from the store, [`OpenError::Offline`] while another
/// tool works on it, [`OpenError::Io`] if there is no such file.
pub fn alone(path: impl AsRef<Path>) -> Result<Alone, OpenError> {
    let path = place::existing(path.as_ref())?;
    let name = connection::beside(&path, ".lock");
    let lock = match File::open(&name) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Alone { path, _lock: None });
        }
        Err(error) => return Err(OpenError::io(&name, &error)),
    };
    // Programs that come or go have the turn: none of them sees the lock taken in between.
    let turn = File::open(connection::beside(&path, ".turn")).ok();
    if turn.as_ref().is_some_and(|turn| !open::wait_for(turn)) {
        return Err(OpenError::Held(path.display().to_string()));
    }
    match lock.try_lock() {
        Ok(()) => Ok(Alone { path, _lock: Some(lock) }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(OpenError::io(&name, &error)),
    }
}

/// Checks a store, whether it is served from meanwhile or not, and a backup as well.
///
/// Checked are: its files fit together; the file's structure, references and schema are sound;
/// every row can be read and agrees with its columns; the audit chain is whole. No file is made or
/// changed.
///
/// # Errors
/// [`OpenError`] if the file cannot be read as a store at all. Faults in its content are in the
/// report.
pub fn check(path: impl AsRef<Path>) -> Result<CheckReport, OpenError> {
    checked(path.as_ref(), None)
}

/// [`check`] with the sealing keys of the store, by which its rows are seen to be its own.
///
/// # Errors
/// As [`check`].
pub fn check_with(path: impl AsRef<Path>, keyring: &Keyring) -> Result<CheckReport, OpenError> {
    checked(path.as_ref(), Some(keyring))
}

fn checked(path: &Path, keyring: Option<&Keyring>) -> Result<CheckReport, OpenError> {
    match alone(path) {
        Ok(alone) => alone.check(keyring),
        Err(OpenError::Held(_)) => {
            let path = place::existing(path)?;
            connection::reader(&path)
                .and_then(|conn| report(&conn, false, None, keyring))
                .map_err(|error| error.of(&path))
        }
        Err(error) => Err(error),
    }
}

/// Says whether a store can be opened, without opening it, and fails with what would keep it from
/// being opened. Nothing is changed.
///
/// # Errors
/// [`OpenError`], as opening the store would.
pub fn standing(path: impl AsRef<Path>) -> Result<Standing, OpenError> {
    let path = place::real(path.as_ref())?;
    let _alone = match path.exists().then(|| alone(&path)).transpose() {
        Err(OpenError::Held(_)) => return Ok(Standing::Served),
        alone => alone?,
    };
    stands(&path).map_err(|error| error.of(&path))
}

fn stands(path: &Path) -> Result<Standing, OpenError> {
    let found = Found::look(path)?;
    match found.refusal() {
        Some(refusal) => Err(refusal),
        None if found.is_nothing() => Ok(Standing::Nothing),
        None => {
            let conn = quiet(path, found.has_log())?;
            migrations::verify(&conn)?;
            let sealed = "SELECT EXISTS (SELECT 1 FROM named_values WHERE name <> 'restored') OR \
            EXISTS (SELECT 1 FROM devices WHERE seed_key IS NOT NULL)";
            // A store without these tables holds nothing.
            Ok(Standing::Store { sealed: conn.query_row(sealed, [], first).unwrap_or(false) })
        }
    }
}

impl Alone {
    /// [`check`]s it.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read as a store at all. Faults in its content are in the
    /// report.
    pub fn check(&self, keyring: Option<&Keyring>) -> Result<CheckReport, OpenError> {
        self.looked(keyring).map_err(|error| error.of(&self.path))
    }

    fn looked(&self, keyring: Option<&Keyring>) -> Result<CheckReport, OpenError> {
        let found = Found::look(&self.path)?;
        let problem = match found.refusal() {
            None | Some(OpenError::Copy(_)) => None,
            Some(refusal) => Some(refusal.to_string()),
        };
        // A log that is not this file's has nothing to say about it.
        let with_log = found.has_log() && found.unfit_to_restore().is_none();
        report(&quiet(&self.path, with_log)?, found.copy, problem, keyring)
    }
}

/// A connection that reads a store which no program serves from, and leaves neither a log nor its
/// index behind.
pub(super) fn quiet(path: &Path, with_log: bool) -> Result<Connection, OpenError> {
    if !with_log {
        return Ok(alone_file::immutable(path)?);
    }
    // The index of the log is kept in memory by a connection that has the file to itself, which
    // needs no lock where none is to be had.
    let conn = Connection::open_with_flags_and_vfs(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        c"unix-none",
    )?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    Ok(conn)
}

fn report(
    conn: &Connection,
    copy: bool,
    problem: Option<String>,
    keyring: Option<&Keyring>,
) -> Result<CheckReport, OpenError> {
    if !migrations::recognises(conn)? {
        return Err(OpenError::Foreign(String::new()));
    }
    let schema = migrations::verify(conn)?;
    if schema < SEALED {
        conn.execute_batch(if schema < CHAINS { ROWS } else { PLACED_ROWS })?;
        conn.execute_batch(UNSEALED)?;
    }
    let ledger = Arc::new(Ledger::of(Schema::released().after(schema)));
    ledger.functions(conn, Notes::AtOnce)?;
    let keys = match keyring {
        Some(_) if schema >= SEALED => cell::keys_of(conn, &Log::read(conn)?, keyring),
        _ => Ok(None),
    };
    let wrong_keys = matches!(keys, Err(OpenError::WrongKeys(_)));
    let keys = if wrong_keys { None } else { keys? };
    let problems = problem.into_iter().collect();
    let mut check = Check { conn, keys: keys.as_ref(), problems };
    check.structure();
    let accounts = check.accounts();
    let devices = check.devices();
    check.others();
    let audit = check.audit();
    ledger.take(keys.as_ref().map(|keys| &keys.rows));
    check.tags(&ledger);
    let problems = check.problems;
    Ok(CheckReport { accounts, devices, copy, wrong_keys, audit, problems })
}

/// The rows of a store that are not as twostep left them, for tests that have it open: a
/// connection to any copy of it is enough.
#[doc(hidden)]
pub fn foreign_rows(conn: &Connection, keyring: &Keyring) -> Result<Vec<String>, OpenError> {
    foreign(conn, keyring, Schema::released().current())
}

/// The rows that are not as twostep left them, in a store whose tags are these.
pub(super) fn foreign(
    conn: &Connection,
    keyring: &Keyring,
    encoding: Encoding,
) -> Result<Vec<String>, OpenError> {
    let ledger = Arc::new(Ledger::of(encoding));
    ledger.functions(conn, Notes::AtOnce)?;
    let keys = cell::keys_of(conn, &Log::read(conn)?, Some(keyring))?;
    ledger.take(keys.as_ref().map(|keys| &keys.rows));
    Ok(ledger.look(conn, &identity::read(conn)?)?)
}

struct Check<'a> {
    conn: &'a Connection,
    keys: Option<&'a StoreKeys>,
    problems: Vec<String>,
}

impl Check<'_> {
    fn structure(&mut self) {
        let integrity = self.texts("PRAGMA integrity_check(50)");
        self.problems.extend(
            integrity
                .into_iter()
                .filter(|line| line != "ok")
                .map(|line| format!("the file is damaged: {line}")),
        );
        // A device in stock has an empty owner, so the column is no foreign key.
        let orphans = self.texts(
            "SELECT 'a row of ' || \"table\" || ' refers to a missing row of ' || parent \
            FROM pragma_foreign_key_check UNION ALL SELECT 'a row of devices refers to a missing \
            row of accounts' FROM devices LEFT JOIN accounts ON id = account \
            WHERE account <> '' AND id IS NULL LIMIT 50",
        );
        self.problems.extend(orphans);
        self.problems.extend(objects::foreign(self.conn).unwrap_or_default());
        for (table, rows) in [("control", "control"), ("audit_chain", "audit_chain WHERE id = 1")] {
            let count = format!("SELECT count(*) FROM {rows}");
            if self.conn.query_row(&count, [], first) != Ok(1) {
                self.problem(format!("the table {table} has not exactly one first row"));
            }
        }
    }

    fn accounts(&mut self) -> u64 {
        let sql = "SELECT id, body, generation, revoked_before, removed, devices, active,
            (SELECT count(*) FROM devices WHERE account = id),
            (SELECT count(*) FROM devices WHERE account = id AND state = 'active')
            FROM accounts";
        self.rows("account", sql, |account: &Account, row| {
            let columns = AccountColumns::of(account, String::new());
            let said: (i64, Option<i64>, bool) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let AccountColumns { generation, revoked_before, removed, .. } = columns;
            let agrees = row.get::<_, String>(0)? == account.id.as_str()
                && said == (generation, revoked_before, removed);
            let counts: [i64; 4] = [row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?];
            Ok(agrees && counts[..2] == counts[2..])
        })
    }

    fn devices(&mut self) -> u64 {
        let sql =
            "SELECT serial, body, account, state, kind, created_at, seed, seed_key FROM devices";
        self.rows("device", sql, |device: &Device, row| {
            let said: (String, String, String, String, i64) =
                (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            let is = (
                device.serial.to_string(),
                device.owner().to_owned(),
                device.state.name().to_owned(),
                device.kind().name().to_owned(),
            );
            let agrees = said == (is.0, is.1, is.2, is.3, stored(device.created_at.0));
            let seed = row.get::<_, Option<Vec<u8>>>(6)?.map(Sealed::from_bytes);
            Ok(agrees && seed.and_then(|seed| seed.key_id()) == row.get::<_, Option<[u8; 8]>>(7)?)
        })
    }

    fn others(&mut self) {
        self.rows(
            "tombstone",
            "SELECT serial, body FROM tombstones",
            |tombstone: &Tombstone, row| Ok(row.get::<_, String>(0)? == tombstone.serial.as_str()),
        );
        self.rows(
            "signing key",
            "SELECT kid, body, created_at FROM signing_keys",
            |key: &SigningKeyRecord, row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?)
                    == (key.kid.clone(), stored(key.created_at.0)))
            },
        );
        self.rows(
            "API key",
            "SELECT id, body, created_at FROM api_keys",
            |key: &ApiKeyRecord, row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?)
                    == (key.id.clone(), stored(key.created_at.0)))
            },
        );
    }

    /// Compares every row with its tag, and all rows with their sum.
    fn tags(&mut self, ledger: &Ledger) {
        if self.keys.is_none() {
            return;
        }
        let looked = identity::read(self.conn).and_then(|is| ledger.look(self.conn, &is));
        match looked {
            Ok(foreign) => foreign.into_iter().for_each(|row| self.problem(row)),
            Err(fault) => self.problem(format!("its rows cannot be authenticated: {fault}")),
        }
    }

    fn audit(&mut self) -> Option<AuditReport> {
        match audit_check::verify(self.conn, self.keys.map(|keys| &keys.audit)) {
            Ok(report) => {
                for chain in &report.chains {
                    if let Some(number) = chain.broken_at {
                        let chain = chain.chain;
                        self.problem(format!(
                            "the audit log is broken at row {number} of chain {chain}: it is \
                             missing or was changed"
                        ));
                    }
                }
                Some(report)
            }
            Err(fault) => {
                self.problem(format!("the audit log cannot be read: {fault}"));
                None
            }
        }
    }

    /// Reads all rows of a statement whose first columns are a name and a JSON body, and returns
    /// how many there are.
    fn rows<T: DeserializeOwned>(
        &mut self,
        what: &str,
        sql: &str,
        agrees: impl Fn(&T, &Row<'_>) -> Result<bool, Fault>,
    ) -> u64 {
        let mut seen = 0;
        let conn = self.conn;
        let mut look = || -> Result<(), Fault> {
            let mut statement = conn.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                let verdict = row
                    .get::<_, String>(1)
                    .map_err(Fault::from)
                    .and_then(|body| agrees(&from_json("its body", &body)?, row));
                let name = || row.get::<_, String>(0).unwrap_or_else(|_| format!("in row {seen}"));
                match verdict {
                    Ok(true) => {}
                    Ok(false) => self
                        .problem(format!("the {what} {} does not agree with its columns", name())),
                    Err(fault) => {
                        self.problem(format!("the {what} {} cannot be read: {fault}", name()))
                    }
                }
            }
            Ok(())
        };
        if let Err(fault) = look() {
            self.problem(format!("after {seen} rows the next {what} cannot be read: {fault}"));
        }
        seen
    }

    fn texts(&mut self, sql: &str) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        read().unwrap_or_else(|error| vec![format!("it cannot be checked: {error}")])
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MOST {
            self.problems.push(problem);
        }
    }
}

/// The schema in which rows of the audit log have a place.
const CHAINS: usize = 5;

/// The schema in which the audit log is authenticated.
pub(super) const SEALED: usize = 8;

/// Shows the audit log of an earlier schema in the form of this one: its rows are those of the
/// first chain.
const ROWS: &str = "PRAGMA temp_store = MEMORY;
    CREATE TEMP VIEW audit AS
    SELECT number AS place, at, body, hash, NULL AS mac FROM main.audit;";

/// Shows rows that have a place and are not authenticated.
const PLACED_ROWS: &str = "PRAGMA temp_store = MEMORY;
    CREATE TEMP VIEW audit AS SELECT place, at, body, hash, NULL AS mac FROM main.audit;";

/// Shows chains without a seal.
const UNSEALED: &str = "CREATE TEMP VIEW audit_chain AS
    SELECT *, 0 AS closed, NULL AS seal FROM main.audit_chain;";

/// So many problems are told. Who has more needs a backup, not a list.
const MOST: usize = 200;
