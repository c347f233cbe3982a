//! An enrolled MFA device and the state its kind carries.
//!
//! All functions are pure in state, input and time: `accept`, `accept_pair` and `assert` return the
//! next state and a verdict. A verdict counts only once that state is committed.

mod allowance;
#[cfg(feature = "webauthn")]
mod assertion;
mod batch;
mod client;
#[cfg(feature = "verifier")]
mod diagnosis;
mod far;
mod judge;
mod kind;
mod recovery;
mod refusal;
mod stock;
mod stored;
mod throttle;
mod tombstone;

pub use allowance::{DiagnosisAllowance, PairAllowance};
pub use batch::Batch;
pub use client::{Budget, ClientTag, KnownClients};
#[cfg(feature = "verifier")]
pub use diagnosis::{Cause, Diagnosis, Reach};
pub use far::FarMatch;
pub use judge::{Judged, PENDING_FOR, PairSearch, PairUse, Verdict};
pub use kind::{DeviceState, MfaKind, UnknownName};
pub use recovery::{BadRecoveryCode, RecoveryCode, RecoveryDigest};
#[cfg(feature = "verifier")]
pub(crate) use recovery::{crockford, crockford_groups};
pub use refusal::{Refusal, RefusalKind};
pub use throttle::Throttle;
pub use tombstone::Tombstone;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{ClockModel, Counter, Drift, Hotp, Key, Seed, TimeStep, Totp, Window};
use crate::time::UnixTime;
use crate::webauthn::Credential;

/// An authenticator: enrolled for one account, or in stock. The store keeps its seed beside it,
/// sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Public name.
    pub serial: SerialNumber,
    /// Owner; `None` exactly while it is unassigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Name given by its owner.
    pub name: Option<DeviceName>,
    /// Usability.
    pub state: DeviceState,
    /// Time of its addition.
    pub created_at: UnixTime,
    /// Time of its first proof, by two consecutive codes or its registration.
    pub activated_at: Option<UnixTime>,
    /// Time of the last accepted code or assertion.
    pub last_used_at: Option<UnixTime>,
    /// Kind-specific state.
    pub factor: Factor,
    /// Consecutive failures.
    pub throttle: Throttle,
    /// Pairs of codes judged in the last hour.
    pub pairs: PairAllowance,
    /// Diagnoses of the last hour.
    #[serde(default, skip_serializing_if = "DiagnosisAllowance::is_unspent")]
    pub diagnoses: DiagnosisAllowance,
    /// Contexts made with this device up to this time are revoked.
    pub revoked_before: Option<UnixTime>,
    /// Contexts made with this device under a lower generation are revoked.
    #[serde(default)]
    pub generation: u64,
    /// Way of its addition.
    #[serde(default)]
    pub added: Added,
    /// True for a token of hardware, which does not give its secret away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hardware: bool,
}

/// Way of a device's addition: decides which of several pending devices gives way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Added {
    /// Origin of its secret.
    pub secret: SecretOrigin,
    /// Higher than the numbers of all devices that its account had then: times in whole seconds do
    /// not order them.
    pub turn: u64,
}

/// Origin of a device's secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretOrigin {
    /// Generated for this device and shown once: the set-up page can be opened again.
    Made,
    /// Supplied, as for hardware tokens, or not ours to give. Also the value of devices from before
    /// this was recorded.
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

/// State of a time-based device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::StoredTotp", into = "stored::StoredTotp")]
pub struct TotpState {
    /// Parameters.
    pub parameters: Totp,
    /// The highest step consumed. It only rises.
    pub watermark: Option<TimeStep>,
    /// Steps up to this one may have been consumed after the backup that was restored: only an
    /// administrator's pair is accepted there.
    pub doubtful: Option<TimeStep>,
    /// What its successes have told of its clock.
    pub clock: ClockModel,
}

/// State of a counter-based device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotpState {
    /// Parameters.
    pub parameters: Hotp,
    /// The lowest counter not consumed; `None` after the last counter.
    pub next: Option<Counter>,
    /// Unknown counter after the restore of an old backup: only an administrator's pair is judged.
    pub pair_needed: bool,
}

/// State of a security key. Not secret: the private key never leaves the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// The registered credential. Its sign count only rises, unless the credential may be backed
    /// up.
    pub credential: Credential,
}

/// A sheet of single-use codes, known by their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryState {
    /// Unused codes.
    pub unused: Vec<RecoveryDigest>,
    /// Used codes.
    pub used: Vec<RecoveryDigest>,
}

impl Device {
    /// A new device: pending, or active at once if nothing is left to prove (recovery codes, and
    /// security keys, which their registration proved).
    pub fn new(
        serial: SerialNumber,
        account: AccountId,
        name: Option<DeviceName>,
        factor: Factor,
        now: UnixTime,
    ) -> Device {
        let proved = matches!(factor, Factor::SecurityKey(_) | Factor::Recovery(_));
        Device {
            account: Some(account),
            state: if proved { DeviceState::Active } else { DeviceState::Pending },
            activated_at: proved.then_some(now),
            ..Device::unassigned(serial, name, factor, now)
        }
    }

