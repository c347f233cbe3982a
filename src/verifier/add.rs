//! Enrolment of devices that show codes, and of recovery codes.

use std::time::Duration;

use crate::device;
use crate::device::{
    Device, DeviceState, Factor, HotpState, MfaKind, RecoveryCode, RecoveryState, SecretOrigin,
    TotpState,
};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{ClockModel, Counter, Hotp, RatePrior, Seed, Totp};
use crate::store::{
    Account, AccountSnapshot, Action, Enrolled, Event, Fingerprints, Sealer, Write, random,
};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::seed::new_seed;
use crate::verifier::{Authority, Error, Verifier};

/// A device to be added.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Future owner.
    pub account: AccountId,
    /// Serial number, for hardware that has one; generated otherwise.
    pub serial: Option<SerialNumber>,
    /// Name given by its owner.
    pub name: Option<DeviceName>,
    /// Kind and secret.
    pub factor: NewFactor,
}

/// Kind of a new device, with its secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NewFactor {
    /// A time-based device; without a seed, one of 160 bits is made.
    Totp {
        /// Parameters.
        parameters: Totp,
        /// Seed, if it already has one.
        seed: Option<Seed>,
    },
    /// A counter-based device.
    Hotp {
        /// Parameters.
        parameters: Hotp,
        /// The counter to begin at.
        counter: Counter,
        /// Seed, if it already has one.
        seed: Option<Seed>,
    },
    /// A new sheet of recovery codes. It voids the account's old one.
    Recovery,
}

/// What is known of the clock of a new time-based device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClockFacts {
    /// Time at which its maker set it.
    pub set_at: Option<UnixTime>,
    /// The rate of its kind. None: that of its batch, where enough devices of it are known.
    pub rate: Option<RatePrior>,
}

/// A device that was added, with what is shown this once and never again.
#[derive(Debug)]
pub struct Added {
    /// The device.
    pub device: Device,
    /// Seed, if it was generated here.
    pub seed: Option<Seed>,
    /// The recovery codes, for a device of that kind.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// One try to add a device: the account as it was loaded, the time.
struct Addition<'a> {
    new: &'a NewDevice,
    clock: ClockFacts,
    serial: &'a SerialNumber,
    seen: Option<&'a AccountSnapshot>,
    now: UnixTime,
}

/// The secrets of a new device.
pub(super) struct Made {
    pub(super) factor: Factor,
    pub(super) seed: Option<Seed>,
    /// The seed was made here.
    pub(super) generated: bool,
    /// The codes of a new sheet.
    recovery_codes: Vec<RecoveryCode>,
}

