//! Imports of token files: tokens are staged in small changes that no query sees, and one change
//! makes them devices.

use std::collections::HashMap;

use crate::device::{Device, DeviceState, Factor};
use crate::id::{AccountId, SerialNumber};
use crate::import::{Place, Planned, Problem, ProblemCode};
use crate::otp::TimeStep;
use crate::store::{
    AccountSnapshot, Action, Change, Commit, Conflict, Fingerprints, ImportId, Sealer,
    StagedDevice, Write, random,
};
use crate::time::UnixTime;
use crate::verifier::add::{generated_serial, given, present};
use crate::verifier::{Error, Verifier};

/// An import that is under way. Dropped without [`publish`](Import::publish) or
/// [`cancel`](Import::cancel), it ends by itself within an hour.
pub struct Import {
    verifier: Verifier,
    id: ImportId,
    at: UnixTime,
    /// The time of the last restore.
    restored_at: Option<UnixTime>,
    /// Tokens that have an account are in use at once.
    activate: bool,
    staged: u64,
    accounts: HashMap<AccountId, Owner>,
}

/// An account of the file.
struct Owner {
    seen: Option<AccountSnapshot>,
    /// Devices in use, with those of the file.
    in_use: usize,
}

/// A token of the file and the device that it becomes.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Place in the file.
    pub place: Place,
    /// The device.
    pub device: Device,
}

impl Verifier {
    /// Begins an import. With `activate`, tokens that have an account are in use at once, as they
    /// were where they come from; without, each proves itself by two consecutive codes.
    ///
    /// For administrators: the caller sees to that.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn begin_import(&self, activate: bool) -> Result<Import, Error> {
        let _ = self.keys().await?;
        Ok(Import {
            verifier: self.clone(),
            id: ImportId(*random::<16>()?),
            at: self.now().await?,
            restored_at: self.restored_at().await?,
            activate,
            staged: 0,
            accounts: HashMap::new(),
        })
    }
}

