//! Devices come and go: add, rename, deactivate, unlock, remove.

use std::time::Duration;

use crate::device;
use crate::device::{
    Device, DeviceState, Factor, HotpState, MfaKind, RecoveryCode, RecoveryState, SecretOrigin,
    TotpState,
};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{Counter, Hotp, Seed, Totp};
use crate::store::{
    Account, AccountSnapshot, Action, Change, Enrolled, Event, Sealer, Write, random,
};
use crate::time::UnixTime;
use crate::verifier::{Authority, Error, TRIES, Verifier};

/// A device to be added.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Whose it will be.
    pub account: AccountId,
    /// Its serial number, for hardware that has one; generated otherwise.
    pub serial: Option<SerialNumber>,
    /// What its owner calls it.
    pub name: Option<DeviceName>,
    /// What it is.
    pub factor: NewFactor,
}

/// What kind of device is added, and with which secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NewFactor {
    /// A time-based device; without a seed, one of 160 bits is made.
    Totp {
        /// What it was, or is to be, made with.
        parameters: Totp,
        /// Its seed, if it has one already.
        seed: Option<Seed>,
    },
    /// A counter-based device.
    Hotp {
        /// What it was, or is to be, made with.
        parameters: Hotp,
        /// The counter to begin at.
        counter: Counter,
        /// Its seed, if it has one already.
        seed: Option<Seed>,
    },
    /// A new sheet of recovery codes. It voids the account's old one.
    Recovery,
}

/// A device that was added, with what is shown this once and never again.
#[derive(Debug)]
pub struct Added {
    /// The device.
    pub device: Device,
    /// Its seed, if it was made here.
    pub seed: Option<Seed>,
    /// The recovery codes, for a device of that kind.
    pub recovery_codes: Vec<RecoveryCode>,
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
        let sealer = self.keys().await?;
        let now = self.now().await?;
        let serial = new.serial.clone().map_or_else(|| generated_serial(new.factor.word()), Ok)?;
        let _turn = self.core.queue.turn(&new.account).await;
        for _ in 0..TRIES {
            let seen = self.core.store.account(&new.account).await?;
            let (mut writes, devices) = match &seen {
                None => {
                    (vec![Write::CreateAccount(Account::new(new.account.clone(), now))], &[][..])
                }
                Some(seen) => {
                    self.may_change_devices(seen, authority, now).await?;
                    (
                        vec![Write::UpdateAccount {
                            seen: seen.revision,
                            account: present(&seen.account, now),
                        }],
                        &seen.devices[..],
                    )
                }
            };
            let sheets =
                devices.iter().filter(|enrolled| enrolled.device.kind() == MfaKind::Recovery);
            let voided: Vec<&Enrolled> = if matches!(new.factor, NewFactor::Recovery) {
                sheets.collect()
            } else {
                Vec::new()
            };
            self.room_for_one(devices, voided.len())?;
            let other_active = devices.iter().any(|enrolled| {
                enrolled.device.state == DeviceState::Active
                    && enrolled.device.kind() != MfaKind::Recovery
            });
            if matches!(new.factor, NewFactor::Recovery) && !other_active {
                return Err(Error::BadInput(
                    "recovery codes are given out beside another device: activate that one first"
                        .to_owned(),
                ));
            }
            writes.extend(voided.iter().map(|enrolled| Write::RemoveDevice {
                seen: enrolled.revision,
                tombstone: enrolled.device.tombstone(now),
            }));

            let (factor, seed, generated, recovery_codes) =
                made(&new.factor, &sealer, &new.account)?;
            let added = device::Added {
                secret: if generated { SecretOrigin::Made } else { SecretOrigin::Given },
                turn: devices
                    .iter()
                    .map(|enrolled| enrolled.device.added.turn)
                    .max()
                    .unwrap_or(0)
                    .saturating_add(1),
            };
            let device =
                Device::new(serial.clone(), new.account.clone(), new.name.clone(), factor, now)
                    .added(added);
            let giving_way = if device.state == DeviceState::Pending {
                self.giving_way(devices)
            } else {
                Vec::new()
            };
            writes.extend(giving_way.iter().map(|old| Write::DropPending {
                serial: old.device.serial.clone(),
                seen: old.revision,
            }));
            let place = Sealer::seed_place(&device.serial, &device.account);
            let sealed = seed
                .as_ref()
                .map(|seed| sealer.keyring().seal(&place, seed.expose()))
                .transpose()?;
            let fingerprint = seed.as_ref().map(|seed| sealer.fingerprint(seed.expose()));
            writes.push(Write::InsertDevice { device: device.clone(), seed: sealed, fingerprint });
            let dropped = |old: &&Enrolled| {
                self.event(now, Action::DeviceGaveWay)
                    .account(&new.account)
                    .serial(&old.device.serial)
            };
            let mut audit: Vec<Event> = giving_way.iter().map(dropped).collect();
            audit.push(self.event(now, Action::DeviceAdded).account(&new.account).serial(&serial));
            if self
                .commit(Change { account: Some(new.account.clone()), writes, audit })
                .await?
                .is_some()
            {
                return Ok(Added { device, seed: seed.filter(|_| generated), recovery_codes });
            }
        }
        Err(Error::Contended)
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
    /// Those whose secret was made here go first, the oldest of them before the others: a page that
    /// is opened again and again costs pages like it, and never the token that an administrator has
    /// laid out for its owner.
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

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such device, [`Error::Contended`], [`Error::Clock`] or
    /// [`Error::Store`].
    pub async fn rename(&self, serial: &SerialNumber, name: DeviceName) -> Result<Device, Error> {
        let renamed =
            |device: &Device, _| Ok(Device { name: Some(name.clone()), ..device.clone() });
        self.change_device(serial, None, Action::DeviceRenamed, renamed).await
    }

