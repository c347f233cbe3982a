//! Credentials in the state of a ceremony.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A credential in the state of a ceremony: the first bytes of the digest of its id, so that the
/// state stays short. The state is sealed, and a match decides nothing alone.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Listed(u64);

impl Listed {
    pub(super) fn of(id: &[u8]) -> Listed {
        let digest: [u8; 32] = Sha256::digest(id).into();
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        Listed(u64::from_be_bytes(first))
    }
}
