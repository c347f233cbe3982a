//! The keys of a store, for programs beside its agents.

use super::columns::column;
use super::reader::Reader;
use crate::store::{Error, Keyring, PEPPER, Sealed, SealedPlace, StoreKeys, TABLES_PEPPER};

/// The keys, if the keyring is the store's, and true if the rows carry tags under them; none for a
/// store that never had keys.
pub(super) async fn store_keys(
    reader: &Reader,
    keyring: &Keyring,
) -> Result<Option<(Option<StoreKeys>, bool)>, Error> {
    for name in [TABLES_PEPPER, PEPPER] {
        let Some(row) = reader.first(VALUE, &[&name]).await? else { continue };
        let sealed = Sealed::from_bytes(column("a value", &row, 0)?);
        return Ok(Some((opened(keyring, name, &sealed), name == TABLES_PEPPER)));
    }
    Ok(None)
}

/// The keys that the pepper of this name gives, if the keyring opens it.
pub(super) fn opened(keyring: &Keyring, name: &str, sealed: &Sealed) -> Option<StoreKeys> {
    let place = SealedPlace::Value { name: name.to_owned() };
    keyring.open(&place, sealed).and_then(|pepper| StoreKeys::of(&pepper))
}

pub(super) const VALUE: &str = "SELECT value FROM named_values WHERE name = $1";
