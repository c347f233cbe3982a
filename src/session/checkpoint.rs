//! Checkpoints of the audit log: statements on where its chains end, signed like contexts and by
//! the same keys. Their `typ` distinguishes them from contexts.
//!
//! A checkpoint that is kept outside the store outlives an edit of it: who has the checkpoint and
//! the public keys of its time recomputes the hashes and sees whether they lead to it.

use serde::{Deserialize, Serialize};

#[cfg(feature = "session")]
use crate::session::Issuer;
use crate::session::{Invalid, JwkSet, jws};
#[cfg(feature = "session")]
use crate::store::{AuditEnd, AuditEnds, ChainEnd, ChainId, hex};
use crate::time::UnixTime;
#[cfg(feature = "session")]
use crate::verifier::Error;

/// The content of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The issuer.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// The time of it, in seconds since 1970.
    #[serde(rename = "iat")]
    pub at: u64,
    /// The store's id, in hex.
    pub store: String,
    /// The store's epoch, which a restore raises.
    pub epoch: u64,
    /// The chains.
    pub chains: Vec<CheckedChain>,
}

/// A chain of the audit log in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedChain {
    /// The chain.
    pub chain: u32,
    /// The number of the last row that went with time.
    pub base: u64,
    /// The hash of that row. Checkpoints of earlier versions have none.
    #[serde(default)]
    pub base_hash: String,
    /// The number of the last row from before rows were authenticated.
    pub closed: u64,
    /// The number of the last row.
    pub number: u64,
    /// The hash of the last row.
    pub hash: String,
}

impl Checkpoint {
    /// Reads a checkpoint that one of these keys has signed.
    ///
    /// # Errors
    /// [`Invalid`]: the text is no checkpoint, or was not signed by one of the keys.
    pub fn read(text: &str, keys: &JwkSet) -> Result<Checkpoint, Invalid> {
        jws::open(text, &[TYP], keys)?.payload().ok_or(Invalid::Malformed)
    }

    /// The time of it.
    pub fn time(&self) -> UnixTime {
        UnixTime(self.at)
    }
}

#[cfg(feature = "session")]
impl Checkpoint {
    /// The ends of the chains; none if the checkpoint names no store.
    pub fn ends(&self) -> Option<AuditEnds> {
        let byte = |at: usize| u8::from_str_radix(self.store.get(at..at + 2)?, 16).ok();
        let store: Option<Vec<u8>> = (0..self.store.len()).step_by(2).map(byte).collect();
        let end = |ended: &CheckedChain| AuditEnd {
            base: ended.base,
            base_hash: ended.base_hash.clone(),
            closed: ended.closed,
            head: ChainEnd {
                chain: ChainId(ended.chain),
                number: ended.number,
                hash: ended.hash.clone(),
            },
        };
        Some(AuditEnds {
            store: store?.try_into().ok()?,
            epoch: self.epoch,
            chains: self.chains.iter().map(end).collect(),
        })
    }
}

#[cfg(feature = "session")]
impl Issuer {
    /// A checkpoint of the audit log as it is now, as JWS compact.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read, or its audit log does not end as it was left:
    /// an edit is not signed. [`Error::Key`] or [`Error::Clock`].
    pub async fn checkpoint(&self) -> Result<(String, Checkpoint), Error> {
        let (now, ends) = self.verifier().audit_ends().await?;
        let chain = |ends: &AuditEnd| CheckedChain {
            chain: ends.head.chain.0,
            base: ends.base,
            base_hash: ends.base_hash.clone(),
            closed: ends.closed,
            number: ends.head.number,
            hash: ends.head.hash.clone(),
        };
        let checkpoint = Checkpoint {
            issuer: self.name().to_owned(),
            at: now.0,
            store: hex(&ends.store),
            epoch: ends.epoch,
            chains: ends.chains.iter().map(chain).collect(),
        };
        Ok((self.sign(TYP, &checkpoint).await?.as_str().to_owned(), checkpoint))
    }

    /// Writes a checkpoint of the audit log as a row of it, unless its last row is one already. The
    /// row is told as an event, and stands in what is exported. Returns the checkpoint.
    ///
    /// # Errors
    /// As [`checkpoint`](Issuer::checkpoint).
    pub async fn write_checkpoint(&self) -> Result<Option<String>, Error> {
        if self.verifier().ends_with_checkpoint().await? {
            return Ok(None);
        }
        let (signed, _) = self.checkpoint().await?;
        self.verifier().record_checkpoint(&signed).await?;
        Ok(Some(signed))
    }
}

/// The type of a checkpoint.
const TYP: &str = "twostep-checkpoint+jwt";