impl Import {
    /// The devices that these tokens become, or the problems that the store has with them. Nothing
    /// is written.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn look(
        &mut self,
        tokens: &[Planned],
    ) -> Result<Vec<Result<Imported, Problem>>, Error> {
        let mut imported = Vec::with_capacity(tokens.len());
        for token in tokens {
            imported.push(self.imported(token).await?);
        }
        self.unless_taken(tokens, imported).await
    }

    /// Stages tokens, all of them or none, and returns the devices that they become; the problems
    /// that the store has with them, if it has any.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Key`] or [`Error::Contended`].
    pub async fn stage(
        &mut self,
        tokens: &[Planned],
    ) -> Result<Vec<Result<Imported, Problem>>, Error> {
        let mut imported = Vec::with_capacity(tokens.len());
        for token in tokens {
            imported.push(self.imported(token).await?);
        }
        if imported.iter().any(Result::is_err) {
            return Ok(imported);
        }
        let (mut writes, mut devices) = (Vec::new(), Vec::with_capacity(tokens.len()));
        let sealer = self.verifier.keys().await?;
        for (token, device) in tokens.iter().zip(imported.iter().flatten()) {
            let (staged, fingerprints) = sealed(&sealer, token, &device.device)?;
            writes.extend(fingerprints.aliases());
            devices.push(staged);
        }
        drop(sealer);
        let count = u64::try_from(devices.len()).unwrap_or(u64::MAX);
        writes.push(Write::StageDevices { import: self.id, at: self.at, devices });
        match self.verifier.write(Change { account: None, writes, audit: Vec::new() }).await? {
            Commit::Committed(_) => self.staged = self.staged.saturating_add(count),
            Commit::Conflict(
                Conflict::SerialTaken | Conflict::FingerprintTaken | Conflict::Removed,
            ) => return self.blamed(tokens, imported).await,
            Commit::Conflict(_) => return Err(Error::Contended),
        }
        Ok(imported)
    }

    /// Makes all staged tokens devices at once, with the audit row that names the file: its format
    /// and digest.
    ///
    /// # Errors
    /// [`Error::Contended`] if the import has ended meanwhile, [`Error::Store`] or [`Error::Key`].
    pub async fn publish(self, file: &str) -> Result<u64, Error> {
        let event = self.verifier.event(self.at, Action::DevicesImported).reason(file);
        let event = crate::store::Event { count: self.staged, ..event };
        let removed = self.accounts.values().filter_map(|owner| owner.seen.as_ref());
        let removed = removed.filter(|seen| seen.account.removed_at.is_some());
        let mut writes: Vec<Write> = removed
            .map(|seen| Write::UpdateAccount {
                seen: seen.revision,
                account: present(&seen.account, self.at),
            })
            .collect();
        writes.push(Write::PublishImport { import: self.id, devices: self.staged });
        let change = Change { account: None, writes, audit: vec![event] };
        match self.verifier.write(change).await? {
            Commit::Committed(_) => Ok(self.staged),
            Commit::Conflict(_) => Err(Error::Contended),
        }
    }

    /// Ends the import: nothing of it stays.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn cancel(self) -> Result<(), Error> {
        if self.staged > 0 {
            let writes = vec![Write::DropImport { import: self.id }];
            let _ =
                self.verifier.write(Change { account: None, writes, audit: Vec::new() }).await?;
        }
        Ok(())
    }

    /// The device that a token becomes.
    async fn imported(&mut self, token: &Planned) -> Result<Result<Imported, Problem>, Error> {
        let serial = match &token.serial {
            Some(serial) => serial.clone(),
            None => generated_serial(match token.factor {
                Factor::Hotp(_) => "hotp",
                _ => "totp",
            })?,
        };
        let (factor, name) = (token.factor.clone(), token.name.clone());
        let device = match &token.account {
            None => Device::unassigned(serial, name, factor, self.at),
            Some(account) => {
                let most = self.verifier.core.limits.devices_per_account;
                let in_use = self.activate || token.disabled;
                let owner = self.owner(account).await?;
                if in_use {
                    owner.in_use = owner.in_use.saturating_add(1);
                }
                if owner.in_use > most {
                    return Ok(Err(full(token, account, most)));
                }
                let added = given(owner.seen.as_ref());
                let device = Device::new(serial, account.clone(), name, factor, self.at);
                self.in_state(device.added(added), token)
            }
        };
        let device = Device { hardware: token.hardware, ..device };
        let device = match self.restored_at {
            Some(at) => device.above_restore(at),
            None => device,
        };
        Ok(Ok(Imported { place: token.place, device }))
    }

    /// The device of an account, in the state in which it was.
    fn in_state(&self, device: Device, token: &Planned) -> Device {
        if token.disabled {
            return Device { state: DeviceState::Disabled, ..device };
        }
        if !self.activate {
            return device;
        }
        let mut device =
            Device { state: DeviceState::Active, activated_at: Some(self.at), ..device };
        if let (Factor::Totp(totp), false) = (&mut device.factor, token.use_is_told) {
            // Codes up to the one after the present one may have been used: one of them may be
            // lost, none comes back.
            let present = totp.expected_step(self.at);
            totp.watermark = present.map(|step| TimeStep(step.0.saturating_add(1)));
        }
        device
    }

    async fn owner(&mut self, account: &AccountId) -> Result<&mut Owner, Error> {
        if !self.accounts.contains_key(account) {
            let seen = self.verifier.core.store.account(account).await?;
            let devices = seen.as_ref().map_or(&[][..], |seen| &seen.devices);
            let in_use = devices.iter().filter(|enrolled| enrolled.device.counts()).count();
            self.accounts.insert(account.clone(), Owner { seen, in_use });
        }
        Ok(self.accounts.get_mut(account).expect("it was just inserted"))
    }

    /// The devices of tokens, each with the problem that the store has with it instead.
    async fn unless_taken(
        &self,
        tokens: &[Planned],
        imported: Vec<Result<Imported, Problem>>,
    ) -> Result<Vec<Result<Imported, Problem>>, Error> {
        let mut judged = Vec::with_capacity(tokens.len());
        for (token, imported) in tokens.iter().zip(imported) {
            judged.push(match imported {
                Err(problem) => Err(problem),
                Ok(imported) => match self.taken(token, &imported.device).await? {
                    Some(problem) => Err(problem),
                    None => Ok(imported),
                },
            });
        }
        Ok(judged)
    }

    /// The problems of a batch that the store refused.
    async fn blamed(
        &self,
        tokens: &[Planned],
        imported: Vec<Result<Imported, Problem>>,
    ) -> Result<Vec<Result<Imported, Problem>>, Error> {
        let mut blamed = self.unless_taken(tokens, imported).await?;
        // The rows of another import are seen by no question: which token it is stays unknown.
        if blamed.iter().all(Result::is_ok)
            && let Some(first) = blamed.first_mut()
        {
            let detail = "another import that is under way has a serial number or a secret of this \
                          file: try again when it is over";
            *first = Err(Problem::of_file(ProblemCode::SerialTaken, detail));
        }
        Ok(blamed)
    }

    /// The problem of a token that was in use here, and was removed. What was consumed of it stays
    /// consumed in any case.
    async fn removed(&self, token: &Planned, device: &Device) -> Result<Option<Problem>, Error> {
        let fingerprints = self.verifier.keys().await?.fingerprints(&token.seed);
        for fingerprint in std::iter::once(fingerprints.first).chain(fingerprints.others) {
            let store = &self.verifier.core.store;
            let removed = store.tombstones(&device.serial, fingerprint).await?;
            if let Some(removed) = removed.iter().find(|removed| removed.was_in_use()) {
                return Ok(Some(was_removed(token, &removed.serial)));
            }
        }
        Ok(None)
    }

    /// The problem of a token whose serial number a device has, in any spelling.
    async fn spelt_alike(
        &self,
        token: &Planned,
        device: &Device,
    ) -> Result<Option<Problem>, Error> {
        if token.serial.is_none() {
            return Ok(None);
        }
        let spelt = self.verifier.core.store.spelt_alike(&device.serial).await?;
        Ok(spelt.map(|spelt| serial_taken(token, &device.serial, &spelt)))
    }

    /// The problem of a token whose serial number or secret a device has.
    async fn taken(&self, token: &Planned, device: &Device) -> Result<Option<Problem>, Error> {
        let store = &self.verifier.core.store;
        if let Some(problem) = self.spelt_alike(token, device).await? {
            return Ok(Some(problem));
        }
        let fingerprints = self.verifier.keys().await?.fingerprints(&token.seed);
        for fingerprint in std::iter::once(fingerprints.first).chain(fingerprints.others) {
            if let Some(holder) = store.holder(fingerprint, &device.serial).await? {
                let detail = format!(
                    "the device {holder} has this secret: a secret belongs to one device; remove \
                     that device, or take the token out of the file"
                );
                let problem = Problem::at(token.place, ProblemCode::SecretTaken, detail);
                return Ok(Some(
                    problem.of_serial(token.serial.as_ref().map(SerialNumber::as_str)),
                ));
            }
        }
        self.removed(token, device).await
    }
}

