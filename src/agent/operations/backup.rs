//! Backups of the store, and the removal of old ones. For administrators.

use std::path::{Path, PathBuf};

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::scope;
use crate::agent::state::State;
use crate::time::UnixTime;
use crate::verifier::Error;

/// The place of a backup.
pub(crate) enum Place {
    /// A new file at this path.
    File(PathBuf),
    /// A file beside the store. So many of them are kept, if a number is given.
    BesideStore(Option<u32>),
}

/// A backup that was made.
pub(crate) struct Made {
    pub(crate) file: PathBuf,
    /// Older backups that were removed.
    pub(crate) removed: Vec<PathBuf>,
}

/// Copies the store, while it is in use, into a new file.
pub(crate) async fn make(state: &State, caller: &Caller, place: Place) -> Result<Made, Failure> {
    caller.must_be(Role::Admin)?;
    let (file, keep) = match place {
        Place::File(file) => (file, None),
        Place::BesideStore(keep) => {
            if keep.is_some_and(|keep| !(1..=1_000).contains(&keep)) {
                return Err(Denied::bad_input("keep: 1 to 1000 backups").into());
            }
            (beside_store(state)?, keep)
        }
    };
    is_new_file(&file)?;
    let backup = state
        .backup
        .as_ref()
        .ok_or_else(|| Denied::bad_input("this store is backed up with its own tools"))?;
    let copied = backup.backup(file.clone()).await;
    copied.map_err(|error| Denied::Unavailable(format!("the backup failed: {error}")))?;
    match scope::verifier(state, caller).note_backup().await {
        // A backup is worth most when something is wrong.
        Err(Error::Clock(fault)) => tracing::warn!(%fault, "the backup is made, and not noted"),
        noted => noted?,
    }
    let removed = match keep {
        None => Vec::new(),
        Some(keep) => {
            let (kept, keep) = (file.clone(), usize::try_from(keep).unwrap_or(usize::MAX));
            // Files are removed on a thread that may block.
            tokio::task::spawn_blocking(move || remove_older(&kept, keep))
                .await
                .unwrap_or_default()
        }
    };
    Ok(Made { file, removed })
}

fn beside_store(state: &State) -> Result<PathBuf, Denied> {
    let now = state.verifier.clock().read().wall;
    let file = state.config.store_url().file().map(|file| file.with_file_name(name(now)));
    file.ok_or_else(|| Denied::bad_input("say where to: path"))
}

/// The name of a backup of this time; later ones sort behind it.
fn name(at: UnixTime) -> String {
    format!("{BEGIN}{}{END}", at.to_string().replace(':', ""))
}

/// True for names that [`name`] makes. No other file is ever removed.
fn is_backup(name: &str) -> bool {
    let at = name.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    at.is_some_and(|at| {
        let like = |(c, shape): (char, char)| match shape {
            '0' => c.is_ascii_digit(),
            shape => c == shape,
        };
        at.len() == SHAPE.len() && at.chars().zip(SHAPE.chars()).all(like)
    })
}

/// Removes backups beside this one until `keep` are left, the oldest first and never this one. One
/// that cannot be removed stays, and is logged.
fn remove_older(made: &Path, keep: usize) -> Vec<PathBuf> {
    let Some(folder) = made.parent() else { return Vec::new() };
    let mut others: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| {
            path != made && path.file_name().and_then(|name| name.to_str()).is_some_and(is_backup)
        })
        .collect();
    others.sort_unstable();
    let more = (others.len() + 1).saturating_sub(keep);
    others.truncate(more);
    others.retain(|path| match std::fs::remove_file(path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "an old backup was not removed");
            false
        }
    });
    others
}

const BEGIN: &str = "twostep-";

const END: &str = ".db";

/// A time in the name of a backup, with a zero for each digit.
const SHAPE: &str = "0000-00-00T000000Z";

/// Refuses a path where no new file can be.
fn is_new_file(path: &Path) -> Result<(), Denied> {
    let show = path.display();
    let folder = path.parent().filter(|folder| !folder.is_dir());
    let fault = match folder {
        _ if !path.is_absolute() => format!("path {show} is not absolute: begin it with /"),
        _ if path.symlink_metadata().is_ok() => {
            format!("path {show} is there already: name another file")
        }
        Some(folder) => format!("path {show}: {} is no directory: make it first", folder.display()),
        None => return Ok(()),
    };
    Err(Denied::bad_input(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_backups_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let backups: Vec<PathBuf> = (1..=5).map(|day| at(&name(UnixTime(day * 86_400)))).collect();
        let others = [
            "twostep.db",
            "twostep-wal.db",
            "twostep-2026-01-01T000000Z.db.gz",
            "twostep-2026-01-01.db",
            "xtwostep-2026-01-01T000000Z.db",
        ]
        .map(at);
        for file in backups.iter().chain(&others) {
            std::fs::write(file, "").unwrap();
        }
        std::fs::create_dir(at("twostep-1970-01-01T000000Z.db")).unwrap();
        // The clock went back: the newest one is not the last by name.
        assert_eq!(remove_older(&backups[1], 3), [&backups[0], &backups[2]].map(Clone::clone));
        let left = [&backups[1], &backups[3], &backups[4]];
        assert!(left.into_iter().chain(&others).all(|file| file.exists()));
        assert!(remove_older(&backups[1], 1_000).is_empty());
        assert_eq!(remove_older(&backups[1], 1).len(), 2);
        assert!(backups[1].exists() && others.iter().all(|file| file.exists()));
    }
}
