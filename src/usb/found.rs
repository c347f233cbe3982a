//! Keys on the bus and their condition, for the list and for `key doctor`.

use serde::Serialize;

use super::key::{Key, Text};

/// One FIDO HID interface, as far as we may look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The key.
    pub key: Key,
    /// Access to the key's node by this process.
    pub access: Access,
    /// The node is tagged by udev as a security key for the local session; unknown without udevd.
    pub tagged: Option<bool>,
    /// The key's answer; `None` if the key was not opened.
    pub answer: Option<Answer>,
}

/// Access to a key's node.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The key was opened.
    Open,
    /// Not by us: the node belongs to these, with this mode.
    NotAllowed {
        /// The permission bits, `0o600`. The group's are the mask where there is an access control
        /// list.
        mode: u32,
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// The key was unplugged, or its node is missing.
    Gone,
    /// Another error, in the system's words.
    Failed(String),
}

/// A key's answer to the question what it is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A complete description.
    About(About),
    /// Another program used it all the time.
    Busy,
    /// The key works, but did not answer in time.
    Slow,
    /// No answer.
    Silent,
    /// A violation of the protocol, described in words.
    Misbehaved(String),
}

/// A key's description of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// The protocols: `U2F_V2`, `FIDO_2_0`, `FIDO_2_1`.
    pub versions: Vec<Text>,
    /// The model, if it is a FIDO2 key: 16 bytes in hexadecimal groups.
    pub aaguid: Option<String>,
    /// The version of its software, of FIDO2 keys that say it; else that of its USB device.
    pub firmware: String,
    /// The state of its PIN.
    pub pin: PinState,
    /// A built-in method, such as a fingerprint, is set up.
    pub user_verification: bool,
    /// The number of further discoverable credentials that the key can store, if it says so.
    pub remaining_credentials: Option<u64>,
    /// The key asks for a PIN or a fingerprint every time.
    pub always_verifies: bool,
}

/// The state of a key's PIN.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinState {
    /// The key knows no PIN.
    Unsupported,
    /// No PIN is set.
    NotSet,
    /// One was set.
    Set {
        /// Tries left.
        retries: Option<u8>,
        /// The key takes no PIN until it is plugged in again.
        power_cycle: bool,
        /// The PIN must be changed before it is used.
        must_change: bool,
    },
    /// All tries are used up.
    Blocked,
}

/// The processes that have a key open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// The processes that this one may see.
    pub seen: Vec<Holder>,
    /// Processes that belong to others and that we may not look into.
    pub unseen: usize,
}

/// A process that has a key open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The process number.
    pub pid: u32,
    /// The program's name.
    pub program: Text,
}
