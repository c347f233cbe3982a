//! Opening and closing a store: locks against other programs, the look at its files, and the mark
//! that it is in use.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::claim::Claim;
use super::connection::{Hold, beside};
use super::fault::Fault;
use super::identity::Usage;
use super::place::Place;
use super::vet::Found;
use super::witness::Witness;
use super::{claim, connection, identity, migrations, place, witness};
use crate::store::{Keyring, OpenError, Stray};

/// The means of an open store's writer.
pub(super) struct Opened {
    pub(super) place: Arc<Place>,
    /// The connection; none after a failure that leaves it in doubt.
    pub(super) conn: Option<Connection>,
    pub(super) turn: File,
    pub(super) witness: Witness,
    /// An idle connection: as long as it is open, no tool beside us is the last to close the file,
    /// which would take the log away. The others are closed when they fail.
    anchor: Option<Connection>,
    lock: File,
    /// The audit chain that the writer appends to.
    pub(super) claim: Claim,
}

/// Closing a file drops the locks that SQLite has on it anywhere else in the process (POSIX), so
/// files are made by one thread at a time, and never opened but by SQLite once they are there.
static OPENING: Mutex<()> = Mutex::new(());

/// The locks of a store, taken in the one order in which programs come and go.
pub(super) struct Entered {
    lock: File,
    /// Held meanwhile: others that come or go wait.
    turn: File,
    /// No other program has the store.
    alone: bool,
}

impl Entered {
    pub(super) fn at(path: &Path, hold: Hold) -> Result<Entered, OpenError> {
        let (lock, turn) = (connection::lock(path, ".lock")?, connection::lock(path, ".turn")?);
        if !wait_for(&turn) {
            return Err(OpenError::Offline(path.display().to_string()));
        }
        let mut alone = lock.try_lock().is_ok();
        if !alone {
            match hold {
                Hold::Exclusive if connection::patiently(LOOK, || lock.try_lock().is_ok()) => {
                    alone = true;
                }
                Hold::Exclusive => return Err(OpenError::Held(path.display().to_string())),
                Hold::Shared if !wait_for_shared(&lock) => {
                    return Err(OpenError::Offline(path.display().to_string()));
                }
                // A tool may have been done in between. No other one comes meanwhile: it would need
                // the turn.
                Hold::Shared => alone = lock.try_lock().is_ok(),
            }
        }
        if !alone && lock.try_lock_shared().is_err() {
            return Err(OpenError::Offline(path.display().to_string()));
        }
        Ok(Entered { lock, turn, alone })
    }

    /// Lets others in, as far as `hold` does.
    fn settle(self, path: &Path, hold: Hold) -> Result<(File, File), OpenError> {
        if hold == Hold::Shared && self.alone && self.lock.try_lock_shared().is_err() {
            return Err(OpenError::Offline(path.display().to_string()));
        }
        let _ = self.turn.unlock();
        Ok((self.lock, self.turn))
    }
}

/// Opens the store in this file, or makes one where nothing is and nothing was.
pub(super) fn open(
    given: &Path,
    hold: Hold,
    keyring: Option<&Keyring>,
) -> Result<Opened, OpenError> {
    let path = place::real(given)?;
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let entered = Entered::at(&path, hold)?;
    let opened = if entered.alone { first(given, path, keyring) } else { join(given, path) };
    let (conn, place, witness) = opened.map_err(|error| error.of(given))?;
    let (lock, turn) = entered.settle(place.path(), hold)?;
    let claim = claim::claim(place.path())?;
    let anchor = connection::reader(place.path())?;
    identity::read(&anchor)?;
    Ok(Opened {
        place: Arc::new(place),
        conn: Some(conn),
        turn,
        witness,
        anchor: Some(anchor),
        lock,
        claim,
    })
}

/// Opens a store that no other program has.
fn first(
    given: &Path,
    path: PathBuf,
    keyring: Option<&Keyring>,
) -> Result<(Connection, Place, Witness), OpenError> {
    let found = Found::look(&path)?;
    if let Some(refusal) = found.refusal() {
        return Err(refusal);
    }
    if found.is_nothing() {
        create(&path)?;
    }
    let mut conn = connection::writer(&path)?;
    migrations::run(&mut conn, keyring)?;
    let place = Place::of(given, path)?;
    let witness = Witness::renew(place.path(), place.file(), &identity::read(&conn)?)?;
    // From here on the file says by itself that it is not the whole store, and the log beside it is
    // never empty: the next checkpoint that would let the log begin anew is followed by a
    // transaction in it.
    let marked = identity::mark(&conn, Usage::InUse)?;
    connection::checkpoint(&conn, "FULL")?;
    let _ = witness.note(&marked);
    place.found_log()?;
    place.unmoved().map_err(OpenError::Moved)?;
    Ok((conn, place, witness))
}

