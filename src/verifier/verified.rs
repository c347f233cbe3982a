//! The proof of a verification, which opens one session.

use crate::device::{Device, MfaKind};
use crate::id::{AccountId, SerialNumber};
use crate::store::Committed;
use crate::time::UnixTime;

/// Proof that one verification succeeded and was committed.
///
/// Only the verifier makes it, and issuing a context consumes it. It is not `Clone`: one proof, one
/// session.
///
/// ```compile_fail
/// fn twice(verified: twostep::verifier::Verified) -> [twostep::verifier::Verified; 2] {
///     [verified.clone(), verified]
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Verified {
    account: AccountId,
    serial: SerialNumber,
    kind: MfaKind,
    at: UnixTime,
    generation: u64,
    revoked_before: Option<UnixTime>,
    device_generation: u64,
    key: Option<KeyProof>,
    hardware_token: bool,
    #[cfg(feature = "session")]
    control_version: u64,
}

/// The statements of a security key beyond possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProof {
    /// The key verified its user, by PIN or fingerprint.
    pub user_verified: bool,
    /// A trusted maker attests that the private key cannot leave the hardware.
    pub hardware_bound: bool,
}

/// A verification that succeeded and is not committed yet.
pub(super) struct Proof {
    pub(super) account: AccountId,
    pub(super) serial: SerialNumber,
    pub(super) kind: MfaKind,
    pub(super) at: UnixTime,
    /// The revocation mark of the device.
    pub(super) revoked_before: Option<UnixTime>,
    /// The revocation generation of the device.
    pub(super) device_generation: u64,
    pub(super) key: Option<KeyProof>,
    /// The device is a token of hardware that shows codes.
    pub(super) hardware_token: bool,
}

impl Verified {
    /// The account that was verified.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The device it was verified with.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The device's kind.
    pub fn kind(&self) -> MfaKind {
        self.kind
    }

    /// The time at which the input was judged.
    pub fn at(&self) -> UnixTime {
        self.at
    }

    /// The account's revocation generation in the transaction that decided.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The revocation mark in the transaction that decided: a context dated up to it is dead.
    pub fn revoked_before(&self) -> Option<UnixTime> {
        self.revoked_before
    }

    /// The device's revocation generation in the transaction that decided; 0 for a bypass code.
    pub fn device_generation(&self) -> u64 {
        self.device_generation
    }

    /// The version of the store's control data in the transaction that decided.
    #[cfg(feature = "session")]
    pub(crate) fn control_version(&self) -> u64 {
        self.control_version
    }

    /// True if it was verified by the code of a token that was imported as hardware.
    pub fn is_by_hardware_token(&self) -> bool {
        self.hardware_token
    }

    /// The statements of a security key beyond possession; none for other kinds.
    pub fn key(&self) -> Option<KeyProof> {
        self.key
    }
}

impl Proof {
    pub(super) fn by_device(account: &AccountId, device: &Device, at: UnixTime) -> Proof {
        Proof {
            account: account.clone(),
            serial: device.serial.clone(),
            kind: device.kind(),
            at,
            revoked_before: device.revoked_before,
            device_generation: device.generation,
            key: None,
            hardware_token: device.hardware,
        }
    }

    /// The proof once it is committed, with what the store answered.
    pub(super) fn committed(self, committed: Committed) -> Verified {
        let Proof { account, serial, kind, at, revoked_before, .. } = self;
        let Proof { device_generation, key, hardware_token, .. } = self;
        Verified {
            account,
            serial,
            kind,
            at,
            generation: committed.marks.generation,
            revoked_before: committed.marks.revoked_before.max(revoked_before),
            device_generation,
            key,
            hardware_token,
            #[cfg(feature = "session")]
            control_version: committed.control_version,
        }
    }
}
