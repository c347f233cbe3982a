//! Looks at everything in a store, and changes nothing.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::OpenError;
use super::audit;
use super::backup;
use super::connection;
use super::fault::Fault;
use super::migrations;
use super::row::AccountColumns;
use super::row::from_json;
use super::row::kind;
use super::row::state;
use super::row::stored;
use crate::device::Device;
use crate::device::Tombstone;
use crate::store::Account;
use crate::store::ApiKeyRecord;
use crate::store::AuditReport;
use crate::store::Sealed;
use crate::store::SigningKeyRecord;

/// What a look at a whole store found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// How many accounts it has.
    pub accounts: u64,
    /// How many devices it has.
    pub devices: u64,
    /// It is a backup that was not restored.
    pub copy: bool,
    /// What recomputing the audit chain found; none if it could not be read at all.
    pub audit: Option<AuditReport>,
    /// What is wrong, each in a sentence. Empty for a sound store.
    pub problems: Vec<String>,
}

/// Checks a store, whether it is served from meanwhile or not, and a backup as well.
///
/// The file's structure and its references, the schema, that every row can be read and agrees with its columns, and the
/// audit chain.
pub fn check(path: impl AsRef<Path>) -> Result<CheckReport, OpenError> {
    let path = connection::existing(path.as_ref())?;
    let copy = backup::is_copy(&path);
    // A log beside a copy is of another store.
    let conn = if copy { backup::immutable(&path)? } else { connection::reader(&path)? };
    migrations::recognise(&conn)?;
    migrations::verify(&conn)?;
    let mut check = Check { conn: &conn, problems: Vec::new() };
    check.structure();
    let accounts = check.accounts();
    let devices = check.devices();
    check.others();
    let audit = check.audit();
    Ok(CheckReport { accounts, devices, copy, audit, problems: check.problems })
}

struct Check<'a> {
    conn: &'a Connection,
    problems: Vec<String>,
}

impl Check<'_> {
    fn structure(&mut self) {
        let integrity = self.texts("PRAGMA integrity_check(50)");
        self.problems.extend(integrity.into_iter().filter(|line| line != "ok").map(|line| format!("the file is damaged: {line}")));
        let orphans = self
            .texts("SELECT 'a row of ' || \"table\" || ' refers to a missing row of ' || parent FROM pragma_foreign_key_check LIMIT 50");
        self.problems.extend(orphans);
        for table in ["control", "audit_chain"] {
            let rows = self.conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
            if rows != Ok(1) {
                self.problem(format!("the table {table} has not exactly one row"));
            }
        }
    }

    fn accounts(&mut self) -> u64 {
        let sql = "SELECT id, body, generation, revoked_before, removed, devices, active,
            (SELECT count(*) FROM devices WHERE account = id), (SELECT count(*) FROM devices WHERE account = id AND state = 'active')
            FROM accounts";
        self.rows("account", sql, |account: &Account, row| {
            let columns = AccountColumns::of(account)?;
            let said: (String, i64, Option<i64>, bool) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let agrees = said == (account.id.to_string(), columns.generation, columns.revoked_before, columns.removed);
            let counts: [i64; 4] = [row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?];
            Ok(agrees && counts[..2] == counts[2..])
        })
    }

    fn devices(&mut self) -> u64 {
        let sql = "SELECT serial, body, account, state, kind, created_at, seed, seed_key FROM devices";
        self.rows("device", sql, |device: &Device, row| {
            let said: (String, String, String, String, i64) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            let is = (device.serial.to_string(), device.account.to_string(), state(device.state).to_owned(), kind(device)?);
            let agrees = said == (is.0, is.1, is.2, is.3, stored(device.created_at.0));
            let seed = row.get::<_, Option<Vec<u8>>>(6)?.map(Sealed::from_bytes);
            Ok(agrees && seed.and_then(|seed| seed.key_id()) == row.get::<_, Option<[u8; 8]>>(7)?)
        })
    }

    fn others(&mut self) {
        self.rows("tombstone", "SELECT serial, body FROM tombstones", |tombstone: &Tombstone, row| {
            Ok(row.get::<_, String>(0)? == tombstone.serial.as_str())
        });
        self.rows("signing key", "SELECT kid, body, created_at FROM signing_keys", |key: &SigningKeyRecord, row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?) == (key.kid.clone(), stored(key.created_at.0)))
        });
        self.rows("API key", "SELECT id, body, created_at FROM api_keys", |key: &ApiKeyRecord, row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?) == (key.id.clone(), stored(key.created_at.0)))
        });
    }

    fn audit(&mut self) -> Option<AuditReport> {
        match audit::verify(self.conn) {
            Ok(report) => {
                if let Some(number) = report.broken_at {
                    self.problem(format!("the audit log is broken at row {number}: it is missing or was changed"));
                }
                Some(report)
            }
            Err(fault) => {
                self.problem(format!("the audit log cannot be read: {fault}"));
                None
            }
        }
    }

    /// Reads all rows of a statement whose first columns are a name and a JSON body, and returns how many there are.
    fn rows<T: DeserializeOwned>(&mut self, what: &str, sql: &str, agrees: impl Fn(&T, &Row<'_>) -> Result<bool, Fault>) -> u64 {
        let mut seen = 0;
        let conn = self.conn;
        let mut look = || -> Result<(), Fault> {
            let mut statement = conn.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                let verdict = row.get::<_, String>(1).map_err(Fault::from).and_then(|body| agrees(&from_json("its body", &body)?, row));
                let name = || row.get::<_, String>(0).unwrap_or_else(|_| format!("in row {seen}"));
                match verdict {
                    Ok(true) => {}
                    Ok(false) => self.problem(format!("the {what} {} does not agree with its columns", name())),
                    Err(fault) => self.problem(format!("the {what} {} cannot be read: {fault}", name())),
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
        let read = || -> rusqlite::Result<Vec<String>> { self.conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect() };
        read().unwrap_or_else(|error| vec![format!("it cannot be checked: {error}")])
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MOST {
            self.problems.push(problem);
        }
    }
}

/// So many problems are told. Who has more needs a backup, not a list.
const MOST: usize = 200;
