//! A change, write by write, inside the transaction that decides it.

use rusqlite::{Connection, OptionalExtension, Params};

use super::audit::Appender;
use super::fault::Fault;
use super::row::{first, from_json, parsed, see_intact, to_json};
use super::{imports, read, sql};
use crate::device::{Device, DeviceState, Tombstone};
use crate::id::AccountId;
use crate::store::columns::{AccountColumns, owner, stored, unsigned};
use crate::store::rules::Counts;
use crate::store::{
    Account, ApiKeyRecord, ChainId, Change, Committed, Conflict, Fingerprint, Links, Marks,
    Resealable, Revision, Sealed, SealedPlace, SigningKeyRecord, SingleUse, Write, rules,
};
use crate::time::UnixTime;

/// Makes a change and appends its audit rows. On a fault the caller rolls back to where the change
/// began.
pub(super) fn apply(
    appender: &Appender<'_>,
    links: Links,
    change: &Change,
) -> Result<(Committed, Links), Fault> {
    let conn = appender.conn();
    imports::settle_accounts_of(conn, change)?;
    let mut applying = Applying { conn, chain: links.last().chain, counts: Counts::default() };
    for write in &change.writes {
        applying.write(write)?;
    }
    applying.count_devices()?;
    let links = appender.append(links, &change.audit)?;
    Ok((committed(conn, change.account.as_ref())?, links))
}

/// Removes what time has made useless, at most `limit` rows of each kind. Returns how many rows
/// went.
pub(super) fn expire(conn: &Connection, now: UnixTime, limit: u32) -> Result<u64, Fault> {
    let mut gone = imports::abandon(conn, now)?;
    for sql in [sql::SINGLE_USE_EXPIRE, sql::SESSIONS_EXPIRE] {
        gone += conn.prepare_cached(sql)?.execute((stored(now.0), limit))?;
    }
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}

struct Applying<'a> {
    conn: &'a Connection,
    /// The audit chain of the store's handle, which owns the imports that it begins.
    chain: ChainId,
    counts: Counts,
}

