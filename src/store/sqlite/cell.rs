//! The keys that authenticate an open store's rows, which its writer and its readers share.

use std::sync::{Arc, OnceLock};

use rusqlite::Connection;

use super::fault::Fault;
use super::ledger::Ledger;
use super::seal::Log;
use super::{read, sql};
use crate::store::{Keyring, MacKey, OpenError, PEPPER, Sealed, SealedPlace, StoreKeys};

/// The keys, once the verifier has given them.
#[derive(Default)]
pub(super) struct StoreCell {
    keys: OnceLock<StoreKeys>,
    ledger: Arc<Ledger>,
}

impl StoreCell {
    pub(super) fn keys(&self) -> Option<&StoreKeys> {
        self.keys.get()
    }

    /// The key of the audit log.
    pub(super) fn audit(&self) -> Option<&MacKey> {
        self.keys().map(|keys| &keys.audit)
    }

    /// The first keys stay: a store has one pepper.
    pub(super) fn set(&self, keys: StoreKeys) {
        let _ = self.keys.set(keys);
    }

    /// Lets the ledger have the key of the store that was unlocked, and no other.
    pub(super) fn settle(&self) {
        self.ledger.take(self.keys().map(|keys| &keys.rows));
    }

    /// The tags of the rows.
    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The keys for a transaction that writes. A store that was authenticated once is written to
    /// with its keys alone: its seal would not fit any more.
    pub(super) fn to_write(&self, log: &Log) -> Result<Option<&StoreKeys>, Fault> {
        match self.keys() {
            None if log.is_sealed() => Err(Fault::Locked),
            keys => Ok(keys),
        }
    }
}

/// The keys of a store that no program serves from; none of one that was never authenticated.
pub(super) fn keys_of(
    conn: &Connection,
    log: &Log,
    keyring: Option<&Keyring>,
) -> Result<Option<StoreKeys>, OpenError> {
    if !log.is_sealed() {
        return Ok(None);
    }
    let Some(keyring) = keyring else { return Err(OpenError::Locked(String::new())) };
    let place = SealedPlace::Value { name: PEPPER.to_owned() };
    let pepper = read::one::<Vec<u8>>(conn, sql::VALUE_SEALED, [PEPPER])?.map(Sealed::from_bytes);
    let pepper = pepper.and_then(|pepper| keyring.open(&place, &pepper));
    let keys = pepper.and_then(|pepper| StoreKeys::of(&pepper));
    keys.map(Some).ok_or(OpenError::WrongKeys(String::new()))
}
