//! A change, write by write, inside the transaction that decides it and under its locks.

use super::columns::{column, from_json, to_json};
use super::connection::{Connection, Values};
use super::fault::corrupt;
use super::locks::Locks;
use super::outcome::Fault;
use super::table::{ALIASES, CONTROL, TOMBSTONES};
use super::touched::{Touched, tag, vet};
use super::{imports, insert, sql};
use crate::device::{Device, DeviceState, Tombstone};
use crate::id::AccountId;
use crate::store::columns::{AccountColumns, owner, stored, unsigned};
use crate::store::links::hex;
use crate::store::rules::{self, Counts};
use crate::store::{
    Account, ChainId, Change, Committed, Conflict, Error, Marks, Resealable, Revision, Sealed,
    SealedPlace, SigningKeyRecord, SingleUse, Write,
};
use crate::time::UnixTime;

/// Makes the writes of a change under its locks. On a fault the caller rolls back.
pub(super) async fn apply(
    conn: &Connection,
    chain: ChainId,
    change: &Change,
) -> Result<Committed, Fault> {
    let mut touched = Touched::of(change);
    Locks::of(change).take(conn, &mut touched).await?;
    make(conn, chain, change, &touched).await
}

/// Makes the writes of a change in a transaction that has locked all they name, and compared it
/// with its tags.
pub(super) async fn make(
    conn: &Connection,
    chain: ChainId,
    change: &Change,
    touched: &Touched,
) -> Result<Committed, Fault> {
    let mut applying = Applying { conn, chain, counts: Counts::default(), revokes: false };
    for write in &change.writes {
        applying.write(write).await?;
    }
    applying.count_devices().await?;
    let revokes = applying.revokes;
    touched.tag(conn).await?;
    if revokes {
        vet(conn, &CONTROL, &["revocations"]).await?;
        conn.run(sql::REVOCATIONS_CHANGED, &[]).await?;
        tag(conn, &CONTROL, &["revocations"]).await?;
    }
    committed(conn, change.account.as_ref()).await
}

struct Applying<'a> {
    conn: &'a Connection,
    /// The audit chain of the lane, which imports name.
    chain: ChainId,
    counts: Counts,
    /// The list of revocations is another one after this change.
    revokes: bool,
}

