//! An enrolled MFA device and the state its kind carries.
//!
//! Everything here is a pure function of the state, the input and the time: `accept`, `accept_pair`
//! and `assert` return the state that follows and the verdict, and change nothing. A verdict counts
//! once that state is committed, not before.

mod allowance;
#[cfg(feature = "webauthn")]
mod assertion;
mod judge;
mod kind;
mod recovery;
mod refusal;
mod throttle;

pub use allowance::PairAllowance;
pub use judge::{Judged, PENDING_FOR, PairUse, Verdict};
pub use kind::{DeviceState, MfaKind, UnknownName};
pub use recovery::{BadRecoveryCode, RecoveryCode, RecoveryDigest};
#[cfg(feature = "verifier")]
pub(crate) use recovery::{crockford, crockford_groups};
pub use refusal::{Refusal, RefusalKind};
pub use throttle::Throttle;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{Counter, Drift, Hotp, Key, Sample, Seed, TimeStep, Totp, Window};
use crate::time::UnixTime;
use crate::webauthn::Credential;

/// One enrolled authenticator of one account. Its seed is not in here: the store keeps it sealed,
/// beside the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its public handle.
    pub serial: SerialNumber,
    /// Whose it is.
    pub account: AccountId,
    /// What its owner calls it.
    pub name: Option<DeviceName>,
    /// Whether it can be used.
    pub state: DeviceState,
    /// When it was added.
    pub created_at: UnixTime,
    /// When two consecutive codes, or its registration, first proved it.
    pub activated_at: Option<UnixTime>,
    /// When a code or an assertion of it was last accepted.
    pub last_used_at: Option<UnixTime>,
    /// What its kind carries.
    pub factor: Factor,
    /// Consecutive failures.
    pub throttle: Throttle,
    /// Pairs of codes judged in the last hour.
    pub pairs: PairAllowance,
    /// Contexts made with this device up to this time are dead.
    pub revoked_before: Option<UnixTime>,
    /// How it was added.
    #[serde(default)]
    pub added: Added,
}

/// How a device was added: it decides which of several pending ones gives way to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Added {
    /// Where its secret came from.
    pub secret: SecretOrigin,
    /// Higher than that of every device its account had then: times are whole seconds, in which
    /// several are added.
    pub turn: u64,
}

/// Where the secret of a device came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretOrigin {
    /// It was made for this device and shown once: a set-up page can be opened again.
    Made,
    /// It was given, as that of a hardware token is, or is none of ours to give. So are all of
    /// before this was noted.
    #[default]
    Given,
}

/// The state that a device's kind carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Factor {
    /// See [`TotpState`].
    Totp(TotpState),
    /// See [`HotpState`].
    Hotp(HotpState),
    /// See [`KeyState`].
    SecurityKey(KeyState),
    /// See [`RecoveryState`].
    Recovery(RecoveryState),
}

/// What is known of a time-based device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotpState {
    /// What it was made with.
    pub parameters: Totp,
    /// The highest step consumed. It only rises.
    pub watermark: Option<TimeStep>,
    /// How many steps its clock is from ours.
    pub drift: i64,
    /// When the drift last moved.
    pub drift_moved_at: Option<UnixTime>,
    /// Its clock as its successes showed it, oldest first; at most [`SAMPLES`], at least an hour
    /// apart.
    pub samples: Vec<Sample>,
}

/// What is known of a counter-based device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotpState {
    /// What it was made with.
    pub parameters: Hotp,
    /// The lowest counter not consumed. None once the last counter there is was used.
    pub next: Option<Counter>,
    /// The counter is not to be trusted (an old backup was restored): only a pair is judged.
    pub pair_needed: bool,
}

/// What is known of a security key. Nothing in it is secret: the private key never leaves the
/// device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// The credential as it was registered. The sign count in it only rises, unless the credential
    /// may be backed up.
    pub credential: Credential,
}

/// A sheet of single-use codes, known by their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryState {
    /// Codes that can still be used.
    pub unused: Vec<RecoveryDigest>,
    /// Codes that were.
    pub used: Vec<RecoveryDigest>,
}

