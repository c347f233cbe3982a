//! Rules about devices of no account.

use std::sync::Arc;

use super::sample::*;
use crate::device::{Added, Device, DeviceState, Factor, TotpState};
use crate::otp::TimeStep;
use crate::store::{
    Conflict, DeviceList, Enrolled, Fingerprint, ImportId, Resealable, SealedPlace, Sealer,
    StagedDevice, Store, Write,
};

const IMPORT: ImportId = ImportId([8; 16]);

/// A time-based device of no account.
fn in_stock(name: &str) -> Device {
    let factor = Factor::Totp(TotpState::default());
    Device::unassigned(serial(name), None, factor, NOW)
}

/// Imports devices, each with a seed of its own.
async fn import(store: &Arc<dyn Store>, devices: &[Device]) {
    let keyring = keyring();
    let staged = |(device, seed): (&Device, u8)| StagedDevice {
        device: device.clone(),
        seed: Some(sealed(&keyring, device)),
        fingerprint: Some(Fingerprint([seed; 32])),
    };
    let devices: Vec<StagedDevice> = devices.iter().zip(1..).map(staged).collect();
    let count = u64::try_from(devices.len()).unwrap_or(u64::MAX);
    made(store, [Write::StageDevices { import: IMPORT, at: NOW, devices }]).await;
    made(store, [Write::PublishImport { import: IMPORT, devices: count }]).await;
}

async fn found(store: &Arc<dyn Store>, name: &str) -> Option<Enrolled> {
    answered(store.unassigned(&serial(name)).await)
}

/// The device as it is in stock.
async fn seen(store: &Arc<dyn Store>, name: &str) -> Enrolled {
    match found(store, name).await {
        Some(enrolled) => enrolled,
        None => panic!("{name} is in stock"),
    }
}

fn assign(seen: &Enrolled, account: &str) -> Write {
    let device = seen.device.clone().assigned(account_id(account), Added::default());
    let seed = Some(sealed(&keyring(), &device));
    Write::AssignDevice { seen: seen.revision, device, seed }
}

/// A device of no account is listed, and found by its serial number, without an owner.
pub async fn an_unassigned_device_has_no_owner(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000009", "alice", None), 9).await;
    import(&store, &[in_stock("GAHT00000001"), in_stock("123456")]).await;
    let list = |state| DeviceList { state, limit: 10, ..DeviceList::default() };
    let serials = async |state| -> Vec<String> {
        let devices = answered(store.devices(list(state)).await);
        devices.into_iter().map(|device| device.serial.to_string()).collect()
    };
    assert_eq!(serials(None).await, ["123456", "GAHT00000001", "GAHT00000009"]);
    assert_eq!(serials(Some(DeviceState::Unassigned)).await, ["123456", "GAHT00000001"]);
    assert_eq!(serials(Some(DeviceState::Pending)).await, ["GAHT00000009"]);
    assert_eq!(answered(store.count_devices(DeviceState::Unassigned).await), 2);
    assert_eq!(answered(store.owner(&serial("123456")).await), None, "it has no owner");
    assert_eq!(answered(store.owner_by_fingerprint(Fingerprint([1; 32])).await), None);
    assert_eq!(answered(store.fleet(None, 10).await).len(), 1, "no clock of it is followed");
    assert_eq!(seen(&store, "123456").await.device, in_stock("123456"));
    assert!(
        found(&store, "GAHT00000009").await.is_none(),
        "a device of an account is not in stock"
    );
    let other = totp("GAHT00000007", "alice", None);
    conflicts(&store, Conflict::FingerprintTaken, [insert(&other, 2)], "its seed is taken").await;
    let same = totp("123456", "alice", None);
    conflicts(&store, Conflict::SerialTaken, [insert(&same, 7)], "its serial number is taken")
        .await;
}

/// A device of no account is given to one account, once.
pub async fn an_unassigned_device_is_assigned_once(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    with_account(&store, "bob").await;
    import(&store, &[in_stock("GAHT00000001")]).await;
    let stock = seen(&store, "GAHT00000001").await;
    conflicts(&store, Conflict::Revision, [assign(&stock, "carol")], "carol has no account").await;
    let before = snapshot(&store, "alice").await.revision;
    made(&store, [assign(&stock, "alice")]).await;
    conflicts(&store, Conflict::Revision, [assign(&stock, "bob")], "it is alice's").await;
    let alices = snapshot(&store, "alice").await;
    assert!(alices.revision > before, "the account moves with its new device");
    let device = enrolled(&store, "alice", "GAHT00000001").await;
    assert_eq!(device.device.state, DeviceState::Pending);
    assert!(device.revision > stock.revision);
    let again = Enrolled { revision: device.revision, ..stock.clone() };
    conflicts(&store, Conflict::Revision, [assign(&again, "bob")], "a device keeps its owner")
        .await;
    assert!(found(&store, "GAHT00000001").await.is_none());
    assert_eq!(answered(store.owner(&stock.device.serial).await), Some(account_id("alice")));
    assert_eq!(answered(store.count_devices(DeviceState::Unassigned).await), 0);
}

/// An assigned device starts above what a removed one had consumed, also one removed from stock.
pub async fn an_assigned_device_starts_above_what_was_consumed(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    let used = |step| {
        let state = TotpState { watermark: Some(TimeStep(step)), ..TotpState::default() };
        Device { factor: Factor::Totp(state), ..in_stock("GAHT00000001") }
    };
    import(&store, &[used(500)]).await;
    let stock = seen(&store, "GAHT00000001").await;
    let tombstone = stock.device.tombstone(NOW);
    made(&store, [Write::RemoveDevice { seen: stock.revision, tombstone }]).await;
    assert!(found(&store, "GAHT00000001").await.is_none());
    import_again(&store, &used(3)).await;
    let stock = seen(&store, "GAHT00000001").await;
    made(&store, [assign(&stock, "alice")]).await;
    let device = enrolled(&store, "alice", "GAHT00000001").await.device;
    let Factor::Totp(totp) = device.factor else { panic!("it is time-based") };
    assert_eq!(totp.watermark, Some(TimeStep(500)));
}

