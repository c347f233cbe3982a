//! The default store: one SQLite file.
//!
//! Write-ahead log, `synchronous=FULL`, one thread that writes and as many readers as needed.
//! Several processes may serve from one file: every change is decided in a transaction that reads
//! what it stands on. Of two lock files beside it, one tells programs that serve from the store,
//! which share it, from tools that must have it alone; the other gives writers their turn.
//!
//! Each store has an identity in its file: a random id, an epoch that a restore raises, and a count
//! of its transactions. While it is open the file says so, and a witness beside it follows the
//! count. So a log, a copy or a file that is not this store's as it was left is recognised before
//! SQLite opens it, and refused with what to do about it ([`Stray`](crate::store::Stray)).

mod above;
mod alone_file;
mod apply;
mod audit;
mod audit_check;
mod backup;
mod cell;
mod chain;
mod check;
mod claim;
mod compare;
mod connection;
#[cfg(feature = "testing")]
mod edit;
mod exported;
mod fault;
mod identity;
mod imports;
mod inspect;
mod keys;
mod ledger;
mod log;
mod migrations;
mod objects;
mod open;
mod place;
mod read;
mod readers;
mod revoked;
mod row;
mod rows;
mod schema;
mod seal;
mod seen;
mod sql;
mod store;
mod sum;
mod tasks;
mod transaction;
mod vet;
mod vouched;
mod witness;
mod work;
mod writer;

pub use backup::{restore, restore_as};
#[doc(hidden)]
pub use check::foreign_rows;
pub use check::{Alone, CheckReport, Standing, alone, check, check_with, standing};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use edit::{Further, edit};
#[doc(hidden)]
pub use inspect::{authenticated, functions, statements};

pub use crate::store::restore::{ExportedRows, ReadLog, Restore, Restored};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use self::connection::Hold;
use self::fault::Fault;
use self::readers::Readers;
use self::tasks::Tasks;
use self::work::{Done, Work};
use self::writer::{Health, Job, Writer};
use crate::store::{Backup, BoxFuture, Error, Keyring, OpenError};

/// A store in one file. A handle is cheap to clone; the file is closed when the last one is gone.
///
/// ```
/// use twostep::store::{SqliteStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(folder.path().join("mfa.db"))?;
/// assert!(store.account(&"alice".parse()?).await?.is_none());
///
/// // The copy serves once it is restored: `twostep store restore`.
/// store.backup(folder.path().join("backup.db")).await?;
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    open: Arc<Open>,
}

/// The part that all handles share.
struct Open {
    readers: Arc<Readers>,
    /// The queue; none once the store is being closed.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    health: Arc<Health>,
    tasks: Tasks,
}

impl SqliteStore {
    /// Opens the store in this file, which is made if it is not there. Others may serve from it
    /// too.
    ///
    /// # Errors
    /// [`OpenError`]: the file is in use by a tool, no store of this version, a copy that is not
    /// restored, damaged, or not readable and writable.
    pub fn open(path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_held(path.as_ref(), Hold::Shared, None)
    }