impl Applying<'_> {
    async fn write(&mut self, write: &Write) -> Result<(), Fault> {
        match write {
            Write::CreateAccount(account) => self.create_account(account).await,
            Write::UpdateAccount { seen, account } => self.update_account(*seen, account).await,
            Write::ExpectAccount { account, seen } => {
                self.expect(sql::ACCOUNT_IS_AT, account.as_str(), *seen).await
            }
            Write::ExpectDevice { serial, seen } => {
                self.expect(sql::DEVICE_IS_AT, serial.as_str(), *seen).await
            }
            Write::AliasFingerprint { alias, of } => {
                self.run(sql::FINGERPRINT_ALIAS, &[&&alias.0[..], &&of.0[..]]).await?;
                // A later write of the change reads it.
                tag(self.conn, &ALIASES, &[&hex(&alias.0)]).await
            }
            Write::InsertDevice { device, seed, fingerprint } => {
                let device = insert::insert(self.conn, device, seed.as_ref(), *fingerprint).await?;
                self.counts.added(device.owner(), device.state);
                Ok(())
            }
            Write::UpdateDevice { seen, device } => self.update_device(*seen, device).await,
            Write::RemoveDevice { seen, tombstone } => self.remove_device(*seen, tombstone).await,
            Write::DropPending { serial, seen } => self.drop_pending(serial.as_str(), *seen).await,
            Write::AssignDevice { seen, device, seed } => {
                self.assign_device(*seen, device, seed.as_ref()).await
            }
            Write::UnassignDevice { seen, account, device, seed } => {
                self.unassign_device(*seen, account, (device, seed.as_ref())).await
            }
            Write::StageDevices { import, at, devices } => {
                imports::stage(self.conn, self.chain, (*import, *at), devices).await
            }
            Write::PublishImport { import, devices } => {
                imports::publish(self.conn, *import, *devices).await
            }
            Write::DropImport { import } => imports::cancel(self.conn, *import).await,
            Write::Reseal { seen, sealed } => self.reseal(seen, sealed).await,
            other => self.beside(other).await,
        }
    }

    /// Rows beside accounts and devices.
    async fn beside(&mut self, write: &Write) -> Result<(), Fault> {
        match write {
            Write::AddSingleUse(item) => self.add_single_use(item).await,
            Write::KeepNewest { account, kind, most } => {
                let most = i64::from(*most);
                self.run(sql::SINGLE_USE_KEEP_NEWEST, &[&account.as_str(), &kind.name(), &most])
                    .await
            }
            Write::Consume { id, now } => {
                let values: Values<'_> = &[id, &stored(now.0)];
                self.conn.one(Conflict::Consumed, sql::SINGLE_USE_CONSUME, values).await
            }
            Write::RevokeSession { account, session_id, expires_at, at } => {
                let (expires_at, at) = (stored(expires_at.0), stored(at.0));
                let values: Values<'_> = &[session_id, &expires_at, &account.as_str(), &at];
                self.revokes = true;
                self.run(sql::SESSION_REVOKE, values).await
            }
            Write::FoldRevocations { account } => {
                self.revokes = true;
                self.run(sql::SESSIONS_FOLD, &[&account.as_str()]).await?;
                self.run(sql::DEVICE_MARKS_FOLD, &[&account.as_str()]).await
            }
            Write::PutSigningKey(key) => self.put_signing_key(key).await,
            Write::RetireSigningKey { kid, at } => self.retire_signing_key(kid, *at).await,
            Write::DropSigningKey { kid } => self.control(sql::SIGNING_KEY_DROP, &[kid]).await,
            Write::PutApiKey(key) => {
                let (created_at, body) = (stored(key.created_at.0), to_json(key)?);
                self.control(sql::API_KEY_INSERT, &[&key.id, &created_at, &body]).await
            }
            Write::RevokeApiKey { id } => self.control(sql::API_KEY_DELETE, &[id]).await,
            Write::InitValue { name, value } => self.one(sql::VALUE_INIT, &[name, value]).await,
            Write::PutValue { name, value } => self.run(sql::VALUE_PUT, &[name, value]).await,
            Write::ReplaceValue { name, seen, value } => {
                self.one(sql::VALUE_REPLACE, &[name, seen, value]).await
            }
            Write::DropValue { name } => self.run(sql::VALUE_DELETE, &[name]).await,
            Write::NoteTime(time) => self.run(sql::TIME_NOTE, &[&stored(time.0)]).await,
            Write::AcceptTime(time) => self.run(sql::TIME_ACCEPT, &[&stored(time.0)]).await,
            _ => Err(unknown().into()),
        }
    }

    async fn create_account(&mut self, account: &Account) -> Result<(), Fault> {
        let AccountColumns { generation, revoked_before, removed, body } =
            AccountColumns::of(account, to_json(account)?);
        let id = account.id.as_str();
        self.revokes |= revoked_before.is_some();
        let values: Values<'_> = &[&id, &generation, &revoked_before, &removed, &body];
        self.one(sql::ACCOUNT_INSERT, values).await
    }

    async fn update_account(&mut self, seen: Revision, account: &Account) -> Result<(), Fault> {
        let AccountColumns { generation, revoked_before, removed, body } =
            AccountColumns::of(account, to_json(account)?);
        let (id, seen) = (account.id.as_str(), stored(seen.0));
        let values: Values<'_> = &[&id, &seen, &generation, &revoked_before, &removed, &body];
        let moved: Option<bool> = self.conn.first(sql::ACCOUNT_UPDATE, values).await?;
        self.revokes |= moved.ok_or(Fault::Conflict(Conflict::Revision))?;
        Ok(())
    }

    async fn add_single_use(&self, item: &SingleUse) -> Result<(), Fault> {
        let (account, kind, end) =
            (item.account.as_str(), item.kind.name(), stored(item.expires_at.0));
        let values: Values<'_> = &[&item.id, &account, &kind, &item.body, &end];
        self.one(sql::SINGLE_USE_INSERT, values).await
    }

    async fn update_device(&mut self, seen: Revision, device: &Device) -> Result<(), Fault> {
        let serial = device.serial.as_str();
        let Standing { account, state: was, .. } = self.standing(serial, seen).await?;
        rules::keeps_its_owner(&account, device).map_err(Fault::Conflict)?;
        self.mark(&account, serial, (device.revoked_before, device.generation)).await?;
        let (is, kind) = (device.state.name(), device.kind().name());
        let (created_at, body) = (stored(device.created_at.0), to_json(device)?);
        self.run(sql::DEVICE_UPDATE, &[&serial, &is, &kind, &created_at, &body]).await?;
        if was != device.state {
            self.counts.moved(&account, was, device.state);
        }
        Ok(())
    }

    async fn assign_device(
        &mut self,
        seen: Revision,
        device: &Device,
        seed: Option<&Sealed>,
    ) -> Result<(), Fault> {
        let standing = self.standing(device.serial.as_str(), seen).await?;
        rules::is_unassigned(&standing.account).map_err(Fault::Conflict)?;
        let fingerprint = standing.fingerprint.as_deref();
        let device = insert::assign(self.conn, device, seed, fingerprint).await?;
        self.counts.added(device.owner(), device.state);
        Ok(())
    }

    async fn unassign_device(
        &mut self,
        seen: Revision,
        account: &AccountId,
        (device, seed): (&Device, Option<&Sealed>),
    ) -> Result<(), Fault> {
        let serial = device.serial.as_str();
        let Standing { account: owner, state: was, .. } = self.standing(serial, seen).await?;
        rules::is_of(&owner, account).map_err(Fault::Conflict)?;
        self.mark(&owner, serial, (device.revoked_before, device.generation)).await?;
        insert::put(self.conn, device, seed).await?;
        self.counts.removed(&owner, was);
        Ok(())
    }

    async fn remove_device(&mut self, seen: Revision, tombstone: &Tombstone) -> Result<(), Fault> {
        let serial = tombstone.serial.as_str();
        let Standing { account, state, fingerprint } = self.standing(serial, seen).await?;
        self.mark(&account, serial, (Some(tombstone.revoked_before), tombstone.generation))
            .await?;
        let body = to_json(tombstone)?;
        self.run(sql::TOMBSTONE_INSERT, &[&serial, &fingerprint, &body]).await?;
        tag(self.conn, &TOMBSTONES, &[serial]).await?;
        self.delete(serial, seen).await?;
        self.counts.removed(&account, state);
        Ok(())
    }

    /// Without a tombstone: nothing of it was ever consumed.
    async fn drop_pending(&mut self, serial: &str, seen: Revision) -> Result<(), Fault> {
        let Standing { account, state, .. } = self.standing(serial, seen).await?;
        rules::leaves_nothing(state).map_err(Fault::Conflict)?;
        self.delete(serial, seen).await?;
        self.counts.removed(&account, DeviceState::Pending);
        Ok(())
    }

    async fn delete(&self, serial: &str, seen: Revision) -> Result<(), Fault> {
        self.run(sql::REVISION_FLOOR_RAISE, &[&stored(seen.0)]).await?;
        self.run(sql::DEVICE_DELETE, &[&serial]).await
    }

    /// Keeps beside the device, and beyond it, up to when contexts made with it are dead.
    async fn mark(
        &mut self,
        account: &str,
        serial: &str,
        (revoked_before, generation): (Option<UnixTime>, u64),
    ) -> Result<(), Fault> {
        // No context was ever made with a device of no account.
        let Some(mark) = revoked_before.filter(|_| !account.is_empty()) else { return Ok(()) };
        let values: Values<'_> = &[&account, &serial, &stored(mark.0), &stored(generation)];
        self.revokes |= self.conn.run(sql::DEVICE_MARK, values).await? > 0;
        Ok(())
    }

    async fn retire_signing_key(&self, kid: &str, at: UnixTime) -> Result<(), Fault> {
        let key = self.signing_key(kid).await?.ok_or(Fault::Conflict(Conflict::Revision))?;
        let retired_at = key.retired_at.or(Some(at));
        self.put_signing_key(&SigningKeyRecord { retired_at, ..key }).await
    }

    async fn signing_key(&self, kid: &str) -> Result<Option<SigningKeyRecord>, Fault> {
        let body: Option<String> = self.conn.first(sql::SIGNING_KEY, &[&kid]).await?;
        Ok(body.map(|body| from_json("a signing key", &body)).transpose()?)
    }

    async fn put_signing_key(&self, key: &SigningKeyRecord) -> Result<(), Fault> {
        let (created_at, body) = (stored(key.created_at.0), to_json(key)?);
        self.control(sql::SIGNING_KEY_PUT, &[&key.kid, &created_at, &body]).await
    }

    /// A statement that changes one key, which moves the control version, or the change conflicts.
    async fn control(&self, sql: &'static str, values: Values<'_>) -> Result<(), Fault> {
        self.one(sql, values).await?;
        self.run(sql::CONTROL_CHANGED, &[]).await
    }

    async fn reseal(&self, seen: &Resealable, sealed: &Sealed) -> Result<(), Fault> {
        let (was, is, key) = (seen.sealed.as_bytes(), sealed.as_bytes(), sealed.key_id());
        match &seen.place {
            SealedPlace::Seed { serial, account } => {
                let (serial, account) = (serial.as_str(), owner(account.as_ref()));
                let key = key.as_ref().map(|key| &key[..]);
                let values: Values<'_> = &[&serial, &account, &was, &is, &key];
                match self.conn.run(sql::SEED_RESEAL, values).await? {
                    0 => self.one(sql::STAGED_SEED_RESEAL, values).await,
                    _ => Ok(()),
                }
            }
            SealedPlace::SigningKey { kid } => {
                let key = self.signing_key(kid).await?;
                let Some(key) = key.filter(|key| key.private == seen.sealed) else {
                    return Err(Fault::Conflict(Conflict::Revision));
                };
                self.put_signing_key(&SigningKeyRecord { private: sealed.clone(), ..key }).await
            }
            SealedPlace::Value { name } => self.one(sql::VALUE_REPLACE, &[name, &was, &is]).await,
            SealedPlace::Ceremony { .. } | SealedPlace::SessionToken | SealedPlace::Item { .. } => {
                Err(Fault::Conflict(Conflict::Revision))
            }
        }
    }

    /// A device that is still at that revision.
    async fn standing(&self, serial: &str, seen: Revision) -> Result<Standing, Fault> {
        let rows = self.conn.rows(sql::DEVICE_STANDING, &[&serial, &stored(seen.0)]).await?;
        let row = rows.first().ok_or(Fault::Conflict(Conflict::Revision))?;
        let what = "a device";
        let state: &str = column(what, row, 1)?;
        Ok(Standing {
            account: column(what, row, 0)?,
            state: state.parse().map_err(|error| corrupt("a device's state", error))?,
            fingerprint: column(what, row, 2)?,
        })
    }

    async fn expect(&self, sql: &'static str, id: &str, seen: Revision) -> Result<(), Fault> {
        let found: Option<i64> = self.conn.first(sql, &[&id, &stored(seen.0)]).await?;
        found.map(|_| ()).ok_or(Fault::Conflict(Conflict::Revision))
    }

    async fn one(&self, sql: &'static str, values: Values<'_>) -> Result<(), Fault> {
        self.conn.one(Conflict::Revision, sql, values).await
    }

    async fn run(&self, sql: &'static str, values: Values<'_>) -> Result<(), Fault> {
        self.conn.run(sql, values).await.map(|_| ())
    }

    async fn count_devices(&self) -> Result<(), Fault> {
        for (account, devices, active) in self.counts.iter() {
            self.run(sql::ACCOUNT_COUNT_DEVICES, &[&account, &devices, &active]).await?;
        }
        Ok(())
    }
}

