//! Files and folders that no other user may change.

use std::fs;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::unistd::Uid;

/// The folder of a file; of a name without a slash, the working directory.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    }
}

/// Creates the folder of this file with mode 0700, if it is missing.
pub(crate) fn make_private_folder(file: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder_of(file))
}

/// Refuses a folder in which another user can rename files: they could put their own file where
/// ours is expected. A missing folder passes.
pub(crate) fn only_we_replace_files_in(folder: &Path) -> Result<(), String> {
    let Ok(folder_is) = fs::metadata(folder) else { return Ok(()) };
    let shared = folder_is.mode() & 0o022 != 0 && folder_is.mode() & 0o1000 == 0;
    let ours = [0, Uid::effective().as_raw()].contains(&folder_is.uid());
    let show = folder.display();
    match (shared, ours) {
        (true, _) => Err(format!("others may replace files in {show}; run: chmod go-w {show}")),
        (_, false) => {
            Err(format!("{show} belongs to another user; name a directory of root's or your own"))
        }
        _ => Ok(()),
    }
}
