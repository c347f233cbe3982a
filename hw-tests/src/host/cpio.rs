//! The archive format of the kernel's first file system, "newc"
//! (Documentation/driver-api/early-userspace).

use std::collections::BTreeSet;
use std::path::Path;

/// An archive under construction.
#[derive(Default)]
pub(super) struct Cpio {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    number: u32,
}

impl Cpio {
    /// Adds a file at an absolute path, with the folders above it.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.above(path);
        self.entry(path, FILE | mode, content);
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.above(path);
        self.entry(path, LINK | 0o777, target.as_bytes());
    }

    pub(super) fn folder(&mut self, path: &str) {
        self.above(path);
        if self.folders.insert(path.to_owned()) {
            self.entry(path, FOLDER | 0o755, &[]);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn above(&mut self, path: &str) {
        if let Some(parent) = Path::new(path).parent().and_then(Path::to_str)
            && parent != "/"
            && !parent.is_empty()
        {
            self.folder(parent);
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.number += 1;
        let name = path.trim_start_matches('/');
        // Inode, mode, owner, group, links, time, size, device of the file (major, minor), its own
        // device (major, minor), length of the name, checksum.
        let fields = [
            self.number,
            mode,
            0,
            0,
            1,
            0,
            size(content.len()),
            0,
            0,
            0,
            0,
            size(name.len() + 1),
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A file of 4 GiB does not fit into the format, nor into the guest.
fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
