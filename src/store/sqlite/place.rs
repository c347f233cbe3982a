//! Whether the store's path still leads to the file that is open.
//!
//! A program that renames, copies or removes the files of an open store leaves it writing to files that the next start does not find.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::OpenError;
use super::connection::beside;

/// Where an open store is.
#[derive(Debug)]
pub(super) struct Place {
    /// As the caller named it.
    given: PathBuf,
    /// Without symbolic links: what SQLite puts beside a file, it puts beside this one.
    path: PathBuf,
    log: PathBuf,
    file: (u64, u64),
    log_file: OnceLock<(u64, u64)>,
    /// Why nothing may be answered from it any more.
    lost: OnceLock<String>,
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

impl Place {
    /// The file that is at this path now.
    pub(super) fn of(given: &Path, path: PathBuf) -> Result<Place, OpenError> {
        let given = std::path::absolute(given).map_err(|error| OpenError::io(given, &error))?;
        let file = inode(&given).map_err(|error| OpenError::io(&given, &error))?;
        Ok(Place { log: beside(&path, "-wal"), given, path, file, log_file: OnceLock::new(), lost: OnceLock::new() })
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

    /// Fails for good once either path has led to another file, or to none.
    pub(super) fn unmoved(&self) -> Result<(), String> {
        if let Some(lost) = self.lost.get() {
            return Err(lost.clone());
        }
        let moved = match self.log_file.get() {
            _ if inode(&self.given).ok() != Some(self.file) => &self.given,
            Some(log) if inode(&self.log).ok() != Some(*log) => &self.log,
            _ => return Ok(()),
        };
        let (moved, path) = (moved.display(), self.given.display());
        let lost = self.lost.get_or_init(|| {
            format!(
                "{moved} was replaced, moved or removed while the store was in use: put back the files that were there, \
                 or run `twostep store restore {path}`, then start again"
            )
        });
        Err(lost.clone())
    }
}

/// Device and inode of what a path leads to.
pub(super) fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