impl Verifier {
    /// Adds a device to an account, which comes into being with its first one. It is pending until
    /// two consecutive codes activate it; recovery codes are active at once, and only beside
    /// another active device.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::AlreadyExists`] if the serial number or the secret is taken,
    /// [`Error::TooManyDevices`], [`Error::MfaRequired`] if `authority` is the owner's without a
    /// fresh context, [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn add(&self, new: NewDevice, authority: &Authority) -> Result<Added, Error> {
        self.add_with_clock(new, ClockFacts::default(), authority).await
    }

    /// Adds a device as [`add`](Verifier::add) does, with what is known of its clock.
    ///
    /// # Errors
    /// As those of [`add`](Verifier::add); [`Error::BadInput`] for a clock that was set in the
    /// future, or of a device without one.
    pub async fn add_with_clock(
        &self,
        new: NewDevice,
        clock: ClockFacts,
        authority: &Authority,
    ) -> Result<Added, Error> {
        let sealer = self.keys().await?;
        let serial = new.factor.serial(new.serial.as_ref())?;
        let (new, serial, sealer) = (&new, &serial, &sealer);
        let clock = self.with_rate(clock, (&new.serial, &new.factor)).await?;
        let decided = self.decide(&new.account, |seen, now| async move {
            self.may_give(authority).await?;
            if let Some(seen) = &seen {
                self.may_change_devices(seen, authority, now).await?;
            }
            clock.may_be_of(&new.factor, now)?;
            let addition = Addition { new, clock, serial, seen: seen.as_ref(), now };
            self.judge_addition(&addition, sealer).await
        });
        Ok(decided.await?.0)
    }

    /// The facts with the rate of the batch, for a token that has a serial number of its own.
    pub(super) async fn with_rate(
        &self,
        clock: ClockFacts,
        new: (&Option<SerialNumber>, &NewFactor),
    ) -> Result<ClockFacts, Error> {
        match new {
            (Some(serial), NewFactor::Totp { parameters, seed: Some(_) })
                if clock.rate.is_none() =>
            {
                let rate = self.rate_of_batch(serial, parameters).await?;
                Ok(ClockFacts { rate, ..clock })
            }
            _ => Ok(clock),
        }
    }

    async fn judge_addition(
        &self,
        addition: &Addition<'_>,
        sealer: &Sealer,
    ) -> Result<Judgement<Added>, Error> {
        let &Addition { new, serial, now, .. } = addition;
        let devices = addition.devices();
        let voided = self.voided(new, devices)?;
        let made = Made::new(&new.factor, sealer, Some(&new.account))?;
        let factor = addition.clock.given_to(made.factor, made.generated);
        let device = addition.device(factor, made.generated);
        let device = if made.generated { device } else { self.above_restore(device).await? };
        let giving_way = match device.state {
            DeviceState::Pending => self.giving_way(devices),
            _ => Vec::new(),
        };

        let mut writes = vec![addition.account()];
        writes.extend(voided.iter().map(|enrolled| Write::RemoveDevice {
            seen: enrolled.revision,
            tombstone: enrolled.device.tombstone(now),
        }));
        writes.extend(giving_way.iter().map(|old| Write::DropPending {
            serial: old.device.serial.clone(),
            seen: old.revision,
        }));
        let (aliases, insert) = insertion(sealer, &device, made.seed.as_ref())?;
        writes.extend(aliases);
        writes.push(insert);

        let about = |action, serial: &SerialNumber| {
            self.event(now, action).account(&new.account).serial(serial)
        };
        let dropped = |old: &&Enrolled| about(Action::DeviceGaveWay, &old.device.serial);
        let mut audit: Vec<Event> = giving_way.iter().map(dropped).collect();
        audit.push(about(Action::DeviceAdded, serial));
        let seed = made.seed.filter(|_| made.generated);
        let added = Added { device, seed, recovery_codes: made.recovery_codes };
        Ok(Judgement::change(writes, audit, added))
    }

    /// The devices that a new one voids: a sheet of recovery codes voids the one before. Refuses a
    /// device that the account may not have.
    fn voided<'a>(
        &self,
        new: &NewDevice,
        devices: &'a [Enrolled],
    ) -> Result<Vec<&'a Enrolled>, Error> {
        let is_sheet = |enrolled: &&Enrolled| enrolled.device.kind() == MfaKind::Recovery;
        if !matches!(new.factor, NewFactor::Recovery) {
            self.room_for_one(devices, 0)?;
            return Ok(Vec::new());
        }
        let voided: Vec<&Enrolled> = devices.iter().filter(is_sheet).collect();
        self.room_for_one(devices, voided.len())?;
        let active = |enrolled: &Enrolled| enrolled.device.state == DeviceState::Active;
        if !devices.iter().any(|enrolled| active(enrolled) && !is_sheet(&enrolled)) {
            return Err(Error::BadInput(
                "recovery codes are given out beside another device: activate that one first"
                    .to_owned(),
            ));
        }
        Ok(voided)
    }

    /// Refuses a device in use more than an account may have; so many of those it has are voided in
    /// the same change.
    pub(super) fn room_for_one(&self, devices: &[Enrolled], voided: usize) -> Result<(), Error> {
        let in_use = devices.iter().filter(|enrolled| enrolled.device.counts()).count();
        if in_use.saturating_sub(voided) < self.core.limits.devices_per_account {
            Ok(())
        } else {
            Err(Error::TooManyDevices(in_use))
        }
    }

    /// The pending devices that make room for another one.
    ///
    /// Devices with a secret generated here give way first, oldest first: reloading a set-up page
    /// costs such pages, never the token that an administrator has laid out for its owner.
    fn giving_way<'a>(&self, devices: &'a [Enrolled]) -> Vec<&'a Enrolled> {
        let mut pending: Vec<&Enrolled> = devices
            .iter()
            .filter(|enrolled| enrolled.device.state == DeviceState::Pending)
            .collect();
        pending.sort_by_key(|enrolled| {
            (enrolled.device.added.secret, enrolled.device.added.turn, enrolled.device.created_at)
        });
        let stay = self.core.limits.pending_per_account.max(1) - 1;
        pending.truncate(pending.len().saturating_sub(stay));
        pending
    }
}

impl ClockFacts {
    /// Refuses a setting in the future, later today excepted: of a day only its noon is known.
    pub(super) fn may_be_of(&self, factor: &NewFactor, now: UnixTime) -> Result<(), Error> {
        let bad = |why: &str| Err(Error::BadInput(why.to_owned()));
        match self.set_at {
            Some(_) if !matches!(factor, NewFactor::Totp { .. }) => {
                bad("only a time-based device has a clock that its maker set")
            }
            Some(at) if at > now.plus(Duration::from_secs(43_200)) => {
                bad("the clock of a device cannot have been set in the future")
            }
            _ => Ok(()),
        }
    }

    /// The factor with the model that its clock begins with.
    pub(super) fn given_to(&self, factor: Factor, generated: bool) -> Factor {
        let Factor::Totp(totp) = factor else { return factor };
        let usual = if generated { RatePrior::APP } else { RatePrior::HARDWARE };
        let rate = self.rate.unwrap_or(usual);
        let clock = match self.set_at {
            Some(at) => ClockModel::set_by_maker(rate, at),
            None => ClockModel::new(rate),
        };
        Factor::Totp(TotpState { clock, ..totp })
    }
}

