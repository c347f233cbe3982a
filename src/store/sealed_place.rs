//! Places that sealed secrets are bound to.

use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;

/// The places where sealed secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedPlace {
    /// The seed of a device.
    Seed {
        /// The device.
        serial: SerialNumber,
        /// The device's account, which the seal is bound to; none while the device is unassigned.
        account: Option<AccountId>,
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
    /// A ceremony, sealed into its own id. It is over before a key that sealed it is thrown away,
    /// and is never sealed again.
    Ceremony {
        /// The time of the last restore, which ends all that began before.
        restored: Option<UnixTime>,
    },
    /// The session token of temporary credentials, which their holder keeps. It is over before a
    /// key that sealed it is thrown away, and is never sealed again.
    SessionToken,
    /// The body of a single-use item. It is over before a key that sealed it is thrown away, and is
    /// never sealed again.
    Item {
        /// The item's id.
        id: String,
    },
}

impl SealedPlace {
    /// The associated data that binds a secret to its place: each part with its length before it.
    pub(super) fn bound_to(&self, format: u8) -> Vec<u8> {
        let restored_at: String;
        let parts: Vec<&str> = match self {
            SealedPlace::Seed { serial, account } => {
                // No account has an empty name.
                let owner = account.as_ref().map_or("", AccountId::as_str);
                vec!["device", "seed", serial.as_str(), owner]
            }
            SealedPlace::SigningKey { kid } => vec!["signing key", "private", kid],
            SealedPlace::Value { name } => vec!["value", name],
            SealedPlace::Ceremony { restored } => {
                restored_at = restored.map_or_else(String::new, |at| at.0.to_string());
                vec!["ceremony", &restored_at]
            }
            SealedPlace::SessionToken => vec!["session token"],
            SealedPlace::Item { id } => vec!["item", id],
        };
        let mut data = vec![format];
        for part in parts {
            data.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}
