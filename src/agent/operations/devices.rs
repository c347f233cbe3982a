//! Devices: add, list, show, rename, activate, resync, diagnose, deactivate, unlock, remove.

use crate::agent::access::{Caller, Denied, Failure, Refused, Scope};
use crate::agent::config::{AccountPattern, Role};
use crate::agent::operations::scan::Search;
use crate::agent::operations::{imports, scan, scope};
use crate::agent::state::State;
use crate::device::{Device, DeviceState, MfaKind};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{Code, CodePair};
use crate::session::SignedContext;
use crate::store::DeviceList;
use crate::time::UnixTime;
use crate::verifier::{
    Added, ClockFacts, Diagnosed, Error, NewDevice, NewFactor, Resynced, Verified,
};

/// A device to add.
pub(crate) struct Addition<'a> {
    /// The name of its account, which need not exist yet.
    pub(crate) account: &'a str,
    pub(crate) serial: Option<SerialNumber>,
    pub(crate) name: Option<DeviceName>,
    pub(crate) factor: NewFactor,
    /// The day on which its maker set its clock, at noon.
    pub(crate) clock_set: Option<UnixTime>,
}

/// A request for a page of devices.
#[derive(Default)]
pub(crate) struct Listing<'a> {
    /// The name of an account; required unless the caller is an enroller or an administrator.
    pub(crate) account: Option<&'a str>,
    pub(crate) state: Option<DeviceState>,
    pub(crate) kind: Option<MfaKind>,
    pub(crate) unused_since: Option<UnixTime>,
    /// In time steps.
    pub(crate) drift_above: Option<u32>,
    pub(crate) search: Option<Search>,
    /// The last device of the page before.
    pub(crate) after: Option<SerialNumber>,
    pub(crate) limit: Option<u32>,
}

/// A page of devices.
pub(crate) struct DevicePage {
    pub(crate) devices: Vec<Device>,
    /// The position of the next page, if there may be one.
    pub(crate) next: Option<SerialNumber>,
    pub(crate) detail: Detail,
}

/// The part of a device that the caller may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Whole,
    /// Enough for a verifier to ask for the right proof.
    Outline,
}

/// Adds a device.
pub(crate) async fn add(
    state: &State,
    caller: &Caller,
    addition: Addition<'_>,
    proof: Option<&SignedContext>,
) -> Result<Added, Failure> {
    let account = scope::account(state, caller, Role::Enroller, addition.account)?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    let Addition { serial, name, factor, clock_set, .. } = addition;
    let clock = ClockFacts { set_at: clock_set, rate: None };
    let new = NewDevice { account, serial, name, factor };
    let named = new.serial.clone();
    let added = scope::verifier(state, caller).add_with_clock(new, clock, &authority).await;
    match added {
        Err(Error::AlreadyExists(_)) if !shows_taken(state, caller, named.as_ref()).await? => Err(
            Denied::bad_input("this serial number or secret cannot be used: choose another one")
                .into(),
        ),
        added => Ok(added?),
    }
}

/// Lists devices. A verifier must name the account.
pub(crate) async fn list(
    state: &State,
    caller: &Caller,
    listing: Listing<'_>,
) -> Result<DevicePage, Failure> {
    let account = listing.account.map(|name| scope::existing(state, name)).transpose()?;
    // A verifier is not shown when a device was used, nor its drift.
    if account.is_none() || listing.unused_since.is_some() || listing.drift_above.is_some() {
        caller.must_be(Role::Enroller)?;
    }
    if listing.drift_above.is_some_and(|steps| steps > MOST_STEPS) {
        return Err(Denied::bad_input("drift_above: 0 to 1000000 time steps").into());
    }
    if listing.kind == Some(MfaKind::Bypass) {
        return Err(Denied::bad_input("kind: no device is a bypass code").into());
    }
    let limit = scope::page_size(listing.limit)?;
    let detail = if caller.role == Role::Verifier { Detail::Outline } else { Detail::Whole };
    let list = DeviceList {
        state: listing.state,
        kind: listing.kind,
        not_used_since: listing.unused_since,
        ..DeviceList::default()
    };
    let Some(list) = in_scope(state, caller, account, list)? else {
        return Ok(DevicePage { devices: Vec::new(), next: None, detail });
    };
    caller.place.page().await;
    let read =
        |after, limit| state.verifier.store().devices(DeviceList { after, limit, ..list.clone() });
    let now = state.verifier.clock().read().wall;
    let (search, above) = (listing.search, listing.drift_above.map(u64::from));
    let wanted = (search.is_some() || above.is_some()).then_some(|device: &Device| {
        search
            .as_ref()
            .is_none_or(|search| names(device).any(|name| search.is_in(name)))
            && above.is_none_or(|above| drifts(device, now) > above)
    });
    let place = |device: &Device| device.serial.clone();
    let found = scan::scan(limit, listing.after, read, place, wanted).await?;
    Ok(DevicePage { devices: found.rows, next: found.next, detail })
}