    /// Takes a device out of use until two consecutive codes activate it again. Contexts made with
    /// it are dead.
    ///
    /// # Errors
    /// [`Error::MfaRequired`] if `authority` is the owner's without a fresh context; otherwise as
    /// [`rename`](Verifier::rename).
    pub async fn deactivate(
        &self,
        serial: &SerialNumber,
        authority: &Authority,
    ) -> Result<Device, Error> {
        self.change_device(serial, Some(authority), Action::DeviceDeactivated, |device, now| {
            Ok(device.deactivated(now))
        })
        .await
    }

    /// Clears a device's lock and failures, on an administrator's word.
    ///
    /// # Errors
    /// As [`rename`](Verifier::rename).
    pub async fn unlock(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.change_device(serial, None, Action::DeviceUnlocked, |device, _| Ok(device.unlocked()))
            .await
    }

    /// Removes a device. What it consumed stays consumed.
    ///
    /// # Errors
    /// As [`deactivate`](Verifier::deactivate).
    pub async fn remove(&self, serial: &SerialNumber, authority: &Authority) -> Result<(), Error> {
        let now = self.now().await?;
        let account = self.core.store.owner(serial).await?.ok_or(Error::NotFound("device"))?;
        let _turn = self.core.queue.turn(&account).await;
        for _ in 0..TRIES {
            let (seen, enrolled) = self.find(&account, serial).await?;
            self.may_change_devices(&seen, authority, now).await?;
            let tombstone = enrolled.device.tombstone(seen.account.issued_up_to(now));
            let mut writes =
                vec![Write::ExpectAccount { account: account.clone(), seen: seen.revision }];
            writes.push(Write::RemoveDevice { seen: enrolled.revision, tombstone });
            let audit =
                vec![self.event(now, Action::DeviceRemoved).account(&account).serial(serial)];
            if self
                .commit(Change { account: Some(account.clone()), writes, audit })
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    async fn change_device(
        &self,
        serial: &SerialNumber,
        authority: Option<&Authority>,
        action: Action,
        change: impl Fn(&Device, UnixTime) -> Result<Device, Error>,
    ) -> Result<Device, Error> {
        let now = self.now().await?;
        let account = self.core.store.owner(serial).await?.ok_or(Error::NotFound("device"))?;
        let _turn = self.core.queue.turn(&account).await;
        for _ in 0..TRIES {
            let (seen, enrolled) = self.find(&account, serial).await?;
            let mut writes =
                vec![Write::ExpectAccount { account: account.clone(), seen: seen.revision }];
            if let Some(authority) = authority {
                self.may_change_devices(&seen, authority, now).await?;
            }
            let device = change(&enrolled.device, seen.account.issued_up_to(now))?;
            writes.push(Write::UpdateDevice { seen: enrolled.revision, device: device.clone() });
            let audit = vec![self.event(now, action.clone()).account(&account).serial(serial)];
            if self
                .commit(Change { account: Some(account.clone()), writes, audit })
                .await?
                .is_some()
            {
                return Ok(device);
            }
        }
        Err(Error::Contended)
    }

    async fn find(
        &self,
        account: &AccountId,
        serial: &SerialNumber,
    ) -> Result<(AccountSnapshot, Enrolled), Error> {
        let seen = self.core.store.account(account).await?.ok_or(Error::NotFound("device"))?;
        let enrolled = seen.device(serial).cloned().ok_or(Error::NotFound("device"))?;
        Ok((seen, enrolled))
    }
}

impl NewFactor {
    /// What a generated serial number begins with.
    fn word(&self) -> &'static str {
        match self {
            NewFactor::Totp { .. } => "totp",
            NewFactor::Hotp { .. } => "hotp",
            NewFactor::Recovery => "recovery",
        }
    }
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

type Made = (Factor, Option<Seed>, bool, Vec<RecoveryCode>);

/// The factor's state, its seed, whether that seed was made here, and the codes of a sheet.
fn made(new: &NewFactor, sealer: &Sealer, account: &AccountId) -> Result<Made, Error> {
    let or_new = |seed: &Option<Seed>| -> Result<(Option<Seed>, bool), Error> {
        match seed {
            Some(seed) => Ok((Some(seed.clone()), false)),
            None => Ok((Seed::new(random::<SEED_BYTES>()?.to_vec()).ok(), true)),
        }
    };
    match new {
        NewFactor::Totp { parameters, seed } => {
            let (seed, generated) = or_new(seed)?;
            Ok((
                Factor::Totp(TotpState { parameters: *parameters, ..TotpState::default() }),
                seed,
                generated,
                Vec::new(),
            ))
        }
        NewFactor::Hotp { parameters, counter, seed } => {
            let (seed, generated) = or_new(seed)?;
            Ok((
                Factor::Hotp(HotpState {
                    parameters: *parameters,
                    next: Some(*counter),
                    pair_needed: false,
                }),
                seed,
                generated,
                Vec::new(),
            ))
        }
        NewFactor::Recovery => {
            let codes: Vec<RecoveryCode> = (0..RECOVERY_CODES)
                .map(|_| Ok(RecoveryCode::from_bits(*random::<10>()?)))
                .collect::<Result<_, Error>>()?;
            let unused = codes.iter().map(|code| sealer.recovery_digest(account, code)).collect();
            Ok((Factor::Recovery(RecoveryState { unused, used: Vec::new() }), None, false, codes))
        }
    }
}

/// A serial number for a device that has none printed on it: 80 random bits.
pub(super) fn generated_serial(kind: &str) -> Result<SerialNumber, Error> {
    let bits = base32::encode(base32::Alphabet::Crockford, &random::<10>()?[..]);
    format!("{kind}-{bits}").parse().map_err(|_| Error::Contended)
}

/// 160 bits, as RFC 4226 §4 (R6) recommends.
const SEED_BYTES: usize = 20;

/// How many codes a sheet has.
const RECOVERY_CODES: usize = 10;
