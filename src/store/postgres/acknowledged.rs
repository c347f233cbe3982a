//! The ends of audit chains that the store has acknowledged, in memory and in a file of the agent.
//!
//! A database that lost them, by a bad failover or a restored backup, has forgotten codes that were
//! accepted. Nothing is decided from it until an operator has restored it, which raises its epoch.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::columns::column;
use super::connection::Connection;
use super::fault::corrupt;
use super::outcome::Fault;
use crate::store::columns::{stored, unsigned};
use crate::store::{ChainEnd, Error, hex};

/// The ends that were acknowledged.
pub(super) struct Acknowledged {
    known: Mutex<Known>,
    /// The folder of the file; none without one.
    folder: Option<PathBuf>,
}

struct Known {
    ends: Option<Ends>,
    /// The last end that the file has.
    written: Instant,
    is_newer_than_file: bool,
    went_back: Option<String>,
}

/// The acknowledged ends of one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ends {
    /// The store's id in hex.
    store: String,
    epoch: u64,
    /// For each chain the number and the hash of the last row.
    chains: BTreeMap<u32, (u64, String)>,
}

impl Acknowledged {
    /// The ends that an earlier run has left in this folder.
    pub(super) fn read(folder: Option<PathBuf>) -> Result<Acknowledged, Error> {
        let ends = folder.as_deref().map(read).transpose()?.flatten();
        let known =
            Known { ends, written: Instant::now(), is_newer_than_file: false, went_back: None };
        Ok(Acknowledged { known: Mutex::new(known), folder })
    }

    /// Fails if the store was found to have forgotten.
    pub(super) fn stands(&self) -> Result<(), Error> {
        match &self.known().went_back {
            Some(reason) => Err(Error::WentBack(reason.clone())),
            None => Ok(()),
        }
    }

    /// Notes the end of a chain whose commit was answered as made.
    pub(super) fn note(&self, end: &ChainEnd) {
        let mut known = self.known();
        if let Some(ends) = &mut known.ends {
            ends.chains.insert(end.chain.0, (end.number, end.hash.clone()));
            known.is_newer_than_file = true;
        }
    }

    /// True if the file is behind, and was not written for a while.
    pub(super) fn is_due(&self) -> bool {
        let known = self.known();
        self.folder.is_some() && known.is_newer_than_file && known.written.elapsed() >= PAUSE
    }

    /// Writes the file if it is behind. Without it a later run knows less.
    pub(super) fn keep(&self) {
        let Some(folder) = &self.folder else { return };
        let mut known = self.known();
        if known.is_newer_than_file
            && let Some(ends) = &known.ends
            && write(folder, ends).is_ok()
        {
            known.is_newer_than_file = false;
        }
        known.written = Instant::now();
    }

    /// Compares the store with what it has acknowledged, and returns its id.
    pub(super) async fn check(&self, conn: &Connection) -> Result<[u8; 16], Fault> {
        let rows = conn.rows(IDENTITY, &[]).await?;
        let row = rows.first().ok_or_else(|| corrupt("the store's identity", "it is gone"))?;
        let what = "the store's identity";
        let id: &[u8] = column(what, row, 0)?;
        let id: [u8; 16] = id.try_into().map_err(|error| corrupt(what, error))?;
        let epoch = unsigned(column(what, row, 1)?);
        let found_elsewhere: bool = column(what, row, 2)?;
        let known = self.known().ends.clone().filter(|ends| ends.store == hex(&id));
        let lost = match &known {
            Some(ends) if ends.epoch > epoch => Some("it was restored to an earlier epoch".into()),
            Some(ends) if ends.epoch == epoch => missing(conn, ends).await?,
            _ => None,
        };
        let lost = lost.or(found_elsewhere.then(|| "another agent found that".to_owned()));
        if let Some(lost) = lost {
            conn.run(TELL, &[&stored(epoch)]).await?;
            let reason = format!(
                "the store has forgotten acknowledged changes ({lost}): run \
                 `twostep store restore` on it"
            );
            self.known().went_back = Some(reason.clone());
            return Err(Fault::Broken(Error::WentBack(reason)));
        }
        let mut known = self.known();
        known.went_back = None;
        if !known
            .ends
            .as_ref()
            .is_some_and(|ends| ends.store == hex(&id) && ends.epoch == epoch)
        {
            known.ends = Some(Ends { store: hex(&id), epoch, chains: BTreeMap::new() });
        }
        Ok(id)
    }

    /// Fails if another agent has found that the store forgot.
    pub(super) async fn is_whole(&self, conn: &Connection) -> Result<(), Fault> {
        self.stands()?;
        if conn.first::<bool>(TOLD, &[]).await? == Some(true) {
            let reason = "another agent found that the store has forgotten changes";
            return Err(Fault::Broken(Error::WentBack(reason.to_owned())));
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Acknowledged {
    fn drop(&mut self) {
        self.keep();
    }
}

/// The first acknowledged row that the store does not have. Rows that went with time are believed.
async fn missing(conn: &Connection, ends: &Ends) -> Result<Option<String>, Fault> {
    let chains: Vec<i64> = ends.chains.keys().map(|chain| i64::from(*chain)).collect();
    let numbers: Vec<i64> = ends.chains.values().map(|(number, _)| stored(*number)).collect();
    let hashes: Vec<&str> = ends.chains.values().map(|(_, hash)| hash.as_str()).collect();
    let rows = conn.rows(MISSING, &[&chains, &numbers, &hashes]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (chain, number): (i64, i64) =
        (column("an audit chain", row, 0)?, column("an audit chain", row, 1)?);
    Ok(Some(format!("row {number} of the audit chain {chain} is gone")))
}

fn read(folder: &Path) -> Result<Option<Ends>, Error> {
    let file = folder.join(FILE);
    let bad = |reason: String| {
        Error::Unavailable(format!(
            "{} cannot be read ({reason}); it says what the store has acknowledged: make it \
             readable, or remove it if the store is whole",
            file.display()
        ))
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| bad(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// Replaces the file as a whole: a crash leaves the old one or the new one.
fn write(folder: &Path, ends: &Ends) -> std::io::Result<()> {
    let (new, file) = (folder.join(NEW), folder.join(FILE));
    let mut written = std::fs::File::create(&new)?;
    written.write_all(&serde_json::to_vec(ends)?)?;
    written.sync_data()?;
    std::fs::rename(new, file)
}

const FILE: &str = "acknowledged.json";

const NEW: &str = "acknowledged.json.new";

/// The time between two writes of the file.
const PAUSE: Duration = Duration::from_secs(5);

const IDENTITY: &str = "SELECT i.id, i.epoch, EXISTS (SELECT FROM control c
    WHERE c.name = 'went_back' AND c.value >= i.epoch) FROM store_identity i";

const TOLD: &str = "SELECT EXISTS (SELECT FROM control c, store_identity i
    WHERE c.name = 'went_back' AND c.value >= i.epoch)";

const MISSING: &str = "SELECT k.chain, k.number
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k(chain, number, hash)
    LEFT JOIN chains c ON c.id = k.chain
    WHERE k.number > coalesce(c.base, 0) AND NOT EXISTS (SELECT FROM audit a
        WHERE a.chain = k.chain AND a.number = k.number AND a.hash = k.hash)";

const TELL: &str = "INSERT INTO control AS told (name, value) VALUES ('went_back', $1)
    ON CONFLICT (name) DO UPDATE SET value = greatest(told.value, excluded.value)";