/// Shows a device.
pub(crate) async fn show(state: &State, caller: &Caller, serial: &str) -> Result<Device, Failure> {
    let found = scope::device(state, caller, serial).await;
    if is_missing(&found) {
        return imports::show(state, caller, serial).await;
    }
    let (account, serial) = found?;
    let seen = state.verifier.store().account(&account).await?;
    let enrolled = seen.as_ref().and_then(|seen| seen.device(&serial));
    Ok(enrolled.ok_or(Denied::NotFound("device"))?.device.clone())
}

/// Renames a device.
pub(crate) async fn rename(
    state: &State,
    caller: &Caller,
    serial: &str,
    name: DeviceName,
) -> Result<Device, Failure> {
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    Ok(scope::verifier(state, caller).limited_to(account).rename(&serial, name).await?)
}

/// Activates a pending or disabled device. The codes are consumed.
pub(crate) async fn activate(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    Ok(activate_proving(state, caller, serial, codes, proof).await?.0)
}

/// Activates a device of an account, or gives it one in stock, for an administrator of all.
pub(crate) async fn activate_for(
    state: &State,
    caller: &Caller,
    (serial, account): (&str, &str),
    codes: CodePair<'_>,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    let account = scope::account(state, caller, Role::Enroller, account)?;
    match scope::device(state, caller, serial).await {
        Ok((owner, _)) if owner == account => activate(state, caller, serial, codes, proof).await,
        Ok(_) => Err(Denied::NotFound("device").into()),
        missing if is_missing(&missing) => {
            let serial = imports::in_stock(caller, serial)?;
            claim(state, caller, (&serial, account), codes, proof).await
        }
        Err(failure) => Err(failure),
    }
}

/// Gives a device of no account to an account, on proof of its codes.
pub(super) async fn claim(
    state: &State,
    caller: &Caller,
    (serial, account): (&SerialNumber, AccountId),
    codes: CodePair<'_>,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    let explain = caller.hears_why(Some(&account));
    let verifier = scope::verifier(state, caller);
    let now = verifier.clock().read().wall;
    let window = scope::window(caller);
    let claimed = verifier.claim((serial, &account), codes, window, &authority).await;
    claimed.map_err(|error| pair_refused(state, (caller, explain), error, now))
}

/// Activates a device, with the proof that the codes are.
pub(super) async fn activate_proving(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
    proof: Option<&SignedContext>,
) -> Result<(Device, Verified), Failure> {
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    let explain = caller.hears_why(Some(&account));
    let verifier = scope::verifier(state, caller).limited_to(account);
    let now = verifier.clock().read().wall;
    let window = scope::window(caller);
    let activated = verifier.activate_proving(&serial, codes, window, &authority).await;
    activated.map_err(|error| pair_refused(state, (caller, explain), error, now))
}

/// Resynchronises a device whose clock or counter ran away, and unlocks it. The codes are consumed.
pub(crate) async fn resync(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
) -> Result<Resynced, Failure> {
    Ok(resync_proving(state, caller, serial, codes).await?.0)
}

/// Resynchronises a device, with the proof that the codes are.
pub(super) async fn resync_proving(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
) -> Result<(Resynced, Verified), Failure> {
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    let explain = caller.hears_why(Some(&account));
    let verifier = scope::verifier(state, caller).limited_to(account);
    let now = verifier.clock().read().wall;
    let resynced = verifier.resync_proving(&serial, codes, scope::window(caller)).await;
    resynced.map_err(|error| pair_refused(state, (caller, explain), error, now))
}

/// Names the cause for which two codes do not work, without accepting them. For administrators.
pub(crate) async fn diagnose(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: [&Code; 2],
) -> Result<Diagnosed, Failure> {
    caller.must_be(Role::Admin)?;
    let (account, serial) = scope::device(state, caller, serial).await?;
    let verifier = scope::verifier(state, caller).limited_to(account);
    let now = verifier.clock().read().wall;
    match verifier.diagnose(&serial, codes, |account| caller.sees(account)).await {
        Err(Error::Refused(refusal)) => {
            scope::refused(state, caller, &refusal);
            let wait = refusal.retry_at().map(|until| until.since(now)).unwrap_or_default();
            Err(Denied::DiagnosesSpent(wait).into())
        }
        diagnosed => Ok(diagnosed?),
    }
}