    /// Sets the way of its addition.
    #[must_use]
    pub fn added(self, added: Added) -> Device {
        Device { added, ..self }
    }

    /// The kind.
    pub fn kind(&self) -> MfaKind {
        match self.factor {
            Factor::Totp(_) => MfaKind::Totp,
            Factor::Hotp(_) => MfaKind::Hotp,
            Factor::SecurityKey(_) => MfaKind::SecurityKey,
            Factor::Recovery(_) => MfaKind::Recovery,
        }
    }

    /// The seed, prepared for searching; `None` for devices without a seed.
    pub fn key(&self, seed: &Seed) -> Option<Key> {
        match &self.factor {
            Factor::Totp(totp) => Some(totp.parameters.key(seed)),
            Factor::Hotp(hotp) => Some(hotp.parameters.key(seed)),
            Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }

    /// The credential of a security key.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.factor {
            Factor::SecurityKey(key) => Some(&key.credential),
            Factor::Totp(_) | Factor::Hotp(_) | Factor::Recovery(_) => None,
        }
    }

    /// True if the device counts toward the limit of its account: abandoned set-ups do not.
    pub fn counts(&self) -> bool {
        !matches!(self.state, DeviceState::Pending | DeviceState::Unassigned)
    }

    /// True if the device is enrolled and its owner's; a lock by guessing does not change that.
    pub fn is_in_use(&self) -> bool {
        matches!(self.state, DeviceState::Active | DeviceState::Locked)
    }

    /// Expected offset of its clock from ours at `now`; `None` for a device without a clock.
    pub fn drift(&self, now: UnixTime) -> Option<Drift> {
        match &self.factor {
            Factor::Totp(totp) => Some(totp.parameters.drift(&totp.clock.foretell(now))),
            Factor::Hotp(_) | Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }

    /// True if a pair that was accepted at `now` found it beyond an owner's window, which takes an
    /// administrator.
    pub fn found_beyond_owners_reach(&self, before: &Device, now: UnixTime) -> bool {
        match (&self.factor, &before.factor) {
            (Factor::Totp(found), Factor::Totp(before)) => {
                let expected = [before.expected_step(now), before.parameters.step_at(now)];
                found.watermark.is_some_and(|found| {
                    expected
                        .into_iter()
                        .flatten()
                        .all(|step| found.0.abs_diff(step.0) > Window::Owner.steps())
                })
            }
            (Factor::Hotp(found), Factor::Hotp(before)) => {
                let next = |state: &HotpState| state.next.map_or(0, |counter| counter.0);
                // The second code of the pair is one further than the first, and the next code one
                // further again.
                next(found).saturating_sub(next(before)) > Window::Owner.counters() + 1
            }
            _ => false,
        }
    }

    /// Starts above the factors that a removed device with this serial number or seed had consumed.
    ///
    /// With the same seed, consumed factors stay consumed under any new parameters. With another
    /// seed, only time steps of the same size compare; counters of other tokens do not. For
    /// security keys, the credential takes the part of the seed.
    #[must_use]
    pub fn above(mut self, tombstone: &Tombstone, same_seed: bool) -> Device {
        let consumed = tombstone.factor.highest_consumed();
        if let (Factor::Totp(totp), Factor::Totp(removed), true) =
            (&mut self.factor, &tombstone.factor, same_seed)
        {
            totp.doubtful = totp.doubtful.max(removed.doubtful);
        }
        match (&mut self.factor, &tombstone.factor) {
            (Factor::Totp(totp), Factor::Totp(removed))
                if same_seed || totp.parameters.step_size == removed.parameters.step_size =>
            {
                totp.watermark = totp.watermark.max(consumed.map(TimeStep));
            }
            (Factor::Totp(totp), _) if same_seed => {
                totp.watermark = totp.watermark.max(consumed.map(TimeStep))
            }
            (Factor::Hotp(hotp), removed) if same_seed => {
                if let Some(consumed) = consumed {
                    hotp.next = Counter(consumed)
                        .next()
                        .and_then(|above| hotp.next.map(|next| next.max(above)));
                }
                hotp.pair_needed |= matches!(removed, Factor::Hotp(removed) if removed.pair_needed);
            }
            (Factor::SecurityKey(key), Factor::SecurityKey(removed)) if same_seed => {
                key.credential.sign_count =
                    key.credential.sign_count.max(removed.credential.sign_count);
            }
            _ => {}
        }
        self.revoked_before = self.revoked_before.max(Some(tombstone.revoked_before));
        self.generation = self.generation.max(tombstone.generation);
        self
    }

    /// A new device whose seed may have been in use before a restore, which does not know what it
    /// consumed.
    #[must_use]
    pub fn above_restore(mut self, at: UnixTime) -> Device {
        if let Factor::Totp(totp) = &mut self.factor {
            totp.doubtful = totp.doubtful.max(totp.ahead(at, Window::Admin));
        }
        self
    }

    /// The device after its deactivation. Its contexts are revoked.
    #[must_use]
    pub fn deactivated(&self, now: UnixTime) -> Device {
        Device { state: DeviceState::Disabled, ..self.clone() }.with_sessions_revoked(now)
    }

    /// The device after an administrator cleared lock, failures and spent pairs, and vouched for
    /// the codes that a restore had left in doubt.
    #[must_use]
    pub fn unlocked(&self) -> Device {
        let state =
            if self.state == DeviceState::Locked { DeviceState::Active } else { self.state };
        let (throttle, pairs) = (Throttle::default(), PairAllowance::default());
        let mut device = Device { state, throttle, pairs, ..self.clone() };
        if let Factor::Totp(totp) = &mut device.factor {
            totp.doubtful = None;
        }
        device
    }

    /// The device after the revocation of all its contexts so far.
    ///
    /// The generation separates them from later ones. The mark is for validators that know no
    /// generations of devices: it covers what was issued in this second, which is dated one later,
    /// and is never further ahead, or later contexts would be dead at birth.
    #[must_use]
    pub fn with_sessions_revoked(mut self, now: UnixTime) -> Device {
        let in_this_second = self.revoked_before.max(self.last_used_at) >= Some(now);
        self.revoked_before = Some(UnixTime(now.0.saturating_add(u64::from(in_this_second))));
        // No context was ever made with a device that was never activated.
        self.generation = self.generation.saturating_add(u64::from(self.activated_at.is_some()));
        self
    }

    /// The remainder after its removal.
    pub fn tombstone(&self, now: UnixTime) -> Tombstone {
        let revoked = self.clone().with_sessions_revoked(now);
        Tombstone {
            serial: self.serial.clone(),
            factor: self.factor.clone(),
            revoked_before: revoked.revoked_before.unwrap_or(now),
            generation: revoked.generation,
        }
    }

    /// The device after the restore of an old backup: everything that may have been consumed since
    /// the backup is refused.
    ///
    /// An owner's pair finds a token up to [`Window::Owner`] ahead of the time, so steps up to
    /// there are consumed. An administrator's pair finds one up to [`Window::Admin`] ahead: steps
    /// up to there are in doubt, and left to an administrator's pair, unless `leads` says that no
    /// token was found that far ahead. A counter has no bound at all: the device is disabled, and
    /// an administrator's pair puts it back.
    #[must_use]
    pub fn restored(&self, now: UnixTime, leads: Leads) -> Device {
        let mut device = self.clone().with_sessions_revoked(now);
        match &mut device.factor {
            Factor::Totp(totp) => {
                totp.watermark = totp.watermark.max(totp.ahead(now, Window::Owner));
                if leads == Leads::Unknown {
                    totp.doubtful = totp.doubtful.max(totp.ahead(now, Window::Admin));
                }
            }
            Factor::Hotp(hotp) => {
                hotp.pair_needed = true;
                if self.is_in_use() {
                    device.state = DeviceState::Disabled;
                }
            }
            // A real key's count exceeds the backup's, and each challenge is answered once.
            Factor::SecurityKey(_) => {}
            // The codes used since the backup are unknown.
            Factor::Recovery(recovery) => recovery.used.append(&mut recovery.unused),
        }
        device
    }
}

