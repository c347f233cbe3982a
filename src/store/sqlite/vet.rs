//! Looks at a store's file, its log and its witness before SQLite does, and says what keeps them
//! from being served.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::connection::beside;
use super::identity::{Identity, Usage};
use super::log::Log;
use super::row::first;
use super::witness::Testimony;
use super::{alone_file, migrations, place, witness};
use crate::store::{OpenError, Stray};

/// The files at a store's path, and beside it.
pub(super) struct Found {
    path: PathBuf,
    file: Alone,
    /// A backup that was not restored.
    pub(super) copy: bool,
    /// A backup whose restore was begun: the log beside it is its own.
    pub(super) begun: bool,
    log: Log,
    seen: Vec<Testimony>,
}

/// The file without its log.
#[derive(Debug)]
enum Alone {
    /// No file, or an empty one.
    Nothing,
    /// A database without tables.
    Blank,
    /// Of a schema that kept no identity.
    Earlier,
    Known(Identity),
    /// As a crash in the middle of a checkpoint can leave it: the log has what is missing.
    Damaged(String),
}

impl Found {
    /// Changes nothing, and leaves no file behind.
    pub(super) fn look(path: &Path) -> Result<Found, OpenError> {
        let (file, copy) = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => (Alone::Nothing, false),
            Err(error) => return Err(OpenError::io(path, &error)),
            Ok(file) if file.len() == 0 => (Alone::Nothing, false),
            Ok(_) => alone(path)?,
        };
        let in_use = matches!(&file, Alone::Known(known) if known.usage == Usage::InUse);
        let begun = copy && in_use;
        let own = !copy || begun;
        let log = if own { Log::read(&beside(path, "-wal"))? } else { Log::default() };
        Ok(Found { path: path.to_owned(), file, copy, begun, log, seen: witness::read(path)? })
    }

    /// True if a store may be made here.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.file, Alone::Nothing)
    }

    /// True if the log may have transactions that the file lacks.
    pub(super) fn has_log(&self) -> bool {
        !self.log.is_empty()
    }

    /// The reason that keeps the store from being served.
    pub(super) fn refusal(&self) -> Option<OpenError> {
        if self.copy {
            return Some(OpenError::Copy(self.path.display().to_string()));
        }
        self.unfit_to_restore().or_else(|| self.standing().map(OpenError::Stray))
    }

    /// The reason that keeps even a restore from going on.
    pub(super) fn unfit_to_restore(&self) -> Option<OpenError> {
        let file = self.path.display().to_string();
        let log = beside(&self.path, "-wal").display().to_string();
        let stray = match &self.file {
            Alone::Nothing if !self.log.is_empty() => {
                Some(Stray::FileMissing { file, beside: log })
            }
            Alone::Nothing if !self.seen.is_empty() => Some(Stray::FileMissing {
                file,
                beside: witness::path(&self.path).display().to_string(),
            }),
            Alone::Nothing => None,
            Alone::Blank if self.log.is_empty() => Some(Stray::Blank { file }),
            Alone::Blank | Alone::Earlier => self.after_earlier(file, log),
            Alone::Known(identity) => self.continues(identity, file, log),
            Alone::Damaged(reason) => return self.mended(reason),
        };
        stray.map(OpenError::Stray)
    }

    /// Of an earlier schema the log may hold anything, up to the step that brought the identity and
    /// the first one after it.
    fn after_earlier(&self, file: String, log: String) -> Option<Stray> {
        let later = self.log.steps.first().is_some_and(|step| step.commits > 0)
            || self.log.steps.last().is_some_and(|step| step.commits > 1);
        later.then_some(Stray::ForeignLog { file, log })
    }

    /// The file stands at one of the log's transactions, or right before the first.
    fn continues(&self, identity: &Identity, file: String, log: String) -> Option<Stray> {
        let Some(begin) = self.log.steps.first() else {
            return (self.log.bare > 0).then_some(Stray::ForeignLog { file, log });
        };
        if self.log.steps.iter().any(|step| step.store != identity.store) {
            return Some(Stray::ForeignLog { file, log });
        }
        let right_before =
            begin.commits == identity.commits.saturating_add(1) && begin.epoch >= identity.epoch;
        if right_before || self.log.steps.iter().any(|step| step.place() == identity.place()) {
            return None;
        }
        if self.log.steps.iter().all(|step| step.epoch != identity.epoch) {
            return Some(Stray::OtherEpoch { file, log });
        }
        Some(Stray::Gap { file, log })
    }

    /// A file that cannot be read alone is whole again with its own log. That it is its own, the
    /// witness says.
    fn mended(&self, reason: &str) -> Option<OpenError> {
        let last = self.log.steps.last();
        let vouched = last.is_some_and(|last| {
            self.seen
                .iter()
                .any(|seen| seen.store == last.store && seen.epoch == last.epoch)
        });
        (!vouched).then(|| OpenError::Damaged {
            path: self.path.display().to_string(),
            reason: reason.to_owned(),
        })
    }

    /// The reason why the whole, log included, is not what was left here. A restore cures it.
    fn standing(&self) -> Option<Stray> {
        let file = || self.path.display().to_string();
        let log = || beside(&self.path, "-wal").display().to_string();
        let alone = match &self.file {
            Alone::Known(identity) => Some(identity),
            _ => None,
        };
        let in_use = alone.filter(|alone| alone.usage == Usage::InUse);
        if in_use.is_some_and(|alone| self.log.size.unwrap_or(0) == 0 && !self.is_all_of(alone)) {
            return Some(Stray::LogMissing { file: file(), log: log() });
        }
        let whole = self.log.steps.last().or(alone);
        let seen = || {
            self.seen
                .iter()
                .filter(|seen| whole.is_some_and(|whole| whole.store == seen.store))
        };
        let Some(whole) = whole else {
            // The store that was served from here before had an identity, and this one has none.
            return (!self.seen.is_empty()).then(|| Stray::WentBack { file: file() });
        };
        if seen().any(|seen| (seen.epoch, seen.commits) > whole.place()) {
            return Some(Stray::WentBack { file: file() });
        }
        if seen().next().is_some() {
            return None;
        }
        if whole.usage == Usage::InUse && alone.is_some() {
            return Some(Stray::RawCopy { file: file() });
        }
        let witness = || witness::path(&self.path).display().to_string();
        (!self.seen.is_empty()).then(|| Stray::AnotherStore { file: file(), witness: witness() })
    }

    /// True if a file without its log is known to hold all that was committed. A tool that opens
    /// the store of a killed program, to look at it, empties the log into the file and removes it.
    fn is_all_of(&self, alone: &Identity) -> bool {
        let here = place::inode(&self.path).ok();
        let last = self
            .seen
            .iter()
            .filter(|seen| seen.store == alone.store)
            .max_by_key(|seen| (seen.epoch, seen.commits));
        last.is_some_and(|last| {
            last.is_exact()
                && (last.epoch, last.commits) <= alone.place()
                && Some(last.file) == here
        })
    }

    /// The highest epoch that is known of this store, here.
    pub(super) fn epoch_seen(&self) -> u64 {
        self.seen.iter().map(|seen| seen.epoch).max().unwrap_or(0)
    }
}

