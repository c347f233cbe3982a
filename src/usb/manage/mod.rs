//! Looking after a key: what it is, its PIN, its credentials and fingerprints.
//!
//! The library behind this can hang, panic and print on what a key sends, so that it runs in a
//! process of its own: this program again, started to call [`serve`]. [`manage`] starts it, gives
//! it a deadline and believes nothing but one JSON document from it.

mod child;
mod work;

pub use child::{manage, serve};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::Text;
use super::person::Pin;

/// A task for a key. The child process gets it on standard input, never as an argument.
pub enum Task {
    /// Read the key's description.
    Info,
    /// A PIN for a key that has none.
    SetPin {
        /// The PIN to be.
        new: Pin,
    },
    /// Another PIN.
    ChangePin {
        /// The PIN as it is.
        current: Pin,
        /// The PIN to be.
        new: Pin,
    },
    /// The credentials that the key holds itself (discoverable ones); others are held by the
    /// relying party alone.
    Credentials {
        /// The PIN.
        pin: Pin,
    },
    /// Deletes one of those credentials, for good.
    DeleteCredential {
        /// The PIN.
        pin: Pin,
        /// The credential.
        id: Vec<u8>,
    },
    /// The fingers that the key knows.
    Fingerprints {
        /// The PIN.
        pin: Pin,
    },
}

/// A key's answer to a task.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// To [`Task::Info`].
    Info(Info),
    /// The task is done.
    Done,
    /// To [`Task::Credentials`].
    Credentials(Vec<Held>),
    /// To [`Task::Fingerprints`].
    Fingerprints(Vec<Fingerprint>),
}

/// A key's description of itself (authenticatorGetInfo, CTAP 2.1 §6.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The protocols it speaks.
    pub versions: Vec<Text>,
    /// Extensions.
    pub extensions: Vec<Text>,
    /// The model, 16 bytes in hexadecimal.
    pub aaguid: String,
    /// Options and whether each is on.
    pub options: Vec<(Text, bool)>,
    /// The transports of the key.
    pub transports: Vec<Text>,
    /// The signatures it can make, by their COSE names.
    pub algorithms: Vec<Text>,
    /// The version of its software.
    pub firmware: u32,
    /// The least length of a PIN.
    pub min_pin_length: u32,
    /// The PIN must be changed before it is used.
    pub force_pin_change: bool,
    /// The number of further discoverable credentials that the key can store.
    pub remaining_credentials: u32,
}

/// A credential that a key holds itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// For which RP ID.
    pub rp_id: Text,
    /// The id, in hexadecimal.
    pub id: String,
    /// The user's name, as the relying party gave it.
    pub user: Text,
}

/// A finger that a key knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The id, in hexadecimal.
    pub id: String,
    /// The name that the owner gave.
    pub name: Text,
}

/// A task on its way to the other process.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    path: PathBuf,
    verb: Verb,
    pin: Zeroizing<String>,
    new: Zeroizing<String>,
    credential: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Info,
    SetPin,
    ChangePin,
    Credentials,
    DeleteCredential,
    Fingerprints,
}

/// The child's reply.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Info(Info),
    Done,
    Credentials(Vec<Held>),
    Fingerprints(Vec<Fingerprint>),
    /// The key refused with this CTAP2 status; its tries that are left, where a PIN was wrong.
    Status(u8, Option<u8>),
    /// The key lacks the feature.
    Unfit,
    /// Another error, in the library's words.
    Failed(String),
}

impl Task {
    fn request(self, path: PathBuf) -> Request {
        let blank = || Zeroizing::new(String::new());
        let mut request =
            Request { path, verb: Verb::Info, pin: blank(), new: blank(), credential: Vec::new() };
        match self {
            Task::Info => {}
            Task::SetPin { new } => (request.verb, request.new) = (Verb::SetPin, new.into_typed()),
            Task::ChangePin { current, new } => {
                (request.verb, request.pin, request.new) =
                    (Verb::ChangePin, current.into_typed(), new.into_typed());
            }
            Task::Credentials { pin } => {
                (request.verb, request.pin) = (Verb::Credentials, pin.into_typed())
            }
            Task::DeleteCredential { pin, id } => {
                (request.verb, request.pin, request.credential) =
                    (Verb::DeleteCredential, pin.into_typed(), id);
            }
            Task::Fingerprints { pin } => {
                (request.verb, request.pin) = (Verb::Fingerprints, pin.into_typed())
            }
        }
        request
    }
}
