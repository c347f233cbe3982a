//! The store that an agent serves from, of either kind.

use std::path::Path;
use std::sync::Arc;

use crate::agent::config::{Config, StoreUrl};
use crate::agent::error::Error;
use crate::agent::private::{folder_of, make_private_folder};
use crate::store::sqlite::Standing;
use crate::store::{Backup, Keyring, OpenError, SqliteStore, Store, sqlite};

/// A store that is open.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// Copies the store, where it has no tools of its own for that.
    pub(super) backup: Option<Arc<dyn Backup>>,
    file: Option<SqliteStore>,
}

impl Opened {
    /// Opens the configured store.
    pub(super) async fn new(config: &Config) -> Result<Opened, Error> {
        match config.store_url() {
            StoreUrl::Sqlite(path) => {
                let file = open_file(config, &path)?;
                Ok(Opened {
                    store: Arc::new(file.clone()),
                    backup: Some(Arc::new(file.clone())),
                    file: Some(file),
                })
            }
            #[cfg(feature = "postgres")]
            StoreUrl::Postgres(url) => {
                let options = url.options(&config.store);
                let options =
                    options.map_err(|error| Error::Config(vec![format!("store.url: {error}")]))?;
                let state = crate::agent::config::Paths::of_this_process().state;
                private_folder(&state.join("acknowledged"))?;
                let options = options.state_directory(Some(state));
                let store = crate::store::PostgresStore::open(options).await?;
                Ok(Opened { store: Arc::new(store), backup: None, file: None })
            }
            #[cfg(not(feature = "postgres"))]
            StoreUrl::Postgres(_) => Err(Error::Config(vec![
                "store.url: PostgreSQL is not built into this version; use sqlite:PATH".to_owned(),
            ])),
        }
    }

    /// Closes a store that is a file, for all its handles.
    pub(super) async fn close(&self) -> Result<(), OpenError> {
        match &self.file {
            Some(file) => file.close().await,
            None => Ok(()),
        }
    }
}

fn open_file(config: &Config, file: &Path) -> Result<SqliteStore, Error> {
    private_folder(file)?;
    let key = config.key_file();
    // The agent makes its key after its store, so a key alone means that the store is lost. An
    // operator may bring a key of their own before the store exists.
    if sqlite::standing(file)? == Standing::Nothing
        && key.exists()
        && (config.makes_its_key() || file.exists())
    {
        return Err(Error::StoreGone {
            key: key.display().to_string(),
            store: file.display().to_string(),
        });
    }
    // A key file that is missing, or cannot be read, is told when the verifier needs it.
    Ok(match Keyring::from_file(&key) {
        Ok(keyring) => SqliteStore::open_with(file, &keyring)?,
        Err(_) => SqliteStore::open(file)?,
    })
}

/// Makes the folder of a file for this user alone, if it is missing.
pub(super) fn private_folder(file: &Path) -> Result<(), Error> {
    make_private_folder(file).map_err(|reason| Error::System {
        what: format!("make {}", folder_of(file).display()),
        reason,
    })
}