fn sealed(
    sealer: &Sealer,
    token: &Planned,
    device: &Device,
) -> Result<(StagedDevice, Fingerprints), Error> {
    let place = Sealer::seed_place(&device.serial, device.account.as_ref());
    let seed = sealer.keyring().seal(&place, token.seed.expose())?;
    let fingerprints = sealer.fingerprints(&token.seed);
    let fingerprint = Some(fingerprints.first);
    Ok((StagedDevice { device: device.clone(), seed: Some(seed), fingerprint }, fingerprints))
}

fn serial_taken(token: &Planned, serial: &SerialNumber, taken: &SerialNumber) -> Problem {
    let (code, detail) = if serial == taken {
        let detail = "a device has this serial number: remove that device, or take the token out \
                      of the file";
        (ProblemCode::SerialTaken, detail.to_owned())
    } else {
        let detail = format!("the device {taken} differs from it in nothing but capitals");
        (ProblemCode::SerialCase, detail)
    };
    Problem::at(token.place, code, detail).of_serial(Some(serial.as_str()))
}

fn was_removed(token: &Planned, removed: &SerialNumber) -> Problem {
    let detail = format!(
        "the device {removed}, which had this serial number or secret, was in use here and was \
         removed: take the token out of the file; to bring it back, enrol it with device add"
    );
    let problem = Problem::at(token.place, ProblemCode::Removed, detail);
    problem.of_serial(token.serial.as_ref().map(SerialNumber::as_str))
}

fn full(token: &Planned, account: &AccountId, most: usize) -> Problem {
    let detail = format!(
        "{account} would have more than {most} devices in use: remove one, or import without \
         --activate"
    );
    let problem = Problem::at(token.place, ProblemCode::AccountFull, detail);
    problem.of_serial(token.serial.as_ref().map(SerialNumber::as_str))
}
