//! Devices as IAM's users have them: given by two codes, taken back, and virtual ones made.

use std::collections::BTreeMap;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::aws_rights::{Signer, authorize, over, over_user};
use crate::agent::operations::{devices, scope};
use crate::agent::state::State;
use crate::aws::UserName;
use crate::device::{Device, DeviceState, Factor};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, CodePair, Totp};
use crate::store::{Account, DeviceList};
use crate::verifier::{Added, ClockFacts, Error, NewFactor, NewStock};

/// Virtual devices by whether a user has them in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    Assigned,
    Unassigned,
    Any,
}

/// A virtual device, with the user who has it in use.
pub(crate) struct Virtual {
    pub(crate) device: Device,
    pub(crate) user: Option<(UserName, Account)>,
}

/// The outcome of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Done,
    /// A user has the device in use.
    InUse,
}

/// Lists the devices that a user has in use, by serial number.
pub(crate) async fn in_use(
    state: &State,
    signer: &Signer,
    action: &str,
    user: Option<&UserName>,
) -> Result<Vec<Device>, Failure> {
    let (_, account) = over_user(state, signer, action, user).await?;
    let seen = state.verifier.store().account(&account).await?;
    let devices = seen.into_iter().flat_map(|seen| seen.devices).map(|enrolled| enrolled.device);
    Ok(devices.filter(Device::is_in_use).collect())
}

/// Activates a device of the user, or gives one of no account to the user, on proof of its codes.
pub(crate) async fn enable(
    state: &State,
    signer: &Signer,
    (user, serial): (&UserName, &SerialNumber),
    codes: [&Code; 2],
) -> Result<(), Failure> {
    let action = "iam:EnableMFADevice";
    let (caller, account) = over_user(state, signer, action, Some(user)).await?;
    let (pair, proof) = (CodePair { codes, counter: None }, signer.proof());
    let owner = state.verifier.store().owner(serial).await?;
    match owner {
        Some(owner) if owner == account => {
            devices::activate(state, &caller, serial.as_str(), pair, proof).await?;
        }
        Some(_) => return Err(MISSING.into()),
        None => {
            devices::claim(state, &caller, (serial, account), pair, proof).await?;
        }
    }
    Ok(())
}

/// Finds a device of the user again by two codes.
pub(crate) async fn resync(
    state: &State,
    signer: &Signer,
    (user, serial): (&UserName, &SerialNumber),
    codes: [&Code; 2],
) -> Result<(), Failure> {
    let (caller, _) = owned(state, signer, "iam:ResyncMFADevice", (Some(user), serial)).await?;
    let pair = CodePair { codes, counter: None };
    devices::resync(state, &caller, serial.as_str(), pair).await?;
    Ok(())
}

/// Takes a device in use from its user. One that shows codes has no account afterwards.
pub(crate) async fn deactivate(
    state: &State,
    signer: &Signer,
    (user, serial): (Option<&UserName>, &SerialNumber),
) -> Result<(), Failure> {
    let action = "iam:DeactivateMFADevice";
    let (caller, device) = owned(state, signer, action, (user, serial)).await?;
    let proof = signer.proof();
    match device.factor {
        _ if !device.is_in_use() => return Err(MISSING.into()),
        Factor::Totp(_) | Factor::Hotp(_) => {
            devices::take_back(state, &caller, serial.as_str(), proof).await?;
        }
        Factor::SecurityKey(_) | Factor::Recovery(_) => {
            devices::deactivate(state, &caller, serial.as_str(), proof).await?;
        }
    }
    Ok(())
}

/// Makes a virtual device of no account.
pub(crate) async fn make(
    state: &State,
    signer: &Signer,
    serial: &SerialNumber,
) -> Result<Added, Failure> {
    authorize(state, signer, "iam:CreateVirtualMFADevice", serial.as_str()).await?;
    let store = state.verifier.store();
    if store.spelt_alike(serial).await?.is_some() {
        return Err(Error::AlreadyExists("a device has this name, capitals aside").into());
    }
    if store.count_devices(DeviceState::Unassigned).await? >= MOST_IN_STOCK {
        return Err(Denied::LimitExceeded("5000 devices have no user: delete some").into());
    }
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let new = NewStock { serial: Some(serial.clone()), name: None, factor };
    let verifier = scope::verifier(state, &signer.caller);
    Ok(verifier.add_unassigned(new, ClockFacts::default()).await?)
}