impl Addition<'_> {
    fn devices(&self) -> &[Enrolled] {
        self.seen.map_or(&[], |seen| &seen.devices)
    }

    /// The write that makes the account present.
    fn account(&self) -> Write {
        match self.seen {
            None => Write::CreateAccount(Account::new(self.new.account.clone(), self.now)),
            Some(seen) => Write::UpdateAccount {
                seen: seen.revision,
                account: present(&seen.account, self.now),
            },
        }
    }

    /// The device to be inserted.
    fn device(&self, factor: Factor, generated: bool) -> Device {
        let (serial, account) = (self.serial.clone(), self.new.account.clone());
        let added = given(self.seen);
        Device::new(serial, account, self.new.name.clone(), factor, self.now).added(device::Added {
            secret: if generated { SecretOrigin::Made } else { SecretOrigin::Given },
            ..added
        })
    }
}

impl NewFactor {
    /// The serial number that was given, or a generated one.
    pub(super) fn serial(&self, given: Option<&SerialNumber>) -> Result<SerialNumber, Error> {
        given.map_or_else(|| generated_serial(self.word()), |serial| Ok(serial.clone()))
    }

    /// Prefix of a generated serial number.
    fn word(&self) -> &'static str {
        match self {
            NewFactor::Totp { .. } => "totp",
            NewFactor::Hotp { .. } => "hotp",
            NewFactor::Recovery => "recovery",
        }
    }
}

/// The way in which a device that has its secret comes to an account.
pub(super) fn given(seen: Option<&AccountSnapshot>) -> device::Added {
    let devices = seen.map_or(&[][..], |seen| &seen.devices);
    let turns = devices.iter().map(|enrolled| enrolled.device.added.turn);
    let turn = turns.max().unwrap_or(0).saturating_add(1);
    device::Added { secret: SecretOrigin::Given, turn }
}

/// An account that was removed is seen again: nothing of its past protects it or holds it back, but
/// what was revoked stays so.
pub(super) fn present(account: &Account, now: UnixTime) -> Account {
    match account.removed_at {
        None => account.clone(),
        Some(_) => {
            // Never created when the removed one was, however fast: what was made for that one is
            // known by it.
            let created_at = now.max(account.created_at.plus(Duration::from_secs(1)));
            Account {
                generation: account.generation,
                revoked_before: account.revoked_before,
                ..Account::new(account.id.clone(), created_at)
            }
        }
    }
}

impl Made {
    pub(super) fn new(
        new: &NewFactor,
        sealer: &Sealer,
        account: Option<&AccountId>,
    ) -> Result<Made, Error> {
        match new {
            NewFactor::Totp { parameters, seed } => {
                let state = TotpState { parameters: *parameters, ..TotpState::default() };
                Made::with_seed(Factor::Totp(state), seed.as_ref())
            }
            NewFactor::Hotp { parameters, counter, seed } => {
                let (parameters, next) = (*parameters, Some(*counter));
                let state = HotpState { parameters, next, pair_needed: false };
                Made::with_seed(Factor::Hotp(state), seed.as_ref())
            }
            NewFactor::Recovery => {
                let account = account.ok_or_else(|| {
                    Error::BadInput("recovery codes belong to an account: name it".to_owned())
                })?;
                let codes: Vec<RecoveryCode> = (0..RECOVERY_CODES)
                    .map(|_| Ok(RecoveryCode::from_bits(*random::<10>()?)))
                    .collect::<Result<_, Error>>()?;
                let digest = |code| sealer.recovery_digest(account, code);
                let unused = codes.iter().map(digest).collect();
                Ok(Made {
                    factor: Factor::Recovery(RecoveryState { unused, used: Vec::new() }),
                    seed: None,
                    generated: false,
                    recovery_codes: codes,
                })
            }
        }
    }

    fn with_seed(factor: Factor, given: Option<&Seed>) -> Result<Made, Error> {
        let (seed, generated) = match given {
            Some(seed) => (seed.clone(), false),
            None => (new_seed()?, true),
        };
        Ok(Made { factor, seed: Some(seed), generated, recovery_codes: Vec::new() })
    }
}

/// The writes that insert a device: what else its secret is known by, and the device.
pub(super) fn insertion(
    sealer: &Sealer,
    device: &Device,
    seed: Option<&Seed>,
) -> Result<(Vec<Write>, Write), Error> {
    let place = Sealer::seed_place(&device.serial, device.account.as_ref());
    let seal = |seed: &Seed| sealer.keyring().seal(&place, seed.expose());
    let fingerprints = seed.map(|seed| sealer.fingerprints(seed));
    let aliases = fingerprints.iter().flat_map(Fingerprints::aliases).collect();
    let insert = Write::InsertDevice {
        device: device.clone(),
        seed: seed.map(seal).transpose()?,
        fingerprint: fingerprints.map(|fingerprints| fingerprints.first),
    };
    Ok((aliases, insert))
}

/// A serial number for a device that has none printed on it: 80 random bits.
pub(super) fn generated_serial(kind: &str) -> Result<SerialNumber, Error> {
    let bits = base32::encode(base32::Alphabet::Crockford, &random::<10>()?[..]);
    let serial = format!("{kind}-{bits}").parse();
    Ok(serial.expect("a word and 16 base32 letters are always a serial number"))
}

/// Number of codes on a sheet.
const RECOVERY_CODES: usize = 10;