/// What remains of a removed device, for good: nothing at or below it is ever accepted again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The device's serial number.
    pub serial: SerialNumber,
    /// The device's factor as it was last: watermark, counter.
    pub factor: Factor,
    /// Contexts made with the device up to this time are dead.
    pub revoked_before: UnixTime,
}

impl Device {
    /// A device just added: pending, or active at once where nothing is left to prove (recovery
    /// codes, and a security key, which its registration proved).
    pub fn new(
        serial: SerialNumber,
        account: AccountId,
        name: Option<DeviceName>,
        factor: Factor,
        now: UnixTime,
    ) -> Device {
        let proved = matches!(factor, Factor::SecurityKey(_) | Factor::Recovery(_));
        Device {
            serial,
            account,
            name,
            state: if proved { DeviceState::Active } else { DeviceState::Pending },
            created_at: now,
            activated_at: proved.then_some(now),
            last_used_at: None,
            factor,
            throttle: Throttle::default(),
            pairs: PairAllowance::default(),
            revoked_before: None,
            added: Added::default(),
        }
    }

    /// The same, added in this way.
    #[must_use]
    pub fn added(self, added: Added) -> Device {
        Device { added, ..self }
    }

    /// Its kind.
    pub fn kind(&self) -> MfaKind {
        match self.factor {
            Factor::Totp(_) => MfaKind::Totp,
            Factor::Hotp(_) => MfaKind::Hotp,
            Factor::SecurityKey(_) => MfaKind::SecurityKey,
            Factor::Recovery(_) => MfaKind::Recovery,
        }
    }