/// Deletes a virtual device that no user has in use. Its consumed codes stay consumed.
pub(crate) async fn delete(
    state: &State,
    signer: &Signer,
    serial: &SerialNumber,
) -> Result<Deletion, Failure> {
    authorize(state, signer, "iam:DeleteVirtualMFADevice", serial.as_str()).await?;
    if !serial.as_str().starts_with(&state.plane.number.virtual_devices()) {
        return Err(MISSING.into());
    }
    let store = state.verifier.store();
    let Some(owner) = store.owner(serial).await? else {
        scope::verifier(state, &signer.caller).remove_unassigned(serial).await?;
        return Ok(Deletion::Done);
    };
    let seen = store.account(&owner).await?;
    let device = seen.as_ref().and_then(|seen| seen.device(serial)).ok_or(MISSING)?;
    if device.device.is_in_use() {
        return Ok(Deletion::InUse);
    }
    let caller = over(state, signer, &owner);
    devices::remove(state, &caller, serial.as_str(), signer.proof()).await?;
    Ok(Deletion::Done)
}

/// Lists virtual devices by serial number, at most so many after that one; and whether there are
/// more.
pub(crate) async fn list(
    state: &State,
    signer: &Signer,
    wanted: Assignment,
    (after, most): (Option<SerialNumber>, usize),
) -> Result<(Vec<Virtual>, bool), Failure> {
    let all = state.plane.number.virtual_devices();
    authorize(state, signer, "iam:ListVirtualMFADevices", &format!("{all}*")).await?;
    signer.caller.place.page().await;
    let first: SerialNumber = all.parse().map_err(Denied::bad_input)?;
    let mut after = after.unwrap_or(first);
    let (mut found, mut owners) = (Vec::new(), BTreeMap::new());
    loop {
        let list = DeviceList { after: Some(after), limit: AT_ONCE, ..DeviceList::default() };
        let devices = state.verifier.store().devices(list).await?;
        let Some(last) = devices.last() else { return Ok((found, false)) };
        after = last.serial.clone();
        for device in devices {
            if !device.serial.as_str().starts_with(&all) {
                return Ok((found, false));
            }
            let is_wanted = match wanted {
                Assignment::Assigned => device.is_in_use(),
                Assignment::Unassigned => !device.is_in_use(),
                Assignment::Any => true,
            };
            if !is_wanted {
                continue;
            }
            let owner = device.account.clone().filter(|_| device.is_in_use());
            let user = match owner {
                None => None,
                Some(owner) => match named(state, owner, &mut owners).await? {
                    None => continue,
                    user => user,
                },
            };
            if found.len() == most {
                return Ok((found, true));
            }
            found.push(Virtual { device, user });
        }
    }
}

/// The user that an account is, from those that were looked up before or from the store. Accounts
/// without a user's name are not seen here.
async fn named(
    state: &State,
    owner: AccountId,
    owners: &mut BTreeMap<AccountId, Option<(UserName, Account)>>,
) -> Result<Option<(UserName, Account)>, Failure> {
    if let Some(known) = owners.get(&owner) {
        return Ok(known.clone());
    }
    let seen = state.verifier.store().account(&owner).await?;
    let user = UserName::of(&owner).zip(seen.map(|seen| seen.account));
    owners.insert(owner, user.clone());
    Ok(user)
}

/// The caller over the user's account, and the device of it with this serial number.
async fn owned(
    state: &State,
    signer: &Signer,
    action: &str,
    (user, serial): (Option<&UserName>, &SerialNumber),
) -> Result<(Caller, Device), Failure> {
    let (caller, account) = over_user(state, signer, action, user).await?;
    let seen = state.verifier.store().account(&account).await?;
    let found = seen.as_ref().and_then(|seen| seen.device(serial));
    let found = found.map(|enrolled| enrolled.device.clone());
    Ok((caller, found.ok_or(MISSING)?))
}

const MISSING: Denied = Denied::NotFound("device");

/// The most devices of no account beside which another one is made.
const MOST_IN_STOCK: u64 = 5_000;

/// Devices that are read at once.
const AT_ONCE: u32 = 200;
