//! Identity of a key that is plugged in, as far as the system shows it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::usb::Key;

/// A key with its device node: the system makes a new node for each key that is plugged in, even
/// under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyIdentity {
    key: Key,
    node: Option<(u64, u64, i64, i64)>,
}

impl KeyIdentity {
    pub(super) fn of(key: Key) -> KeyIdentity {
        let node = fs::symlink_metadata(&key.path).ok();
        let node = node.map(|node| (node.dev(), node.ino(), node.ctime(), node.ctime_nsec()));
        KeyIdentity { key, node }
    }
}