impl TotpState {
    /// The highest step that must not be accepted again without an administrator.
    fn spent(&self) -> Option<TimeStep> {
        self.watermark.max(self.doubtful)
    }

    /// The step that its clock is expected to show at `now`; `None` before its `T0`.
    pub fn expected_step(&self, now: UnixTime) -> Option<TimeStep> {
        self.parameters.expected_step(now, &self.clock.foretell(now))
    }

    /// The highest step that a code could have had until `now`, of a token that a pair in this
    /// window had found. An owner's pair finds it this far from the expected step, and nothing is
    /// expected beyond an administrator's window.
    fn ahead(&self, now: UnixTime, window: Window) -> Option<TimeStep> {
        let step = self.parameters.step_at(now)?;
        let beyond = match window {
            Window::Owner => step.max(self.expected_step(now)?),
            Window::Admin => TimeStep(step.0.saturating_add(CODES_AHEAD)),
        };
        Some(TimeStep(beyond.0.saturating_add(window.steps()).saturating_add(1)))
    }
}

/// Leads of time-based tokens that an administrator's pairs may have found since a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leads {
    /// Any of them may have been found, up to the end of an administrator's window.
    #[default]
    Unknown,
    /// An administrator says that none was found beyond the owner's window.
    Owners,
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

/// The most steps by which an accepted code may lie ahead of the expected one.
const CODES_AHEAD: u64 = 3;