/// Looks at a file that is there, without its log.
fn alone(path: &Path) -> Result<(Alone, bool), OpenError> {
    let damaged = |error: rusqlite::Error| (Alone::Damaged(error.to_string()), false);
    let conn = alone_file::immutable(path)?;
    let foreign = || OpenError::Foreign(path.display().to_string());
    match migrations::recognises(&conn) {
        Ok(true) => {}
        Ok(false) => return Err(foreign()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        Err(error) => return Ok(damaged(error)),
    }
    match conn.query_row("SELECT count(*) FROM sqlite_schema", [], first::<i64>) {
        Ok(0) => return Ok((Alone::Blank, false)),
        Ok(_) => {}
        Err(error) => return Ok(damaged(error)),
    }
    let copy = conn
        .query_row("SELECT copy FROM control WHERE id = 1", [], first)
        .unwrap_or(false);
    let known = "SELECT count(*) FROM pragma_table_info('audit_chain') WHERE name = 'identity'";
    Ok(match conn.query_row(known, [], first::<i64>) {
        Ok(0) => (Alone::Earlier, copy),
        Ok(_) => match alone_file::identity(&conn) {
            Ok(Some(identity)) => (Alone::Known(identity), copy),
            Ok(None) => (Alone::Damaged("its identity is missing or torn".to_owned()), copy),
            Err(error) => damaged(error),
        },
        Err(error) => damaged(error),
    })
}
