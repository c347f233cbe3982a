//! The sealing keys of a store that the program looks at by itself.

use std::path::Path;

use crate::agent::config::Config;
use crate::cli::output::Failure;
use crate::store::Keyring;

/// The sealing keys in this file; or those beside the store, if it is a file, and those that an
/// agent of this user would use, as far as they can be read.
pub(super) fn named(store: Option<&Path>, key: Option<&Path>) -> Result<Option<Keyring>, Failure> {
    if let Some(path) = key {
        let named = Keyring::from_file(path).map(Some);
        return named.map_err(|error| Failure::bad_input(error.to_string()));
    }
    let configured = Config::load(None).ok().map(|config| config.key_file());
    let beside = store.map(|store| store.with_file_name("sealing.key"));
    let found = [beside, configured].into_iter().flatten();
    let found = found.filter_map(|path| Keyring::from_file(path).ok());
    Ok(found.reduce(|keys, others| keys.and(&others)))
}