/// Takes a device out of use. Contexts made with it are revoked.
pub(crate) async fn deactivate(
    state: &State,
    caller: &Caller,
    serial: &str,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    Ok(scope::verifier(state, caller)
        .limited_to(account)
        .deactivate(&serial, &authority)
        .await?)
}

/// Takes a device back from its account. Contexts made with it are revoked.
pub(super) async fn take_back(
    state: &State,
    caller: &Caller,
    serial: &str,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    Ok(scope::verifier(state, caller)
        .limited_to(account)
        .take_back(&serial, &authority)
        .await?)
}

/// Clears a device's lock and failures. For administrators.
pub(crate) async fn unlock(
    state: &State,
    caller: &Caller,
    serial: &str,
) -> Result<Device, Failure> {
    caller.must_be(Role::Admin)?;
    let (account, serial) = scope::device(state, caller, serial).await?;
    let _lane = scope::lane(caller, &account).await;
    Ok(scope::verifier(state, caller).limited_to(account).unlock(&serial).await?)
}

/// Removes a device. Its consumed codes stay consumed.
pub(crate) async fn remove(
    state: &State,
    caller: &Caller,
    serial: &str,
    proof: Option<&SignedContext>,
) -> Result<(), Failure> {
    let found = scope::device(state, caller, serial).await;
    if is_missing(&found) {
        return imports::remove(state, caller, serial).await;
    }
    let (account, serial) = found?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    Ok(scope::verifier(state, caller)
        .limited_to(account)
        .remove(&serial, &authority)
        .await?)
}

/// True if no account that the caller sees has the device: it may be in stock.
fn is_missing<T>(found: &Result<T, Failure>) -> bool {
    matches!(found, Err(Failure::Denied(Denied::NotFound(_))))
}

/// The texts by which a device is found.
fn names(device: &Device) -> impl Iterator<Item = &str> {
    let name = device.name.as_ref().map(DeviceName::as_str);
    [device.serial.as_str(), device.owner()].into_iter().chain(name)
}

/// The time steps by which a device's clock is off; 0 without a clock.
fn drifts(device: &Device, now: UnixTime) -> u64 {
    device.drift(now).map_or(0, |drift| drift.steps.unsigned_abs())
}

/// Restricts a list to the caller's accounts; none if it would be empty.
fn in_scope(
    state: &State,
    caller: &Caller,
    account: Option<AccountId>,
    list: DeviceList,
) -> Result<Option<DeviceList>, Failure> {
    if let Some(account) = account {
        let list = DeviceList { account: Some(account.clone()), ..list };
        return Ok(caller.sees(&account).then_some(list));
    }
    let Scope::Only { patterns, login, fold } = &caller.scope else { return Ok(Some(list)) };
    let list = match (patterns.as_slice(), login) {
        ([AccountPattern::Prefix(prefix)], _) if !state.accounts.has_other_spellings(prefix) => {
            DeviceList { account_prefix: Some(fold.apply(prefix).into_owned()), ..list }
        }
        ([AccountPattern::Exactly(account)], _) => {
            DeviceList { account: Some(scope::existing(state, account.as_str())?), ..list }
        }
        ([AccountPattern::LoginName], Some(login)) => {
            DeviceList { account: Some(scope::existing(state, login)?), ..list }
        }
        _ => return Err(Denied::bad_input("you may see several accounts: name one").into()),
    };
    Ok(Some(list))
}

/// `true` if the caller may hear that this serial number is taken. Of other accounts it learns
/// neither that they have a serial number nor that they have a secret: the answer is that to an
/// impossible one.
async fn shows_taken(
    state: &State,
    caller: &Caller,
    serial: Option<&SerialNumber>,
) -> Result<bool, Failure> {
    if caller.scope == Scope::All {
        return Ok(true);
    }
    let owner = match serial {
        Some(serial) => state.verifier.store().owner(serial).await?,
        None => None,
    };
    Ok(owner.is_some_and(|account| caller.sees(&account)))
}

/// Counts a refused pair, with the reason for a caller who may hear it.
fn pair_refused(
    state: &State,
    (caller, explain): (&Caller, bool),
    error: Error,
    now: UnixTime,
) -> Failure {
    let Error::Refused(refusal) = error else { return error.into() };
    scope::refused(state, caller, &refusal);
    Denied::Pair(Refused { refusal, explain, now }).into()
}

/// Most time steps to ask for: about a year.
const MOST_STEPS: u32 = 1_000_000;
