//! Rows that a change stands on or writes, by table: they are compared with their tags before it,
//! and tagged after it.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Connection;
use super::outcome::Fault;
use super::table::{
    ACCOUNTS, ALIASES, API_KEYS, CONTROL, DEVICES, IMPORTS, ITEMS, MARKS, SESSIONS, SIGNING_KEYS,
    STAGED, TABLES, TIMES, TOMBSTONES, Table, VALUES,
};
use crate::store::links::hex;
use crate::store::{Change, SealedPlace, Write};

/// Names of rows, by the name of their table.
#[derive(Default)]
pub(super) struct Touched {
    names: BTreeMap<&'static str, BTreeSet<String>>,
    /// Marks of devices may move.
    marks: bool,
    /// Revisions begin above the floor.
    floor: bool,
}

impl Touched {
    pub(super) fn of(change: &Change) -> Touched {
        let mut touched = Touched::default();
        for write in &change.writes {
            touched.write(write);
        }
        touched
    }

    /// Adds these accounts, and the marks of their devices if any may move.
    pub(super) fn accounts<'a>(&mut self, names: impl IntoIterator<Item = &'a str> + Clone) {
        if self.marks {
            self.add(&MARKS, names.clone());
        }
        self.add(&ACCOUNTS, names);
    }

    fn add(&mut self, table: &'static Table, names: impl IntoIterator<Item: ToString>) {
        let of = self.names.entry(table.name).or_default();
        of.extend(names.into_iter().map(|name| name.to_string()));
    }

    /// Compares rows beside accounts and devices with their tags, and locks them.
    pub(super) async fn vet(&self, conn: &Connection) -> Result<(), Fault> {
        if self.floor {
            vet(conn, &CONTROL, &[FLOOR]).await?;
        }
        for (table, names) in self.tables() {
            if !matches!(table.name, "accounts" | "devices") {
                vet(conn, table, &names).await?;
            }
        }
        Ok(())
    }

    /// Gives the rows that this transaction wrote their tags.
    pub(super) async fn tag(&self, conn: &Connection) -> Result<(), Fault> {
        for (table, names) in self.tables() {
            tag(conn, table, &names).await?;
        }
        Ok(())
    }

    /// In the order in which rows are tagged.
    fn tables(&self) -> impl Iterator<Item = (&'static Table, Vec<&str>)> {
        TABLES.iter().filter_map(|table| {
            let names = self.names.get(table.name)?;
            Some((*table, names.iter().map(String::as_str).collect()))
        })
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::CreateAccount(account) | Write::UpdateAccount { account, .. } => {
                self.add(&ACCOUNTS, [&account.id]);
            }
            Write::AliasFingerprint { alias, .. } => self.add(&ALIASES, [hex(&alias.0)]),
            Write::InsertDevice { device, .. } => {
                self.add(&DEVICES, [&device.serial]);
                self.floor = true;
            }
            Write::UpdateDevice { device, .. }
            | Write::AssignDevice { device, .. }
            | Write::UnassignDevice { device, .. } => {
                self.add(&DEVICES, [&device.serial]);
                self.marks |= device.revoked_before.is_some();
            }
            Write::RemoveDevice { tombstone, .. } => {
                self.add(&TOMBSTONES, [&tombstone.serial]);
                self.add(&CONTROL, [FLOOR]);
                self.marks = true;
            }
            Write::DropPending { .. } => self.add(&CONTROL, [FLOOR]),
            Write::StageDevices { import, devices, .. } => {
                self.add(&IMPORTS, [hex(&import.0)]);
                self.add(&STAGED, devices.iter().map(|staged| &staged.device.serial));
                self.floor = true;
            }
            Write::PublishImport { import, .. } | Write::DropImport { import } => {
                self.add(&IMPORTS, [hex(&import.0)]);
            }
            Write::Reseal { seen, .. } => self.resealed(&seen.place),
            other => self.beside(other),
        }
    }

    /// Rows beside accounts and devices.
    fn beside(&mut self, write: &Write) {
        match write {
            Write::AddSingleUse(item) => self.add(&ITEMS, [&item.id]),
            Write::Consume { id, .. } => self.add(&ITEMS, [id]),
            Write::RevokeSession { session_id, .. } => self.add(&SESSIONS, [session_id]),
            Write::PutSigningKey(key) => self.signing_key(&key.kid),
            Write::RetireSigningKey { kid, .. } | Write::DropSigningKey { kid } => {
                self.signing_key(kid);
            }
            Write::PutApiKey(key) => self.api_key(&key.id),
            Write::RevokeApiKey { id } => self.api_key(id),
            Write::InitValue { name, .. }
            | Write::PutValue { name, .. }
            | Write::ReplaceValue { name, .. }
            | Write::DropValue { name } => self.add(&VALUES, [name]),
            Write::NoteTime(_) | Write::AcceptTime(_) => self.add(&TIMES, ["highest"]),
            _ => {}
        }
    }

    fn resealed(&mut self, place: &SealedPlace) {
        match place {
            SealedPlace::Seed { serial, .. } => {
                self.add(&DEVICES, [serial]);
                self.add(&STAGED, [serial]);
            }
            SealedPlace::SigningKey { kid } => self.signing_key(kid),
            SealedPlace::Value { name } => self.add(&VALUES, [name]),
            SealedPlace::Ceremony { .. } | SealedPlace::SessionToken | SealedPlace::Item { .. } => {
            }
        }
    }

    fn signing_key(&mut self, kid: &str) {
        self.add(&SIGNING_KEYS, [kid]);
        self.add(&CONTROL, SETS);
    }

    fn api_key(&mut self, id: &str) {
        self.add(&API_KEYS, [id]);
        self.add(&CONTROL, SETS);
    }
}

/// Fails unless the rows with these names are as twostep left them, and locks them.
pub(super) async fn vet(
    conn: &Connection,
    table: &'static Table,
    names: &[&str],
) -> Result<(), Fault> {
    if names.is_empty() || !conn.tags().are_kept() {
        return Ok(());
    }
    for row in conn.rows(table.look, &[&names]).await? {
        conn.tags().see(table, &row)?;
    }
    Ok(())
}

/// Gives those of the rows with these names that this transaction wrote their tags.
pub(super) async fn tag(
    conn: &Connection,
    table: &'static Table,
    names: &[&str],
) -> Result<(), Fault> {
    if names.is_empty() || !conn.tags().are_kept() {
        return Ok(());
    }
    let (mut places, mut tags): (Vec<String>, Vec<Option<Vec<u8>>>) = (Vec::new(), Vec::new());
    for row in conn.rows(table.written, &[&names]).await? {
        tags.push(conn.tags().of_row(table, &row)?);
        places.push(super::columns::column(table.kind, &row, table.columns + 1)?);
    }
    if !places.is_empty() {
        conn.run(table.retag, &[&places, &tags]).await?;
    }
    Ok(())
}

/// The number above which revisions of a device begin.
const FLOOR: &str = "revision_floor";

/// The control rows that move with a key.
pub(super) const SETS: [&str; 2] = ["keys", "version"];