/// The columns of a device that a change stands on.
struct Standing {
    account: String,
    state: DeviceState,
    fingerprint: Option<Vec<u8>>,
}

/// The account's marks and the control version.
async fn committed(conn: &Connection, account: Option<&AccountId>) -> Result<Committed, Fault> {
    let mut marks = Marks::default();
    if let Some(account) = account {
        let rows = conn.rows(sql::ACCOUNT_MARKS, &[&account.as_str()]).await?;
        if let Some(row) = rows.first() {
            let mark: Option<i64> = column("an account", row, 1)?;
            marks = Marks {
                generation: unsigned(column("an account", row, 0)?),
                revoked_before: mark.map(|mark| UnixTime(unsigned(mark))),
            };
        }
    }
    let (what, rows) = ("the control version", conn.rows(sql::CONTROL_VERSION, &[]).await?);
    let row = rows.first().ok_or_else(|| corrupt(what, "it is gone"))?;
    let version: Option<i64> = column(what, row, 0)?;
    let version = version.ok_or_else(|| corrupt(what, "it is gone"))?;
    conn.tags().see_version(version, column(what, row, 1)?)?;
    Ok(Committed { marks, control_version: unsigned(version) })
}

/// A write that this version of the store does not know.
fn unknown() -> Error {
    Error::Unavailable("PostgreSQL has no such write yet".to_owned())
}
