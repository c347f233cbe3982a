//! Changes of a store: acceptances, failures, activations and revocations, each with a unique name
//! in its audit row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use twostep::device::{Device, DeviceState, Factor, TotpState};
use twostep::id::CallerId;
use twostep::otp::TimeStep;
use twostep::store::sqlite::check;
use twostep::store::{
    Account, AccountList, AuditCursor, Change, Commit, Conflict, DeviceList, Error, Event,
    SqliteStore, Store, Write,
};
use twostep::time::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);
pub(crate) const ACCOUNTS: usize = 3;
const DEVICES: usize = 3;

/// A change made once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Accept,
    Fail,
    Activate,
    Revoke,
}

impl Deed {
    pub(crate) const ALL: [Deed; 4] = [Deed::Accept, Deed::Fail, Deed::Activate, Deed::Revoke];
}

/// A store with accounts that have devices.
pub(crate) async fn prepare(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    for account in 0..ACCOUNTS {
        let account = Account::new(format!("account-{account}").parse().unwrap(), NOW);
        let devices = (0..DEVICES).map(|device| {
            let serial = format!("{}-device-{device}", account.id);
            let factor =
                Factor::Totp(TotpState { watermark: Some(TimeStep(0)), ..TotpState::default() });
            let device =
                Device::new(serial.parse().unwrap(), account.id.clone(), None, factor, NOW);
            Write::InsertDevice {
                device: Device { state: DeviceState::Active, ..device },
                seed: None,
                fingerprint: None,
            }
        });
        let writes =
            std::iter::once(Write::CreateAccount(account.clone())).chain(devices).collect();
        let commit =
            store.commit(Change { account: None, writes, audit: Vec::new() }).await.unwrap();
        assert!(matches!(commit, Commit::Committed(_)));
    }
}

/// Makes the change, again after a lost race, and returns its name in the audit log.
pub(crate) async fn act(
    store: &SqliteStore,
    deed: Deed,
    account: usize,
    number: usize,
) -> Result<String, (String, Error)> {
    let id = format!("account-{account}").parse().unwrap();
    loop {
        let unnamed = |error| (String::new(), error);
        let seen = store.account(&id).await.map_err(unnamed)?.unwrap();
        let enrolled = &seen.devices[number % DEVICES];
        let mut device = enrolled.device.clone();
        let (name, writes) = match deed {
            Deed::Accept => {
                let Factor::Totp(totp) = &mut device.factor else { panic!("not time-based") };
                let step = totp.watermark.unwrap().0 + 1;
                totp.watermark = Some(TimeStep(step));
                (
                    format!("accepted {} {step}", device.serial),
                    vec![Write::UpdateDevice { seen: enrolled.revision, device }],
                )
            }
            Deed::Fail => {
                device.throttle = device.throttle.after_failure(NOW);
                let name = format!("failed {} {}", device.serial, device.throttle.failures);
                (name, vec![Write::UpdateDevice { seen: enrolled.revision, device }])
            }
            Deed::Activate => {
                let serial: twostep::id::SerialNumber =
                    format!("z-{id}-new-{number}").parse().unwrap();
                let device =
                    Device::new(serial, id.clone(), None, enrolled.device.factor.clone(), NOW);
                let device = Device { state: DeviceState::Active, ..device };
                (
                    format!("activated {}", device.serial),
                    vec![Write::InsertDevice { device, seed: None, fingerprint: None }],
                )
            }
            Deed::Revoke => {
                let account = seen.account.with_sessions_revoked(NOW);
                (
                    format!("revoked {id} {}", account.generation),
                    vec![Write::UpdateAccount { seen: seen.revision, account }],
                )
            }
        };
        let audit = vec![Event::new(NOW, name.as_str(), &CallerId::new("uid:0"))];
        match store.commit(Change { account: Some(id.clone()), writes, audit }).await {
            Ok(Commit::Committed(_)) => return Ok(name),
            Ok(Commit::Conflict(Conflict::Revision)) => {}
            Ok(Commit::Conflict(conflict)) => panic!("{name}: {conflict:?}"),
            Err(error) => return Err((name, error)),
        }
    }
}

/// The names in the audit log, if the store is sound and holds exactly what they say.
pub(crate) async fn told(path: &Path) -> Result<BTreeSet<String>, String> {
    let store =
        SqliteStore::open(path).map_err(|error| format!("the store does not open: {error}"))?;
    let rows = store
        .audit(AuditCursor::start(), u32::MAX)
        .await
        .map_err(|error| error.to_string())?;
    let names: BTreeSet<String> =
        rows.iter().map(|row| row.event.action.name().to_owned()).collect();
    if names.len() != rows.len() {
        return Err("something is in the audit log twice".to_owned());
    }
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    for name in &names {
        let words: Vec<&str> = name.split(' ').collect();
        let number = words.get(2).map_or(1, |number| number.parse().unwrap());
        let known = expected.entry((words[0].to_owned(), words[1].to_owned())).or_default();
        *known = number.max(*known);
    }
    let mut held: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut hold = |what: &str, whose: &str, number: u64| {
        if number > 0 {
            held.insert((what.to_owned(), whose.to_owned()), number);
        }
    };
    for device in store
        .devices(DeviceList { limit: u32::MAX, ..DeviceList::default() })
        .await
        .map_err(|error| error.to_string())?
    {
        let serial = device.serial.as_str();
        if serial.starts_with("z-") {
            hold("activated", serial, 1);
            continue;
        }
        let Factor::Totp(totp) = &device.factor else { panic!("not time-based") };
        hold("accepted", serial, totp.watermark.unwrap().0);
        hold("failed", serial, u64::from(device.throttle.failures));
    }
    for entry in store
        .accounts(AccountList { limit: u32::MAX, ..AccountList::default() })
        .await
        .map_err(|error| error.to_string())?
    {
        hold(
            "revoked",
            entry.account.id.as_str(),
            if entry.account.generation > 1 { entry.account.generation } else { 0 },
        );
    }
    if held != expected {
        return Err(format!("the store holds {held:?}, and its audit log says {expected:?}"));
    }
    drop(store);
    let report = check(path).map_err(|error| error.to_string())?;
    if report.problems.is_empty() { Ok(names) } else { Err(report.problems.join("; ")) }
}
