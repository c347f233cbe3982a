//! Search for accounts by their names, and for devices by either end of a serial number.

use crate::agent::access::{Caller, Failure};
use crate::agent::config::Role;
use crate::agent::fleet;
use crate::agent::operations::{scan, scope};
use crate::agent::state::State;
use crate::device::{Device, DeviceState};
use crate::id::{AccountId, SerialNumber};
use crate::store;
use crate::store::{AccountEntry, AccountList, DeviceList};

/// The result of a search.
pub(crate) struct Findings {
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) devices: Vec<Device>,
}

/// Finds accounts and devices of the caller's accounts. For enrollers.
pub(crate) async fn find(state: &State, caller: &Caller, text: &str) -> Result<Findings, Failure> {
    caller.must_be(Role::Enroller)?;
    caller.place.page().await;
    let accounts = accounts(state, caller, text).await?;
    let spelt: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let upper = spelt.to_ascii_uppercase();
    let mut devices = Vec::new();
    for spelling in [spelt.as_str(), upper.as_str()] {
        if devices.is_empty() {
            devices = beginning(state, caller, spelling).await?;
        }
    }
    if devices.is_empty() {
        devices = ending(state, caller, &upper).await?;
    }
    Ok(Findings { accounts, devices })
}

/// Devices that are locked, or wait for their first codes; and tokens whose codes wait, which need
/// two codes, or whose clocks are far off. For enrollers.
pub(crate) async fn attention(state: &State, caller: &Caller) -> Result<Vec<Device>, Failure> {
    caller.must_be(Role::Enroller)?;
    caller.place.page().await;
    let mut found = Vec::new();
    for kind in [DeviceState::Locked, DeviceState::Pending] {
        let list = DeviceList { state: Some(kind), ..DeviceList::default() };
        found.extend(scanned(state, caller, list, |_| true).await?);
    }
    let mut troubled = 0;
    for serial in fleet::troubled(state).await?.iter() {
        if troubled == MOST {
            break;
        }
        if let Some(device) = device(state, caller, serial).await? {
            troubled += 1;
            found.push(device);
        }
    }
    Ok(found)
}

/// The account of this name, which need not exist yet, if it is one of the caller's.
pub(crate) fn account(state: &State, caller: &Caller, name: &str) -> Result<AccountId, Failure> {
    scope::account(state, caller, Role::Enroller, name)
}

/// The accounts whose names begin so.
async fn accounts(state: &State, caller: &Caller, text: &str) -> Result<Vec<AccountId>, Failure> {
    let prefix = Some(state.accounts.fold().apply(text).into_owned());
    let read = |after, limit| {
        let list = AccountList { without_mfa: false, prefix: prefix.clone(), after, limit };
        state.verifier.store().accounts(list)
    };
    let place = |entry: &AccountEntry| entry.account.id.clone();
    let wanted = |entry: &AccountEntry| caller.sees(&entry.account.id);
    let found = scan::scan(MOST, None, read, place, Some(wanted)).await?;
    Ok(found.rows.into_iter().map(|entry| entry.account.id).collect())
}

/// The devices whose serial numbers begin so, in the order of the store.
async fn beginning(state: &State, caller: &Caller, text: &str) -> Result<Vec<Device>, Failure> {
    let Ok(first) = text.parse::<SerialNumber>() else { return Ok(Vec::new()) };
    let store = state.verifier.store();
    let mut found = Vec::new();
    if let Some(serial) = store.spelt_alike(&first).await? {
        found.extend(device(state, caller, &serial).await?);
    }
    let (mut after, mut looked) = (first, 0);
    while found.len() < usize::try_from(MOST).unwrap_or(usize::MAX) && looked < LONGEST {
        let list = DeviceList { after: Some(after.clone()), limit: PAGE, ..DeviceList::default() };
        let rows = store.devices(list).await?;
        let begins = |device: &Device| device.serial.as_str().starts_with(text);
        let all = scope::is_full(&rows, PAGE) && rows.iter().all(begins);
        looked += rows.len();
        let Some(last) = rows.last() else { break };
        after = last.serial.clone();
        found.extend(rows.into_iter().filter(|row| begins(row) && is_seen(caller, row)));
        if !all {
            break;
        }
    }
    found.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    Ok(found)
}

/// The devices whose serial numbers end so, among the first that the store has.
async fn ending(state: &State, caller: &Caller, text: &str) -> Result<Vec<Device>, Failure> {
    if text.len() < SHORTEST_END {
        return Ok(Vec::new());
    }
    let ends = |device: &Device| device.serial.as_str().to_ascii_uppercase().ends_with(text);
    scanned(state, caller, DeviceList::default(), ends).await
}

async fn scanned(
    state: &State,
    caller: &Caller,
    list: DeviceList,
    wanted: impl Fn(&Device) -> bool,
) -> Result<Vec<Device>, Failure> {
    let read =
        |after, limit| state.verifier.store().devices(DeviceList { after, limit, ..list.clone() });
    let place = |device: &Device| device.serial.clone();
    let seen = |device: &Device| is_seen(caller, device) && wanted(device);
    Ok(scan::scan(MOST, None, read, place, Some(seen)).await?.rows)
}

async fn device(
    state: &State,
    caller: &Caller,
    serial: &SerialNumber,
) -> Result<Option<Device>, store::Error> {
    let store = state.verifier.store();
    let Some(account) = store.owner(serial).await? else { return Ok(None) };
    let seen = store.account(&account).await?.filter(|_| caller.sees(&account));
    Ok(seen.and_then(|seen| seen.device(serial).map(|enrolled| enrolled.device.clone())))
}

/// True for a device of an account that exists for the caller.
fn is_seen(caller: &Caller, device: &Device) -> bool {
    device.account.as_ref().is_some_and(|account| caller.sees(account))
}

/// The results of each kind.
const MOST: u32 = 20;

/// Devices that the store gives at a time.
const PAGE: u32 = 100;

/// The devices with one beginning that are looked through.
const LONGEST: usize = 10_000;

/// An end of fewer characters finds too much.
const SHORTEST_END: usize = 3;
