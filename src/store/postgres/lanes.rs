//! Lanes: connections that write.

use std::path::PathBuf;
use std::sync::Arc;

use super::dial::Dial;
use crate::store::{Adoption, Change, Commit, Error, MacKey, StoreKeys};
use crate::time::UnixTime;

/// The lanes of a store.
pub(super) struct Lanes;

impl Lanes {
    pub(super) fn new(
        _dial: Arc<Dial>,
        _lanes: usize,
        _state: Option<PathBuf>,
    ) -> Result<Lanes, Error> {
        Ok(Lanes)
    }

    pub(super) async fn commit(&self, _change: Change) -> Result<Commit, Error> {
        Err(self.none())
    }

    pub(super) async fn unlock(
        &self,
        _keys: StoreKeys,
        _adoption: Option<Adoption>,
    ) -> Result<(), Error> {
        Err(self.none())
    }

    pub(super) async fn writable(&self) -> Result<(), Error> {
        Err(self.none())
    }

    /// Moves what published imports staged into the tables that lists read.
    pub(super) async fn settle(&self) -> Result<(), Error> {
        Ok(())
    }

    pub(super) async fn expire(&self, _now: UnixTime, _before: UnixTime) -> Result<u64, Error> {
        Err(self.none())
    }

    /// The key of the audit log; none before the store was unlocked.
    pub(super) fn audit_key(&self) -> Option<MacKey> {
        None
    }

    fn none(&self) -> Error {
        Error::Unavailable("this store takes no changes yet".to_owned())
    }
}
