//! The directory of kept sessions: private files of one user, written whole or not at all.
//!
//! `$XDG_RUNTIME_DIR/twostep`, or `/run/user/UID/twostep` where that variable is not set (sudo and
//! su drop it). Both end with the user's last login on this machine, and no other user may read
//! them. Names are opened below the open directory and never through a symbolic link.

use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};
use zeroize::Zeroizing;

use crate::cli::output::Failure;

/// An open directory that only this user can read or write.
pub(super) struct Place {
    path: PathBuf,
    directory: OwnedFd,
}

impl Place {
    /// Opens the directory, and makes it first if it is missing.
    ///
    /// # Errors
    /// A user without a runtime directory, or another user can change what is in it.
    pub(super) fn open() -> Result<Place, Failure> {
        let base = base()?;
        let path = base.join("twostep");
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(unusable(&path, &error.to_string()));
            }
            _ => {}
        }
        Place::existing(path)
    }

    /// Opens the directory if it is there.
    pub(super) fn find() -> Option<Place> {
        Place::existing(base().ok()?.join("twostep")).ok()
    }

    fn existing(path: PathBuf) -> Result<Place, Failure> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        let directory = open(&path, flags, Mode::empty());
        let directory = File::from(directory.map_err(|error| unusable(&path, error.desc()))?);
        let metadata = directory.metadata().map_err(|error| unusable(&path, &error.to_string()))?;
        private(&metadata).map_err(|why| unusable(&path, why))?;
        Ok(Place { path, directory: directory.into() })
    }

    /// The path of a file in it.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The names of its files.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// The content of a file; none if it is missing, too long, or not this user's alone.
    pub(super) fn read(&self, name: &str) -> Option<Zeroizing<String>> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_RDONLY;
        let file = File::from(openat(&self.directory, name, flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        let whole = metadata.is_file() && metadata.nlink() == 1 && metadata.len() <= LONGEST;
        if !whole || private(&metadata).is_err() {
            return None;
        }
        let mut text = Zeroizing::new(String::with_capacity(4_096));
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Replaces a file, or makes it. A reader sees the old content or the new one.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let begun = format!(".{name}.{}", std::process::id());
        let failed = |error: &str| unusable(&self.path_of(name), error);
        let flags =
            OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_WRONLY;
        let _ = self.remove(&begun);
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = openat(&self.directory, begun.as_str(), flags, mode);
        let mut file = File::from(file.map_err(|error| failed(error.desc()))?);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let placed = written.map_err(|error| error.to_string()).and_then(|()| {
            renameat(&self.directory, begun.as_str(), &self.directory, name)
                .map_err(|error| error.desc().to_owned())
        });
        placed.map_err(|error| {
            let _ = self.remove(&begun);
            failed(&error)
        })
    }

    /// Removes a file, or finds that it is missing.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        match unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(unusable(&self.path_of(name), error.desc())),
        }
    }
}

/// The runtime directory of this user.
fn base() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty());
    let path =
        named.map_or_else(|| format!("/run/user/{}", Uid::effective()).into(), PathBuf::from);
    if !path.is_absolute() {
        return Err(unusable(&path, "XDG_RUNTIME_DIR is not an absolute path"));
    }
    let metadata = std::fs::metadata(&path).map_err(|error| unusable(&path, &error.to_string()))?;
    match metadata.uid() == Uid::effective().as_raw() && metadata.mode() & 0o022 == 0 {
        true => Ok(path),
        false => Err(unusable(&path, "other users can write there")),
    }
}

/// Sees that a file or directory is this user's, and closed to others.
fn private(metadata: &std::fs::Metadata) -> Result<(), &'static str> {
    match (metadata.uid() == Uid::effective().as_raw(), metadata.mode() & 0o077) {
        (false, _) => Err("it belongs to another user"),
        (true, 0) => Ok(()),
        (true, _) => Err("other users can read it: chmod go= makes it private"),
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::bad_input(format!("no session can be kept in {}: {why}", path.display()))
        .hint("XDG_RUNTIME_DIR names a directory of your own; --print prints the token instead")
}

/// The longest content: a token has a few hundred bytes.
const LONGEST: u64 = 65_536;

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let place = Place::existing(folder.path().to_owned()).unwrap();
        (folder, place)
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let (folder, place) = place();
        for text in ["first", "second, which is longer"] {
            place.write("a.jwt", text).unwrap();
            assert_eq!(place.read("a.jwt").unwrap().as_str(), text);
        }
        let metadata = std::fs::metadata(folder.path().join("a.jwt")).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(place.names(), ["a.jwt"], "nothing else is left");
        place.remove("a.jwt").unwrap();
        assert!(place.read("a.jwt").is_none());
        place.remove("a.jwt").unwrap();
    }

    #[test]
    fn links_and_files_of_others_are_not_read() {
        let (folder, place) = place();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("token");
        std::fs::write(&target, "planted").unwrap();
        set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
        symlink(&target, folder.path().join("a.jwt")).unwrap();
        assert!(place.read("a.jwt").is_none(), "a symbolic link");
        place.write("a.jwt", "own").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "planted", "the link was replaced");
        assert_eq!(place.read("a.jwt").unwrap().as_str(), "own");
        set_permissions(folder.path().join("a.jwt"), Permissions::from_mode(0o640)).unwrap();
        assert!(place.read("a.jwt").is_none(), "the group may read it");
        std::fs::hard_link(&target, folder.path().join("b.jwt")).unwrap();
        assert!(place.read("b.jwt").is_none(), "a hard link");

        let link = elsewhere.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(Place::existing(link).is_err(), "a link to the directory");
        set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
        assert!(Place::existing(folder.path().to_owned()).is_err(), "the group may look in");
    }
}