/// A device that is inserted without an account is in stock, like an imported one.
pub async fn a_device_is_inserted_without_an_account(store: Arc<dyn Store>) {
    made(&store, [insert(&in_stock("GAHT00000001"), 1)]).await;
    assert_eq!(seen(&store, "GAHT00000001").await.device, in_stock("GAHT00000001"));
    assert_eq!(answered(store.count_devices(DeviceState::Unassigned).await), 1);
    let again = [insert(&in_stock("GAHT00000001"), 2)];
    conflicts(&store, Conflict::SerialTaken, again, "its serial number is taken").await;
    let other = [insert(&in_stock("GAHT00000002"), 1)];
    conflicts(&store, Conflict::FingerprintTaken, other, "its seed is taken").await;
    with_account(&store, "alice").await;
    let stock = seen(&store, "GAHT00000001").await;
    made(&store, [assign(&stock, "alice")]).await;
    assert_eq!(enrolled(&store, "alice", "GAHT00000001").await.device.owner(), "alice");
}

/// A device goes back into stock from the account that has it, with all that it consumed, and the
/// account keeps up to when its contexts are dead.
pub async fn a_device_is_taken_back_from_its_account_alone(store: Arc<dyn Store>) {
    with_account(&store, "bob").await;
    let used = Device { state: DeviceState::Active, ..totp("GAHT00000001", "alice", Some(500)) };
    with_device(&store, &used, 1).await;
    let alices = enrolled(&store, "alice", "GAHT00000001").await;
    let device = alices.device.taken_back(NOW);
    let seed = Some(sealed(&keyring(), &device));
    let take = |from: &str, seen| Write::UnassignDevice {
        seen,
        account: account_id(from),
        device: device.clone(),
        seed: seed.clone(),
    };
    let of_bob = [take("bob", alices.revision)];
    conflicts(&store, Conflict::Revision, of_bob, "it is not bob's").await;
    let before = snapshot(&store, "alice").await;
    made(&store, [take("alice", alices.revision)]).await;
    let again = [take("alice", alices.revision)];
    conflicts(&store, Conflict::Revision, again, "it is alice's no more").await;
    let after = snapshot(&store, "alice").await;
    assert!(after.devices.is_empty() && after.revision > before.revision);
    let stock = seen(&store, "GAHT00000001").await;
    assert!(stock.revision > alices.revision);
    assert_eq!((stock.device.state, stock.device.owner()), (DeviceState::Unassigned, ""));
    let Factor::Totp(state) = &stock.device.factor else { panic!("it is time-based") };
    assert_eq!(state.watermark, Some(TimeStep(500)));
    assert_eq!(answered(store.owner(&stock.device.serial).await), None);
    let kept = answered(store.revocations_of(&account_id("alice")).await);
    assert_eq!(kept, 1, "alice's contexts of it are dead");
    made(&store, [assign(&stock, "bob")]).await;
    let bobs = enrolled(&store, "bob", "GAHT00000001").await;
    let Factor::Totp(state) = bobs.device.factor else { panic!("it is time-based") };
    assert_eq!(state.watermark, Some(TimeStep(500)), "what alice spent stays spent");
}

async fn import_again(store: &Arc<dyn Store>, device: &Device) {
    let import = ImportId([9; 16]);
    let staged = StagedDevice {
        device: device.clone(),
        seed: Some(sealed(&keyring(), device)),
        fingerprint: Some(Fingerprint([1; 32])),
    };
    made(store, [Write::StageDevices { import, at: NOW, devices: vec![staged] }]).await;
    made(store, [Write::PublishImport { import, devices: 1 }]).await;
}

/// The seed of a device of no account is bound to its serial number alone, and is found for
/// rotation like all others.
pub async fn the_seed_of_an_unassigned_device_is_resealed(store: Arc<dyn Store>) {
    import(&store, &[in_stock("GAHT00000001")]).await;
    let _ = seen(&store, "GAHT00000001").await;
    let other = answered(store.sealed_under_other_keys([0; 8], 10).await);
    let [Resealable { place, .. }] = other.as_slice() else { panic!("one secret: {other:?}") };
    let expected = Sealer::seed_place(&serial("GAHT00000001"), None);
    assert!(matches!(place, SealedPlace::Seed { account: None, .. }) && *place == expected);
    let sealed = sealed(&keyring(), &in_stock("GAHT00000001"));
    made(&store, [Write::Reseal { seen: other[0].clone(), sealed: sealed.clone() }]).await;
    let seed = seen(&store, "GAHT00000001").await.seed;
    assert_eq!(seed.map(|seed| seed.as_bytes().to_vec()), Some(sealed.as_bytes().to_vec()));
}

/// Serial numbers that differ in capitals alone are found by each other, in stock or not.
pub async fn a_serial_number_is_found_in_any_spelling(store: Arc<dyn Store>) {
    with_device(&store, &totp("Gaht00000009", "alice", None), 9).await;
    import(&store, &[in_stock("GAHT00000001")]).await;
    for (asked, is) in [
        ("gaht00000001", Some("GAHT00000001")),
        ("GAHT00000009", Some("Gaht00000009")),
        ("Gaht00000009", Some("Gaht00000009")),
        ("GAHT0000000", None),
    ] {
        let found = answered(store.spelt_alike(&serial(asked)).await);
        assert_eq!(found, is.map(serial), "{asked}");
    }
}