/// Opens a store that another program serves from, and has looked at.
fn join(given: &Path, path: PathBuf) -> Result<(Connection, Place, Witness), OpenError> {
    let place = Place::of(given, path)?;
    let seen = witness::read(place.path())?;
    match seen.iter().max_by_key(|seen| (seen.epoch, seen.commits)) {
        Some(newest) if newest.file == place.file() => {}
        Some(_) => {
            return Err(OpenError::Stray(Stray::Replaced { file: given.display().to_string() }));
        }
        // The other program is of a version that kept no witness, and would not count its
        // transactions.
        None => return Err(OpenError::Held(given.display().to_string())),
    }
    let mut conn = connection::writer(place.path())?;
    // The other program is of an earlier version, and would not understand its rows any more.
    if !migrations::is_current(&conn)? {
        return Err(OpenError::Held(given.display().to_string()));
    }
    migrations::run(&mut conn, None)?;
    let witness = Witness::renew(place.path(), place.file(), &identity::read(&conn)?)?;
    place.found_log()?;
    place.unmoved().map_err(OpenError::Moved)?;
    Ok((conn, place, witness))
}

/// Makes an empty store. It gets its name when it is whole, so that a file without tables is never
/// one of ours.
fn create(path: &Path) -> Result<(), OpenError> {
    let partial = beside(path, ".new");
    let io = |error: std::io::Error| OpenError::io(&partial, &error);
    for suffix in ["", "-journal"] {
        let _ = std::fs::remove_file(beside(&partial, suffix));
    }
    drop(connection::options().create_new(true).write(true).open(&partial).map_err(io)?);
    connection::owner_only(&partial)?;
    let made = || -> Result<(), OpenError> {
        let mut conn = Connection::open(&partial)?;
        migrations::run(&mut conn, None)?;
        conn.close().map_err(|(_, error)| error)?;
        std::fs::rename(&partial, path)
            .and_then(|()| connection::sync_folder(path))
            .map_err(io)
    };
    made().inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })
}

impl Opened {
    /// Closes the store, so that the file alone is all of it, if no other program has it and it is
    /// still in its place. A failure leaves the mark and the log, and the next start
    /// goes on from them. Fails where it cannot: the file is another one, or does not say that the
    /// log is its own.
    pub(super) fn close(mut self) -> Result<(), String> {
        let conn = self.conn.take();
        self.place.unmoved()?;
        let Some(conn) = conn.map_or_else(|| connection::writer(self.place.path()), Ok).ok() else {
            return self.place.takes(None);
        };
        drop(self.anchor.take());
        // The lock that is shared is given up for the one that is not; if there is none to be had,
        // the others close it.
        if !wait_for(&self.turn) || self.lock.try_lock().is_err() {
            return Ok(());
        }
        let fit = self.place.takes(identity::read(&conn).ok().as_ref());
        if fit.is_ok()
            && let Ok(closed) = identity::mark(&conn, Usage::Closed)
        {
            let _ = self.witness.note(&closed);
            shut(conn);
        }
        let _ = self.turn.unlock();
        fit
    }
}

/// Empties the log into the file and removes it.
pub(super) fn shut(conn: Connection) {
    if connection::checkpoint(&conn, "TRUNCATE").is_ok_and(|whole| whole) {
        let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    }
    let _ = conn.close();
}

/// Waits for a lock, though not for ever.
pub(super) fn wait_for(lock: &File) -> bool {
    connection::patiently(LONGEST, || lock.try_lock().is_ok())
}

/// Waits for a tool that only takes a look.
fn wait_for_shared(lock: &File) -> bool {
    connection::patiently(LOOK, || lock.try_lock_shared().is_ok())
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> OpenError {
        match fault {
            Fault::Sqlite(error) => OpenError::from(error),
            Fault::Log(reason) => OpenError::Log(reason),
            fault => OpenError::Damaged { path: String::new(), reason: fault.to_string() },
        }
    }
}

/// Longer than a writer keeps its turn.
const LONGEST: Duration = Duration::from_secs(15);

/// Longer than `twostep doctor` looks at a store.
const LOOK: Duration = Duration::from_secs(1);
