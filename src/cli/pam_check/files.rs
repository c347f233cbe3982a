//! Files of stacks and modules, and the users who could write them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::pam_stack::Source;

/// Files on this machine's disk.
pub(super) struct Disk;

impl Source for Disk {
    fn files(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
        Ok(paths.into_iter().filter(|path| path.is_file()).collect())
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned())
    }
}

/// The file of a module, by the name in a line; none if there is none where libpam looks for it.
pub(super) fn module(root: &Path, name: &str) -> Option<PathBuf> {
    if let Ok(name) = Path::new(name).strip_prefix("/") {
        return Some(root.join(name)).filter(|file| file.is_file());
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for libraries in ["lib", "lib64", "usr/lib", "usr/lib64"].map(|folder| root.join(folder)) {
        // Debian's own are in a folder for each architecture.
        let entries = fs::read_dir(&libraries).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join("security")));
        folders.push(libraries.join("security"));
    }
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The path through which another user could change this file: itself, or a folder above it, up to
/// the root. None if only the owner of the root can.
pub(super) fn writable(root: &Path, file: &Path) -> Option<PathBuf> {
    let owner = fs::metadata(root).ok()?.uid();
    let trusted = |path: &Path| {
        fs::metadata(path).is_ok_and(|there| {
            (there.uid() == owner || there.uid() == 0) && there.mode() & 0o022 == 0
        })
    };
    // A link is as good as the place that it points to.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let below = |path: &&Path| path.starts_with(root) && *path != root;
    file.ancestors()
        .take_while(below)
        .find(|path| path.exists() && !trusted(path))
        .map(Path::to_owned)
}
