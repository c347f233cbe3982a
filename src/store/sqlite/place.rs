//! Watches that the store's path still leads to the file that is open.
//!
//! A program that renames, overwrites or removes the files of an open store leaves it writing to
//! files that the next start does not find.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::alone_file::Said;
use super::connection::beside;
use super::identity::Identity;
use super::{alone_file, connection};
use crate::store::OpenError;

/// The place of an open store.
#[derive(Debug)]
pub(super) struct Place {
    /// As the caller named it.
    given: PathBuf,
    /// Without symbolic links: what SQLite puts beside a file, it puts beside this one.
    path: PathBuf,
    log: PathBuf,
    file: (u64, u64),
    log_file: OnceLock<(u64, u64)>,
    content: Mutex<Content>,
    /// The reason why no answer may come from it any more.
    lost: OnceLock<String>,
}

/// Known content of the files: neither shrinks while they are open, and only a
/// checkpoint changes the first.
#[derive(Debug, Default)]
struct Content {
    changed: (i64, i64),
    size: u64,
    log_size: u64,
    /// The identity in the file alone.
    stands: Option<Identity>,
    /// The change since which it cannot be read, and when that was seen first.
    unreadable: Option<((i64, i64), Instant)>,
}

/// Resolves symbolic links, also of a file that is not there yet.
pub(super) fn real(path: &Path) -> Result<PathBuf, OpenError> {
    let path = std::path::absolute(path).map_err(|error| OpenError::io(path, &error))?;
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => Ok(folder.join(name)),
        _ => Ok(path),
    }
}

/// The path of a file that is there.
pub(super) fn existing(path: &Path) -> Result<PathBuf, OpenError> {
    let path = real(path)?;
    std::fs::metadata(&path).map_err(|error| OpenError::io(&path, &error))?;
    Ok(path)
}

impl Place {
    /// The file that is at this path now.
    pub(super) fn of(given: &Path, path: PathBuf) -> Result<Place, OpenError> {
        let given = std::path::absolute(given).map_err(|error| OpenError::io(given, &error))?;
        let file = inode(&given).map_err(|error| OpenError::io(&given, &error))?;
        let log = beside(&path, "-wal");
        Ok(Place {
            log,
            given,
            path,
            file,
            log_file: OnceLock::new(),
            content: Mutex::default(),
            lost: OnceLock::new(),
        })
    }

    /// Writes down which log is beside it, once there is one.
    pub(super) fn found_log(&self) -> Result<(), OpenError> {
        let log = inode(&self.log).map_err(|error| OpenError::io(&self.log, &error))?;
        self.log_file.get_or_init(|| log);
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Device and inode.
    pub(super) fn file(&self) -> (u64, u64) {
        self.file
    }

    /// Fails for good once either path has led to another file or to none, or a file was written by
    /// another program.
    pub(super) fn unmoved(&self) -> Result<(), String> {
        if let Some(lost) = self.lost.get() {
            return Err(lost.clone());
        }
        self.moved().map_or(Ok(()), |moved| Err(self.lose(moved)))
    }

    fn lose(&self, moved: &Path) -> String {
        let (moved, path) = (moved.display(), self.given.display());
        let lost = self.lost.get_or_init(|| {
            format!(
                "{moved} was overwritten, replaced, moved or removed while the store was in use: \
                 put back the files that were there, \
                 or put a backup in the place of {path} and run `twostep store restore {path}`, \
                 then start again"
            )
        });
        lost.clone()
    }

    /// True if the identity in the file could be read at the last look. Otherwise the log must not
    /// be carried over.
    pub(super) fn is_readable(&self) -> bool {
        self.content().unreadable.is_none()
    }

    /// Sees, before a log that has come so far is emptied into the file, that the file is at most
    /// as far. A checkpoint that another program is in the middle of is waited for.
    pub(super) fn takes(&self, reached: Option<&Identity>) -> Result<(), String> {
        if self.content().stands.is_none() {
            // The file never had one: it is of an earlier schema, and all that is newer is in the
            // log.
            return Ok(());
        }
        let fits = |now: Identity| {
            reached
                .is_none_or(|reached| now.store == reached.store && now.place() <= reached.place())
        };
        if connection::patiently(
            CHECKPOINT,
            || matches!(alone_file::identity_alone(&self.path), Said::Identity(now) if fits(now)),
        ) {
            return Ok(());
        }
        match alone_file::identity_alone(&self.path) {
            Said::Unread(reason) => Err(format!(
                "{} cannot be read ({reason}): its log was kept, start again",
                self.given.display()
            )),
            Said::Identity(_) | Said::Nothing => Err(self.lose(&self.given)),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self) -> Option<&Path> {
        let mut content = self.content();
        let Some(file) = std::fs::metadata(&self.given).ok().filter(|file| of(file) == self.file)
        else {
            return Some(&self.given);
        };
        if file.len() < content.size || !self.goes_on(&file, &mut content) {
            return Some(&self.given);
        }
        let known = self.log_file.get()?;
        match std::fs::metadata(&self.log)
            .ok()
            .filter(|log| of(log) == *known && log.len() >= content.log_size)
        {
            Some(log) => content.log_size = log.len(),
            None => return Some(&self.log),
        }
        None
    }

    /// True if a file that has changed goes on from its earlier state: a checkpoint of any program
    /// moves it forward. What cannot be read, in the middle of one, is looked at again, as long as
    /// it changes.
    fn goes_on(&self, file: &Metadata, content: &mut Content) -> bool {
        let changed = (file.ctime(), file.ctime_nsec());
        if changed == content.changed {
            return true;
        }
        let now = match alone_file::identity_alone(&self.path) {
            Said::Identity(now) => Some(now),
            Said::Nothing => None,
            Said::Unread(_) => return true,
        };
        let Some(now) = now else {
            if content.stands.is_none() {
                return true;
            }
            let (seen, since) =
                *content.unreadable.get_or_insert_with(|| (changed, Instant::now()));
            if seen != changed {
                content.unreadable = Some((changed, Instant::now()));
            }
            return seen != changed || since.elapsed() < STILL;
        };
        if content
            .stands
            .is_some_and(|was| was.store != now.store || was.place() > now.place())
        {
            return false;
        }
        *content = Content {
            changed,
            size: file.len(),
            log_size: content.log_size,
            stands: Some(now),
            unreadable: None,
        };
        true
    }
}

fn of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The longest time an unreadable file may stay unchanged: no checkpoint pauses for so long.
const STILL: Duration = Duration::from_secs(2);

/// The longest wait for a checkpoint of another program.
const CHECKPOINT: Duration = Duration::from_millis(500);

/// Device and inode of what a path leads to.
pub(super) fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|file| of(&file))
}
