//! A small disk of its own for the store, which can be filled.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one, which takes root.
    pub(crate) fn mount(at: &Path) -> Disk {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "twostep-torture"])
            .arg(at)
            .status()
            .unwrap();
        assert!(mounted.success(), "a small disk can be mounted at {}", at.display());
        Disk { at: at.to_owned() }
    }

    /// Leaves no room at all.
    pub(crate) fn fill(&self) {
        let mut filler = fs::File::create(self.at.join("filler")).unwrap();
        for size in [65_536, 4_096] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Makes room again.
    pub(crate) fn clear(&self) {
        let _ = fs::remove_file(self.at.join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// Tells if this user can mount disks.
pub(crate) fn can_mount() -> bool {
    test_support::tools::have("mount,umount,root")
}