    /// Its seed, made ready for searching. None for devices without a seed.
    pub fn key(&self, seed: &Seed) -> Option<Key> {
        match &self.factor {
            Factor::Totp(totp) => Some(totp.parameters.key(seed)),
            Factor::Hotp(hotp) => Some(hotp.parameters.key(seed)),
            Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }

    /// What it was registered with, for a security key.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.factor {
            Factor::SecurityKey(key) => Some(&key.credential),
            Factor::Totp(_) | Factor::Hotp(_) | Factor::Recovery(_) => None,
        }
    }

    /// Whether it counts toward the limit of an account: an abandoned set-up does not.
    pub fn counts(&self) -> bool {
        self.state != DeviceState::Pending
    }

    /// Whether it is enrolled and its owner's: a guesser who locks it takes nothing of that away.
    pub fn is_in_use(&self) -> bool {
        matches!(self.state, DeviceState::Active | DeviceState::Locked)
    }

    /// How far its clock is from ours; none for a device without a clock.
    pub fn drift(&self) -> Option<Drift> {
        match &self.factor {
            Factor::Totp(totp) => {
                let seconds =
                    totp.drift.saturating_mul(i64::from(totp.parameters.step_size.seconds()));
                Some(Drift { steps: totp.drift, seconds })
            }
            Factor::Hotp(_) | Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }

    /// Whether a pair found it further away than an owner's window reaches: somebody with an
    /// administrator's rights looked.
    pub fn found_beyond_owners_reach(&self, before: &Device) -> bool {
        match (&self.factor, &before.factor) {
            (Factor::Totp(found), Factor::Totp(_)) => {
                found.drift.unsigned_abs() > Window::Owner.steps()
            }
            (Factor::Hotp(found), Factor::Hotp(before)) => {
                let next = |state: &HotpState| state.next.map_or(0, |counter| counter.0);
                // The pair's second code is one further than its first, and the next code one
                // further than that.
                next(found).saturating_sub(next(before)) > Window::Owner.counters() + 1
            }
            _ => false,
        }
    }

    /// Starts above what a removed device with this serial number or seed had consumed.
    ///
    /// With the same seed a factor that was consumed stays consumed, whatever the device is now
    /// said to be. With another seed only time steps of the same size compare; another token's
    /// counter says nothing about this one's. What a seed is for codes, the credential is for a
    /// security key.
    #[must_use]
    pub fn above(mut self, tombstone: &Tombstone, same_seed: bool) -> Device {
        let consumed = tombstone.factor.highest_consumed();
        match (&mut self.factor, &tombstone.factor) {
            (Factor::Totp(totp), Factor::Totp(removed))
                if same_seed || totp.parameters.step_size == removed.parameters.step_size =>
            {
                totp.watermark = totp.watermark.max(consumed.map(TimeStep));
            }
            (Factor::Totp(totp), _) if same_seed => {
                totp.watermark = totp.watermark.max(consumed.map(TimeStep))
            }
            (Factor::Hotp(hotp), _) if same_seed => {
                if let Some(consumed) = consumed {
                    hotp.next = Counter(consumed)
                        .next()
                        .and_then(|above| hotp.next.map(|next| next.max(above)));
                }
            }
            (Factor::SecurityKey(key), Factor::SecurityKey(removed)) if same_seed => {
                key.credential.sign_count =
                    key.credential.sign_count.max(removed.credential.sign_count);
            }
            _ => {}
        }
        self.revoked_before = self.revoked_before.max(Some(tombstone.revoked_before));
        self
    }

    /// The device after it was taken out of use. Contexts made with it are dead.
    #[must_use]
    pub fn deactivated(&self, now: UnixTime) -> Device {
        Device { state: DeviceState::Disabled, ..self.clone() }.with_sessions_revoked(now)
    }

    /// The device after an administrator cleared its lock and its failures.
    #[must_use]
    pub fn unlocked(&self) -> Device {
        let state =
            if self.state == DeviceState::Locked { DeviceState::Active } else { self.state };
        Device { state, throttle: Throttle::default(), ..self.clone() }
    }

    /// The device after every context made with it so far was revoked.
    ///
    /// The mark goes above the last use as well: a context is dated by the code it was opened with,
    /// and the clock that read then may have been ahead of the one that reads now.
    #[must_use]
    pub fn with_sessions_revoked(mut self, now: UnixTime) -> Device {
        let after_mark = self.revoked_before.map(|mark| UnixTime(mark.0.saturating_add(1)));
        self.revoked_before = Some(now).max(self.last_used_at).max(after_mark);
        self
    }

    /// What remains when the device is removed.
    pub fn tombstone(&self, now: UnixTime) -> Tombstone {
        let revoked = self.clone().with_sessions_revoked(now);
        Tombstone {
            serial: self.serial.clone(),
            factor: self.factor.clone(),
            revoked_before: revoked.revoked_before.unwrap_or(now),
        }
    }

    /// The device as it may be used after an old backup of it was restored: nothing up to now is
    /// accepted any more.
    ///
    /// Nor is what its owner could have made it show since: a token resynchronised after the backup
    /// was ahead of the time by up to [`Window::Owner`], and the backup does not know. What an
    /// administrator's pair found further ahead is not covered.
    #[must_use]
    pub fn restored(&self, now: UnixTime) -> Device {
        let mut device = self.clone().with_sessions_revoked(now);
        match &mut device.factor {
            Factor::Totp(totp) => {
                let ahead = totp.drift.max(0).unsigned_abs().max(Window::Owner.steps()) + 1;
                let step =
                    totp.parameters.step_at(now).map(|step| TimeStep(step.0.saturating_add(ahead)));
                totp.watermark = totp.watermark.max(step);
            }
            Factor::Hotp(hotp) => hotp.pair_needed = true,
            // A real key's count is above the one in the backup; a challenge is answered once,
            // whatever was restored.
            Factor::SecurityKey(_) => {}
            // Which codes were used since the backup is not known.
            Factor::Recovery(recovery) => recovery.used.append(&mut recovery.unused),
        }
        device
    }
}

impl Factor {
    /// The highest time step or counter consumed.
    fn highest_consumed(&self) -> Option<u64> {
        match self {
            Factor::Totp(totp) => totp.watermark.map(|step| step.0),
            Factor::Hotp(hotp) => hotp.next.map_or(Some(u64::MAX), |next| next.0.checked_sub(1)),
            Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }
}

/// How many measurements of a clock are kept.
pub const SAMPLES: usize = 16;