impl Applying<'_> {
    fn write(&mut self, write: &Write) -> Result<(), Fault> {
        match write {
            Write::CreateAccount(account) => self.create_account(account),
            Write::UpdateAccount { seen, account } => self.update_account(*seen, account),
            Write::ExpectAccount { account, seen } => {
                self.expect(sql::ACCOUNT_IS_AT, account.as_str(), *seen)
            }
            Write::ExpectDevice { serial, seen } => {
                self.expect(sql::DEVICE_IS_AT, serial.as_str(), *seen)
            }
            Write::AliasFingerprint { alias, of } => {
                self.run(sql::FINGERPRINT_ALIAS, (alias.0, of.0))
            }
            Write::InsertDevice { device, seed, fingerprint } => {
                self.insert_device(device, seed.as_ref(), *fingerprint)
            }
            Write::UpdateDevice { seen, device } => self.update_device(*seen, device),
            Write::RemoveDevice { seen, tombstone } => self.remove_device(*seen, tombstone),
            Write::DropPending { serial, seen } => self.drop_pending(serial.as_str(), *seen),
            Write::AssignDevice { seen, device, seed } => self.assign(*seen, device, seed.as_ref()),
            Write::UnassignDevice { seen, account, device, seed } => {
                self.unassign(*seen, account, device, seed.as_ref())
            }
            Write::StageDevices { import, at, devices } => {
                imports::stage(self.conn, self.chain, *import, *at, devices)
            }
            Write::PublishImport { import, devices } => {
                imports::publish(self.conn, *import, *devices)
            }
            Write::DropImport { import } => imports::cancel(self.conn, *import),
            Write::AddSingleUse(item) => self.add_single_use(item),
            Write::KeepNewest { account, kind, most } => {
                self.run(sql::SINGLE_USE_KEEP_NEWEST, (account.as_str(), kind.name(), most))
            }
            Write::Consume { id, now } => {
                self.one(Conflict::Consumed, sql::SINGLE_USE_CONSUME, (id, stored(now.0)))
            }
            Write::RevokeSession { account, session_id, expires_at, at } => self.run(
                sql::SESSION_REVOKE,
                (session_id, stored(expires_at.0), account.as_str(), stored(at.0)),
            ),
            Write::FoldRevocations { account } => {
                self.run(sql::SESSIONS_FOLD, [account.as_str()])?;
                self.run(sql::DEVICE_MARKS_FOLD, [account.as_str()])
            }
            Write::PutSigningKey(key) => self.put_signing_key(key),
            Write::RetireSigningKey { kid, at } => self.retire_signing_key(kid, *at),
            Write::DropSigningKey { kid } => self.control(sql::SIGNING_KEY_DROP, [kid]),
            Write::PutApiKey(key) => self.put_api_key(key),
            Write::RevokeApiKey { id } => self.control(sql::API_KEY_DELETE, [id]),
            Write::InitValue { name, value } => {
                self.one(Conflict::Revision, sql::VALUE_INIT, (name, value))
            }
            Write::PutValue { name, value } => self.run(sql::VALUE_PUT, (name, value)),
            Write::ReplaceValue { name, seen, value } => {
                self.one(Conflict::Revision, sql::VALUE_REPLACE, (name, seen, value))
            }
            Write::DropValue { name } => self.run(sql::VALUE_DELETE, [name]),
            Write::Reseal { seen, sealed } => self.reseal(seen, sealed),
            Write::NoteTime(time) => self.run(sql::TIME_NOTE, [stored(time.0)]),
            Write::AcceptTime(time) => self.run(sql::TIME_ACCEPT, [stored(time.0)]),
        }
    }

    fn put_api_key(&self, key: &ApiKeyRecord) -> Result<(), Fault> {
        let values = (&key.id, stored(key.created_at.0), to_json(key)?);
        self.control(sql::API_KEY_INSERT, values)
    }

    fn create_account(&self, account: &Account) -> Result<(), Fault> {
        let (id, columns) = (account.id.as_str(), AccountColumns::of(account, to_json(account)?));
        let AccountColumns { generation, revoked_before, removed, body } = columns;
        let values = (id, generation, revoked_before, removed, body);
        self.one(Conflict::Revision, sql::ACCOUNT_INSERT, values)
    }

    fn update_account(&self, seen: Revision, account: &Account) -> Result<(), Fault> {
        let (id, columns) = (account.id.as_str(), AccountColumns::of(account, to_json(account)?));
        let AccountColumns { generation, revoked_before, removed, body } = columns;
        let values = (id, stored(seen.0), generation, revoked_before, removed, body);
        let _ = self.look_at(id)?;
        self.one(Conflict::Revision, sql::ACCOUNT_UPDATE, values)
    }

    fn add_single_use(&self, item: &SingleUse) -> Result<(), Fault> {
        let (account, kind) = (item.account.as_str(), item.kind.name());
        let values = (&item.id, account, kind, &item.body, stored(item.expires_at.0));
        self.one(Conflict::Revision, sql::SINGLE_USE_INSERT, values)
    }

    fn retire_signing_key(&self, kid: &str, at: UnixTime) -> Result<(), Fault> {
        let key = self.signing_key(kid)?.ok_or(Fault::Conflict(Conflict::Revision))?;
        let retired_at = key.retired_at.or(Some(at));
        self.put_signing_key(&SigningKeyRecord { retired_at, ..key })
    }

    /// A statement that changes one key, which moves the control version, or the change conflicts.
    fn control(&self, sql: &str, params: impl Params) -> Result<(), Fault> {
        self.one(Conflict::Revision, sql, params)?;
        self.run(sql::CONTROL_CHANGED, [])
    }

    fn insert_device(
        &mut self,
        device: &Device,
        seed: Option<&Sealed>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<(), Fault> {
        let (serial, account) = (device.serial.as_str(), device.owner());
        let alike = read::fingerprints_alike(self.conn, fingerprint)?;
        imports::is_free(self.conn, serial, &alike)?;
        if !account.is_empty() && !self.look_at(account)? {
            return Err(Fault::Conflict(Conflict::Revision));
        }
        let tombstones = read::tombstones(self.conn, serial, &alike)?;
        let device = rules::inserted(device, &alike, tombstones);
        let fingerprint = fingerprint.map(|fingerprint| fingerprint.0);
        let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
        let created_at = stored(device.created_at.0);
        let what = (device.state.name(), device.kind().name(), to_json(&device)?);
        self.run(
            sql::DEVICE_INSERT,
            (serial, account, what.0, &what.1, created_at, &what.2, sealed, key, fingerprint),
        )?;
        self.counts.added(account, device.state);
        Ok(())
    }

    fn assign(
        &mut self,
        seen: Revision,
        device: &Device,
        seed: Option<&Sealed>,
    ) -> Result<(), Fault> {
        let (serial, account) = (device.serial.as_str(), device.owner());
        let (owner, _, fingerprint) = self.standing(serial, seen)?;
        rules::is_unassigned(&owner).map_err(Fault::Conflict)?;
        if !self.look_at(account)? {
            return Err(Fault::Conflict(Conflict::Revision));
        }
        let alike = read::fingerprints_alike(self.conn, fingerprint.map(Fingerprint))?;
        let tombstones = read::tombstones(self.conn, serial, &alike)?;
        let device = rules::inserted(device, &alike, tombstones);
        let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
        let (state, body) = (device.state.name(), to_json(&device)?);
        self.run(sql::DEVICE_ASSIGN, (serial, account, state, body, sealed, key))?;
        self.counts.added(account, device.state);
        Ok(())
    }

    fn unassign(
        &mut self,
        seen: Revision,
        account: &AccountId,
        device: &Device,
        seed: Option<&Sealed>,
    ) -> Result<(), Fault> {
        let serial = device.serial.as_str();
        let (owner, was, _) = self.standing(serial, seen)?;
        rules::is_of(&owner, account).map_err(Fault::Conflict)?;
        let _ = self.look_at(&owner)?;
        self.mark(&owner, serial, device.revoked_before, device.generation)?;
        let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
        let (state, body) = (device.state.name(), to_json(device)?);
        self.run(sql::DEVICE_ASSIGN, (serial, device.owner(), state, body, sealed, key))?;
        self.counts.removed(&owner, was);
        Ok(())
    }

    fn update_device(&mut self, seen: Revision, device: &Device) -> Result<(), Fault> {
        let serial = device.serial.as_str();
        let (account, was, _) = self.standing(serial, seen)?;
        rules::keeps_its_owner(&account, device).map_err(Fault::Conflict)?;
        self.mark(&account, serial, device.revoked_before, device.generation)?;
        let body = to_json(device)?;
        if was == device.state {
            // Columns that are not named keep their indexes still: one page to write instead of
            // four.
            return self.run(sql::DEVICE_UPDATE_BODY, (serial, body));
        }
        let _ = self.look_at(&account)?;
        self.run(
            sql::DEVICE_UPDATE,
            (serial, device.state.name(), device.kind().name(), stored(device.created_at.0), body),
        )?;
        self.counts.moved(&account, was, device.state);
        Ok(())
    }

    fn remove_device(&mut self, seen: Revision, tombstone: &Tombstone) -> Result<(), Fault> {
        let serial = tombstone.serial.as_str();
        let (account, was, fingerprint) = self.standing(serial, seen)?;
        let _ = self.look_at(&account)?;
        self.mark(&account, serial, Some(tombstone.revoked_before), tombstone.generation)?;
        self.run(sql::TOMBSTONE_INSERT, (serial, fingerprint, to_json(tombstone)?))?;
        self.run(sql::REVISION_FLOOR_RAISE, [stored(seen.0)])?;
        self.run(sql::DEVICE_DELETE, [serial])?;
        self.counts.removed(&account, was);
        Ok(())
    }

    fn drop_pending(&mut self, serial: &str, seen: Revision) -> Result<(), Fault> {
        let (account, was, _) = self.standing(serial, seen)?;
        rules::leaves_nothing(was).map_err(Fault::Conflict)?;
        self.drop_unused(serial, &account, stored(seen.0))
    }

    /// Without a tombstone: nothing of it was ever consumed.
    fn drop_unused(&mut self, serial: &str, account: &str, revision: i64) -> Result<(), Fault> {
        let _ = self.look_at(account)?;
        self.run(sql::REVISION_FLOOR_RAISE, [revision])?;
        self.run(sql::DEVICE_DELETE, [serial])?;
        self.counts.removed(account, DeviceState::Pending);
        Ok(())
    }

    /// Keeps beside the device, and beyond it, up to when contexts made with it are dead.
    fn mark(
        &self,
        account: &str,
        serial: &str,
        revoked_before: Option<UnixTime>,
        generation: u64,
    ) -> Result<(), Fault> {
        match revoked_before {
            // No context was ever made with a device of no account.
            Some(_) if account.is_empty() => Ok(()),
            Some(mark) => {
                self.run(sql::DEVICE_MARK, (account, serial, stored(mark.0), stored(generation)))
            }
            None => Ok(()),
        }
    }

    fn signing_key(&self, kid: &str) -> Result<Option<SigningKeyRecord>, Fault> {
        let body: Option<String> =
            read::intact(self.conn, "a signing key", sql::SIGNING_KEY, [kid])?;
        body.map(|body| from_json("a signing key", &body)).transpose()
    }

    fn put_signing_key(&self, key: &SigningKeyRecord) -> Result<(), Fault> {
        self.run(sql::SIGNING_KEY_PUT, (&key.kid, stored(key.created_at.0), to_json(key)?))?;
        self.run(sql::CONTROL_CHANGED, [])
    }

    fn reseal(&self, seen: &Resealable, sealed: &Sealed) -> Result<(), Fault> {
        let was = &seen.sealed;
        match &seen.place {
            SealedPlace::Seed { serial, account } => {
                let values = (
                    serial.as_str(),
                    owner(account.as_ref()),
                    was.as_bytes(),
                    sealed.as_bytes(),
                    sealed.key_id(),
                );
                match self.conn.prepare_cached(sql::SEED_RESEAL)?.execute(values)? {
                    0 => self.one(Conflict::Revision, sql::STAGED_SEED_RESEAL, values),
                    _ => Ok(()),
                }
            }
            SealedPlace::SigningKey { kid } => {
                let Some(key) = self.signing_key(kid)?.filter(|key| key.private == *was) else {
                    return Err(Fault::Conflict(Conflict::Revision));
                };
                self.put_signing_key(&SigningKeyRecord { private: sealed.clone(), ..key })
            }
            SealedPlace::Value { name } => self.one(
                Conflict::Revision,
                sql::VALUE_REPLACE,
                (name, was.as_bytes(), sealed.as_bytes()),
            ),
            SealedPlace::Ceremony { .. } | SealedPlace::SessionToken | SealedPlace::Item { .. } => {
                Err(Fault::Conflict(Conflict::Revision))
            }
        }
    }

    /// True if the account is there; a fault if it is not as it was left. Once its devices have
    /// moved it was looked at, and its tag is behind until it is counted.
    fn look_at(&self, account: &str) -> Result<bool, Fault> {
        let found = match self.counts.has(account) {
            true => Some(1),
            false => read::intact::<i64>(self.conn, account, sql::ACCOUNT_IS_THERE, [account])?,
        };
        Ok(found.is_some())
    }

    /// The account, state and fingerprint of a device that is still at that revision.
    fn standing(
        &self,
        serial: &str,
        seen: Revision,
    ) -> Result<(String, DeviceState, Option<[u8; 32]>), Fault> {
        let mut statement = self.conn.prepare_cached(sql::DEVICE_STANDING)?;
        let mut rows = statement.query((serial, stored(seen.0)))?;
        let row = rows.next()?.ok_or(Fault::Conflict(Conflict::Revision))?;
        see_intact(row, 3, serial)?;
        let (account, state): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((account, parsed("a device's state", &state)?, row.get(2)?))
    }

    fn expect(&self, sql: &str, id: &str, seen: Revision) -> Result<(), Fault> {
        self.find::<i64>(sql, (id, stored(seen.0)))?
            .map(|_| ())
            .ok_or(Fault::Conflict(Conflict::Revision))
    }

    fn find<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>, Fault> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, first).optional()?)
    }

    /// A statement that changes one row, or the change conflicts.
    fn one(&self, conflict: Conflict, sql: &str, params: impl Params) -> Result<(), Fault> {
        match self.conn.prepare_cached(sql)?.execute(params)? {
            0 => Err(Fault::Conflict(conflict)),
            _ => Ok(()),
        }
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<(), Fault> {
        self.conn.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }

    fn count_devices(&self) -> Result<(), Fault> {
        for (account, devices, active) in self.counts.iter() {
            self.run(sql::ACCOUNT_COUNT_DEVICES, (account, devices, active))?;
        }
        Ok(())
    }
}

/// The account's marks and the control version.
fn committed(conn: &Connection, account: Option<&AccountId>) -> Result<Committed, Fault> {
    let (mut committed, mut controlled) = (Committed::default(), false);
    let mut statement = conn.prepare_cached(sql::CONTROL_AND_MARKS)?;
    let mut rows = statement.query([account.map(AccountId::as_str)])?;
    while let Some(row) = rows.next()? {
        see_intact(row, 3, "the account or the control row")?;
        let number = unsigned(row.get(1)?);
        if row.get::<_, i64>(0)? == 0 {
            committed.control_version = number;
            controlled = true;
        } else {
            let mark: Option<i64> = row.get(2)?;
            let revoked_before = mark.map(|mark| UnixTime(unsigned(mark)));
            committed.marks = Marks { generation: number, revoked_before };
        }
    }
    if !controlled {
        return Err(read::control_row_gone());
    }
    Ok(committed)
}
