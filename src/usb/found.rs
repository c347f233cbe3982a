//! What is plugged in, and how it is: for the list and for the doctor.

use serde::Serialize;

use super::key::{Key, Text};

/// One FIDO HID interface, as far as we may look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What it is called.
    pub key: Key,
    /// Whether we may open it.
    pub access: Access,
    /// Whether udev knows it for a security key and gives it to whoever is logged in here; unknown
    /// where no udevd runs.
    pub tagged: Option<bool>,
    /// What it said; nothing if it was not opened.
    pub answer: Option<Answer>,
}

/// Whether a key can be opened.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It was opened.
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
    /// It was unplugged meanwhile, or its node is missing.
    Gone,
    /// Something else, in the system's words.
    Failed(String),
}

/// How a key answered when it was asked what it is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is well.
    About(About),
    /// Another program used it all the time.
    Busy,
    /// It works, and had not answered in time.
    Slow,
    /// It said nothing.
    Silent,
    /// It broke the protocol, in this way.
    Misbehaved(String),
}

/// What a key says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// The protocols: `U2F_V2`, `FIDO_2_0`, `FIDO_2_1`.
    pub versions: Vec<Text>,
    /// The model, if it is a FIDO2 key: 16 bytes in hexadecimal groups.
    pub aaguid: Option<String>,
    /// The version of its software, of FIDO2 keys that say it; else that of its USB device.
    pub firmware: String,
    /// Its PIN.
    pub pin: PinState,
    /// It knows its person by itself, by a fingerprint for example, and has learnt one.
    pub user_verification: bool,
    /// How many more credentials it can hold that are found without a name, where it says so.
    pub remaining_credentials: Option<u64>,
    /// It asks for a PIN or a fingerprint every time.
    pub always_verifies: bool,
}

/// How the PIN of a key is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinState {
    /// The key knows no PIN.
    Unsupported,
    /// None was set.
    NotSet,
    /// One was set.
    Set {
        /// Tries left.
        retries: Option<u8>,
        /// It takes none until it is plugged in again.
        power_cycle: bool,
        /// It wants a new one first.
        must_change: bool,
    },
    /// All tries are used up.
    Blocked,
}

/// Who has a key open, as far as we may see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// Those seen.
    pub seen: Vec<Holder>,
    /// Processes that belong to others and that we may not look into.
    pub unseen: usize,
}

/// A process that has a key open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub program: Text,
}
