//! Sealing keys that the secrets of a store need.

use std::fmt;

/// The public id of a sealing key, which every secret sealed under it carries. Printed in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealingKeyId(pub [u8; 8]);

/// The number of secrets that need one sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNeed {
    /// The key.
    pub key: SealingKeyId,
    /// The number of secrets sealed under it: seeds, private halves of signing keys and named
    /// values. The state of a ceremony is not among them; it is over within minutes.
    pub secrets: u64,
}

/// Sealing keys that secrets need, said in a sentence: `3 secrets need the sealing key
/// 0a1b2c3d4e5f6071`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNeeds(pub Vec<KeyNeed>);

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for KeyNeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, KeyNeed { key, secrets }) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            match secrets {
                1 => write!(f, "{separator}1 secret needs the sealing key {key}")?,
                _ => write!(f, "{separator}{secrets} secrets need the sealing key {key}")?,
            }
        }
        Ok(())
    }
}
