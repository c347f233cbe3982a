//! Accounts, devices and changes to put a store to the test with.

use std::sync::Arc;

use crate::device::{Device, DeviceState, Factor, HotpState, KeyState, TotpState};
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::otp::{Counter, Hotp, TimeStep};
use crate::store::{
    Account, AccountSnapshot, Change, Commit, Conflict, Enrolled, Error, Event, Fingerprint,
    Keyring, Marks, Sealed, Sealer, Store, Write,
};
use crate::time::UnixTime;
use crate::webauthn::{Attestation, Credential, CredentialId};

pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);

/// The store's answer; a store at fault breaks every rule.
pub(super) fn answered<T>(answer: Result<T, Error>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("the store must answer: {error}"),
    }
}

pub(super) fn account_id(name: &str) -> AccountId {
    match name.parse() {
        Ok(id) => id,
        Err(error) => panic!("{name:?}: {error}"),
    }
}

pub(super) fn serial(name: &str) -> SerialNumber {
    match name.parse() {
        Ok(serial) => serial,
        Err(error) => panic!("{name:?}: {error}"),
    }
}

pub(super) fn totp(name: &str, account: &str, watermark: Option<u64>) -> Device {
    let factor =
        Factor::Totp(TotpState { watermark: watermark.map(TimeStep), ..TotpState::default() });
    Device::new(serial(name), account_id(account), None, factor, NOW)
}

pub(super) fn hotp(name: &str, account: &str, next: u64) -> Device {
    let factor = Factor::Hotp(HotpState {
        parameters: Hotp::default(),
        next: Some(Counter(next)),
        pair_needed: false,
    });
    Device::new(serial(name), account_id(account), None, factor, NOW)
}

/// A security key that has signed so often.
pub(super) fn security_key(name: &str, account: &str, sign_count: u32) -> Device {
    let Ok(id) = CredentialId::new([7; 32]) else { panic!("32 bytes are an id") };
    let credential = Credential {
        id,
        public_key: vec![1; 77],
        user_handle: vec![2; 32],
        sign_count,
        user_verified: false,
        backup_eligible: false,
        backed_up: false,
        aaguid: None,
        transports: vec!["usb".to_owned()],
        attestation: Attestation::None,
        attestation_format: "none".to_owned(),
        by_app_id: false,
        discoverable: None,
    };
    Device::new(
        serial(name),
        account_id(account),
        None,
        Factor::SecurityKey(KeyState { credential }),
        NOW,
    )
}

/// The write that adds a security key whose credential is known by this number.
pub(super) fn insert_key(device: &Device, credential: u8) -> Write {
    Write::InsertDevice {
        device: device.clone(),
        seed: None,
        fingerprint: Some(Fingerprint([credential; 32])),
    }
}

pub(super) fn watermark(device: &Device) -> Option<u64> {
    match &device.factor {
        Factor::Totp(totp) => totp.watermark.map(|step| step.0),
        factor => panic!("{factor:?} has no watermark"),
    }
}

/// The device with its highest consumed step raised.
pub(super) fn at_step(device: &Device, step: u64) -> Device {
    let mut device = device.clone();
    match &mut device.factor {
        Factor::Totp(totp) => totp.watermark = Some(TimeStep(step)),
        factor => panic!("{factor:?} has no watermark"),
    }
    device
}

pub(super) fn in_state(device: &Device, state: DeviceState) -> Device {
    Device { state, ..device.clone() }
}

pub(super) fn keyring() -> Keyring {
    match Keyring::ephemeral() {
        Ok(keyring) => keyring,
        Err(error) => panic!("a key can be made: {error}"),
    }
}

pub(super) fn sealed(keyring: &Keyring, device: &Device) -> Sealed {
    match keyring
        .seal(&Sealer::seed_place(&device.serial, device.account.as_ref()), b"12345678901234567890")
    {
        Ok(sealed) => sealed,
        Err(error) => panic!("a seed can be sealed: {error}"),
    }
}

/// The write that adds a device with a seed known by this number.
pub(super) fn insert(device: &Device, seed: u8) -> Write {
    Write::InsertDevice {
        device: device.clone(),
        seed: Some(sealed(&keyring(), device)),
        fingerprint: Some(Fingerprint([seed; 32])),
    }
}

pub(super) fn event(action: &str) -> Event {
    Event::new(NOW, action, &CallerId::new("uid:0"))
}

pub(super) fn change(writes: impl IntoIterator<Item = Write>) -> Change {
    Change { account: None, writes: writes.into_iter().collect(), audit: Vec::new() }
}

pub(super) async fn commit(
    store: &Arc<dyn Store>,
    writes: impl IntoIterator<Item = Write>,
) -> Commit {
    answered(store.commit(change(writes)).await)
}

pub(super) async fn made(store: &Arc<dyn Store>, writes: impl IntoIterator<Item = Write>) {
    let commit = commit(store, writes).await;
    assert!(
        matches!(commit, Commit::Committed(_)),
        "a change that nothing stands against is made, not {commit:?}"
    );
}

pub(super) async fn conflicts(
    store: &Arc<dyn Store>,
    conflict: Conflict,
    writes: impl IntoIterator<Item = Write>,
    why: &str,
) {
    assert_eq!(commit(store, writes).await, Commit::Conflict(conflict), "{why}");
}

/// Adds an account.
pub(super) async fn with_account(store: &Arc<dyn Store>, name: &str) {
    made(store, [Write::CreateAccount(Account::new(account_id(name), NOW))]).await;
}

/// Adds an account with one device.
pub(super) async fn with_device(store: &Arc<dyn Store>, device: &Device, seed: u8) {
    with_account(store, device.owner()).await;
    made(store, [insert(device, seed)]).await;
}

pub(super) async fn snapshot(store: &Arc<dyn Store>, account: &str) -> AccountSnapshot {
    match answered(store.account(&account_id(account)).await) {
        Some(snapshot) => snapshot,
        None => panic!("the account {account} is there"),
    }
}

pub(super) async fn enrolled(store: &Arc<dyn Store>, account: &str, name: &str) -> Enrolled {
    match snapshot(store, account).await.device(&serial(name)) {
        Some(enrolled) => enrolled.clone(),
        None => panic!("the device {name} is there"),
    }
}

pub(super) fn marks(commit: Commit) -> Marks {
    match commit {
        Commit::Committed(committed) => committed.marks,
        Commit::Conflict(conflict) => {
            panic!("the change is made, and does not end in {conflict:?}")
        }
    }
}
