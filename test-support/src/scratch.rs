//! Folders for stores that end with the test.

use std::path::Path;

use tempfile::TempDir;

/// A new folder, in memory where there is such a place: these tests put decisions to the test, not
/// the disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}
