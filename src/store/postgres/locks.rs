//! Locks that a change takes before it is judged, in one order for all agents: names of what may
//! not be there yet, then accounts by name, then devices by serial number.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::connection::Connection;
use super::outcome::Fault;
use super::table::{ACCOUNTS, DEVICES};
use super::touched::{Touched, vet};
use super::{imports, sql};
use crate::store::columns::owner;
use crate::store::{Change, SealedPlace, Write};

/// The rows and names that a change stands on.
#[derive(Default)]
pub(super) struct Locks {
    names: BTreeSet<i64>,
    accounts: BTreeSet<String>,
    serials: BTreeSet<String>,
}

impl Locks {
    pub(super) fn of(change: &Change) -> Locks {
        let mut locks = Locks::default();
        if let Some(account) = &change.account {
            locks.account(account.as_str());
        }
        for write in &change.writes {
            locks.add(write);
        }
        locks
    }

    pub(super) fn of_accounts(accounts: impl IntoIterator<Item = String>) -> Locks {
        let mut locks = Locks::default();
        for account in accounts {
            locks.account(&account);
        }
        locks
    }

    /// Takes the locks in this transaction, and compares the rows that they name with their tags.
    /// The devices' accounts are touched too. Published devices of the accounts become rows, so
    /// that the revisions that a change names are those of a store without imports.
    pub(super) async fn take(
        mut self,
        conn: &Connection,
        touched: &mut Touched,
    ) -> Result<(), Fault> {
        let serials: Vec<&str> = self.serials.iter().map(String::as_str).collect();
        if !serials.is_empty() {
            for owner in conn.rows(sql::OWNERS, &[&serials]).await? {
                let owner: String = super::columns::column("a device's account", &owner, 0)?;
                self.names.insert(name("account", owner.as_bytes()));
                self.accounts.insert(owner);
            }
        }
        if !self.names.is_empty() {
            let names: Vec<i64> = self.names.iter().copied().collect();
            conn.rows(sql::LOCK_NAMES, &[&names]).await?;
        }
        let accounts: Vec<&str> = self.accounts.iter().map(String::as_str).collect();
        if !accounts.is_empty() {
            conn.rows(sql::LOCK_ACCOUNTS, &[&accounts]).await?;
            imports::settle_accounts(conn, &accounts).await?;
            // Only now, so that the devices which the tag covers are those of the locked row.
            vet(conn, &ACCOUNTS, &accounts).await?;
        }
        if !serials.is_empty() {
            conn.rows(sql::LOCK_DEVICES, &[&serials]).await?;
            vet(conn, &DEVICES, &serials).await?;
        }
        touched.accounts(accounts.iter().copied());
        touched.vet(conn).await
    }

    fn add(&mut self, write: &Write) {
        match write {
            Write::CreateAccount(account) | Write::UpdateAccount { account, .. } => {
                self.account(account.id.as_str());
            }
            Write::ExpectAccount { account, .. } => self.account(account.as_str()),
            Write::ExpectDevice { serial, .. } => self.serial(serial.as_str()),
            Write::DropPending { serial, .. } => {
                self.serial(serial.as_str());
                self.name("number", b"revision_floor");
            }
            Write::RemoveDevice { tombstone, .. } => {
                self.serial(tombstone.serial.as_str());
                self.name("number", b"revision_floor");
            }
            Write::UpdateDevice { device, .. } | Write::AssignDevice { device, .. } => {
                self.serial(device.serial.as_str());
                self.account(device.owner());
            }
            Write::UnassignDevice { account, device, .. } => {
                self.serial(device.serial.as_str());
                self.account(account.as_str());
            }
            Write::InsertDevice { device, fingerprint, .. } => {
                self.account(device.owner());
                let serial = device.serial.as_str();
                self.name("serial", serial.as_bytes());
                self.name("spelling", serial.to_ascii_lowercase().as_bytes());
                self.fingerprint(fingerprint.map(|fingerprint| fingerprint.0));
            }
            Write::AliasFingerprint { alias, of } => {
                self.fingerprint(Some(alias.0));
                self.fingerprint(Some(of.0));
            }
            Write::StageDevices { import, devices, .. } => {
                self.name("import", &import.0);
                for staged in devices {
                    let serial = staged.device.serial.as_str();
                    self.name("serial", serial.as_bytes());
                    self.name("spelling", serial.to_ascii_lowercase().as_bytes());
                    self.fingerprint(staged.fingerprint.map(|fingerprint| fingerprint.0));
                }
            }
            Write::PublishImport { import, .. } | Write::DropImport { import } => {
                self.name("import", &import.0);
            }
            Write::Reseal { seen, .. } => self.resealed(&seen.place),
            other => self.beside(other),
        }
    }

    /// Rows beside accounts and devices.
    fn beside(&mut self, write: &Write) {
        match write {
            Write::AddSingleUse(item) => self.name("item", item.id.as_bytes()),
            Write::Consume { id, .. } => self.name("item", id.as_bytes()),
            // Two that each add an item would both leave one too many.
            Write::KeepNewest { account, .. } => self.name("items", account.as_str().as_bytes()),
            Write::RevokeSession { session_id, .. } => self.name("session", session_id.as_bytes()),
            Write::FoldRevocations { account } => self.account(account.as_str()),
            Write::PutSigningKey(_)
            | Write::RetireSigningKey { .. }
            | Write::DropSigningKey { .. }
            | Write::PutApiKey(_)
            | Write::RevokeApiKey { .. } => self.name("number", b"version"),
            Write::InitValue { name, .. }
            | Write::PutValue { name, .. }
            | Write::ReplaceValue { name, .. }
            | Write::DropValue { name } => self.name("value", name.as_bytes()),
            Write::NoteTime(_) | Write::AcceptTime(_) => self.name("number", b"highest_time"),
            _ => {}
        }
    }

    fn resealed(&mut self, place: &SealedPlace) {
        match place {
            SealedPlace::Seed { serial, account } => {
                self.serial(serial.as_str());
                self.account(owner(account.as_ref()));
            }
            SealedPlace::SigningKey { .. } => self.name("number", b"version"),
            SealedPlace::Value { name } => self.name("value", name.as_bytes()),
            SealedPlace::Ceremony { .. } | SealedPlace::SessionToken | SealedPlace::Item { .. } => {
            }
        }
    }

    fn account(&mut self, account: &str) {
        // Devices of no account.
        if account.is_empty() {
            return;
        }
        self.name("account", account.as_bytes());
        self.accounts.insert(account.to_owned());
    }

    fn serial(&mut self, serial: &str) {
        self.serials.insert(serial.to_owned());
    }

    fn fingerprint(&mut self, fingerprint: Option<[u8; 32]>) {
        if let Some(fingerprint) = fingerprint {
            self.name("fingerprint", &fingerprint);
        }
    }

    fn name(&mut self, kind: &str, of: &[u8]) {
        self.names.insert(name(kind, of));
    }
}

/// The number that stands for a name in the database's locks. Two names with one number only wait
/// for each other.
fn name(kind: &str, of: &[u8]) -> i64 {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    hash.update(of);
    let mut first = [0; 8];
    for (byte, hashed) in first.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    i64::from_be_bytes(first)
}
