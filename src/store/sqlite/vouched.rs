//! Rows of an authenticated store across a change of its schema.
//!
//! A tag covers all columns, so that a step which adds a column changes what tags cover. Before the
//! steps, every row is compared with its tag as the earlier schema has it, and all rows with their
//! sum; after them, every row is tagged anew. Both belong to the transaction of the steps.

use std::sync::Arc;

use rusqlite::Connection;

use super::identity::Identity;
use super::ledger::{Ledger, Notes};
use super::schema::Encoding;
use super::seal::Log;
use super::{cell, read, seal, sql};
use crate::store::{Keyring, OpenError, PEPPER, StoreKeys};

/// The proof that all rows of a store are as twostep left them; only with it are they tagged anew.
pub(super) struct Vouched {
    keys: StoreKeys,
    /// The audit log ends as it was sealed. A seal that does not fit stays, for the next
    /// transaction to say so.
    sealed: bool,
}

impl Vouched {
    /// Compares all rows with their tags, in the transaction that goes on to change the schema.
    /// None for a store that was never authenticated.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] names a row that another program changed; [`OpenError::Locked`] and
    /// [`OpenError::WrongKeys`] for want of the store's sealing keys.
    pub(super) fn find(
        conn: &Connection,
        earlier: Encoding,
        keyring: Option<&Keyring>,
    ) -> Result<Option<Vouched>, OpenError> {
        let log = Log::read(conn)?;
        let Some(keys) = cell::keys_of(conn, &log, keyring)? else {
            return match read::one::<Vec<u8>>(conn, sql::VALUE_SEALED, [PEPPER])? {
                None => Ok(None),
                Some(_) => Err(damaged("its authentication was taken away".to_owned())),
            };
        };
        let ledger = ledger(conn, earlier, &keys)?;
        if let Some(foreign) = ledger.look(conn, &log.identity)?.into_iter().next() {
            return Err(damaged(format!(
                "{foreign}, which twostep did not; its schema is left as it is"
            )));
        }
        let sealed = log.fits(&keys.audit);
        Ok(Some(Vouched { keys, sealed }))
    }

    /// Tags all rows as the later schema has it, and seals their sum.
    pub(super) fn tag_anew(
        self,
        conn: &Connection,
        later: Encoding,
        identity: &Identity,
    ) -> Result<(), OpenError> {
        let ledger = ledger(conn, later, &self.keys)?;
        ledger.adopt(conn)?;
        ledger.write(conn, identity)?;
        if self.sealed {
            seal::write(conn, &self.keys.audit)?;
        }
        Ok(())
    }
}

fn ledger(
    conn: &Connection,
    encoding: Encoding,
    keys: &StoreKeys,
) -> Result<Arc<Ledger>, OpenError> {
    let ledger = Arc::new(Ledger::of(encoding));
    ledger.functions(conn, Notes::AtOnce)?;
    ledger.take(Some(&keys.rows));
    Ok(ledger)
}

fn damaged(reason: String) -> OpenError {
    OpenError::Damaged { path: String::new(), reason }
}