    /// Opens the store as [`open`](SqliteStore::open) does, and brings a file of an earlier schema
    /// up to date that is authenticated: its sealing keys show that its rows are its own.
    ///
    /// # Errors
    /// As [`open`](SqliteStore::open), which fails with [`OpenError::Locked`] for such a file, and
    /// [`OpenError::WrongKeys`].
    pub fn open_with(path: impl AsRef<Path>, keyring: &Keyring) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_held(path.as_ref(), Hold::Shared, Some(keyring))
    }

    /// Opens the store for a tool that must have it alone; refused while an agent holds it.
    ///
    /// # Errors
    /// [`OpenError::Held`] while an agent has the store open, and otherwise as
    /// [`open`](SqliteStore::open).
    pub fn open_exclusive(path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_held(path.as_ref(), Hold::Exclusive, None)
    }

    fn open_held(
        path: &Path,
        hold: Hold,
        keyring: Option<&Keyring>,
    ) -> Result<SqliteStore, OpenError> {
        let opened = open::open(path, hold, keyring)?;
        let readers = Arc::new(Readers::new(Arc::clone(&opened.place), Arc::default()));
        let (jobs, queue) = sync_channel(writer::QUEUE);
        let health = Arc::<Health>::default();
        let writer = Writer::new(opened, Arc::clone(&readers), Arc::clone(&health));
        let thread = std::thread::Builder::new()
            .name("twostep-store".to_owned())
            .spawn(move || writer.run(&queue));
        let writer = thread.map_err(|error| OpenError::io(path, &error))?;
        let (jobs, writer, tasks) = (Some(jobs), Some(writer), Tasks::default());
        Ok(SqliteStore { open: Arc::new(Open { readers, jobs, writer, health, tasks }) })
    }

    /// Closes the store for all its handles, as dropping the last one does, and waits until the
    /// file alone is the whole store. What is asked of it afterwards is refused. Another program
    /// that serves from the file goes on, and closes it in its turn.
    ///
    /// # Errors
    /// [`OpenError::Moved`] if the file is no longer the one that was opened, or was overwritten:
    /// the log then stays, since it is all that is left of the last changes.
    pub async fn close(&self) -> Result<(), OpenError> {
        let (reply, closed) = oneshot::channel();
        let Some(jobs) = self.open.jobs.clone() else { return Ok(()) };
        let sent = tokio::task::spawn_blocking(move || jobs.send(Job::Close(reply)).is_ok());
        // A store that another handle has closed is closed.
        if sent.await.unwrap_or(false) {
            closed.await.unwrap_or(Ok(())).map_err(OpenError::Moved)
        } else {
            Ok(())
        }
    }

    /// Copies the store, as it is at one moment and while it goes on serving, into a new file that
    /// only its owner reads. The copy is marked: it serves again once it is restored.
    ///
    /// # Errors
    /// [`OpenError::Exists`] if `to` exists, [`OpenError::Full`] if its disk is full,
    /// [`OpenError::Io`] or [`OpenError::Damaged`] if reading or writing fails.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), OpenError> {
        let (open, to) = (Arc::clone(&self.open), to.into());
        let named = to.clone();
        let copied = tokio::task::spawn_blocking(move || backup::backup(open.readers.place(), &to));
        copied
            .await
            .unwrap_or_else(|error| Err(OpenError::unusable(error.to_string())))
            .map_err(|error| error.of(&named))
    }

    /// Reads here and now: a look-up in an index takes microseconds, less than to hand it to
    /// another thread.
    fn here<T>(&self, read: impl Fn(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        self.open.readers.read(read)
    }

    /// Reads on a thread that may take its time.
    async fn elsewhere<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let open = Arc::clone(&self.open);
        let read = tokio::task::spawn_blocking(move || open.readers.read(read));
        read.await.unwrap_or_else(|error| Err(Error::Unavailable(error.to_string())))
    }

    /// Waits until devices of accounts are rows like all others, whose accounts count them.
    async fn settled(&self) -> Result<(), Error> {
        while self.here(imports::accounts_unsettled)? {
            self.done(Work::Settle).await?;
        }
        Ok(())
    }

    /// Waits until published imports are rows like all others.
    async fn all_settled(&self) -> Result<(), Error> {
        while self.here(imports::unsettled)? {
            self.done(Work::Settle).await?;
        }
        Ok(())
    }

    async fn done(&self, work: Work) -> Result<Done, Error> {
        match &self.open.jobs {
            Some(jobs) => writer::done(jobs, work).await,
            None => Err(Error::Unavailable("the store is closed".to_owned())),
        }
    }
}

impl Backup for SqliteStore {
    fn backup(&self, to: PathBuf) -> BoxFuture<'_, Result<(), OpenError>> {
        Box::pin(SqliteStore::backup(self, to))
    }
}

/// Waits for the writer, so that the file is closed, and its lock free, once the last handle is
/// gone.
impl Drop for Open {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}
