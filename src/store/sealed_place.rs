//! Places that sealed secrets are bound to.

use crate::id::{AccountId, SerialNumber};

/// The places where sealed secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedPlace {
    /// The seed of a device.
    Seed {
        /// The device.
        serial: SerialNumber,
        /// The device's account, which the seal is bound to.
        account: AccountId,
    },
    /// The private half of a signing key.
    SigningKey {
        /// The key's id.
        kid: String,
    },
    /// A named value.
    Value {
        /// The value's name.
        name: String,
    },
    /// The state of a ceremony. It is over before a key that sealed it is thrown away, and is never
    /// sealed again.
    Ceremony {
        /// The ceremony's id.
        id: String,
        /// The account, which the seal is bound to.
        account: AccountId,
    },
}

impl SealedPlace {
    /// The associated data that binds a secret to its place: each part with its length before it.
    pub(super) fn bound_to(&self, format: u8) -> Vec<u8> {
        let parts: Vec<&str> = match self {
            SealedPlace::Seed { serial, account } => {
                vec!["device", "seed", serial.as_str(), account.as_str()]
            }
            SealedPlace::SigningKey { kid } => vec!["signing key", "private", kid],
            SealedPlace::Value { name } => vec!["value", name],
            SealedPlace::Ceremony { id, account } => vec!["ceremony", id, account.as_str()],
        };
        let mut data = vec![format];
        for part in parts {
            data.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}
