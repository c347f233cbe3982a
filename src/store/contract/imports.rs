//! Rules about imports, and about reads of a whole fleet.

use std::sync::Arc;

use super::sample::*;
use crate::device::{Device, DeviceState, Factor, MfaKind, TotpState};
use crate::otp::ClockModel;
use crate::store::{
    AccountList, Conflict, DeviceList, Fingerprint, ImportId, StagedDevice, Store, Write,
};
use crate::time::UnixTime;

const IMPORT: ImportId = ImportId([7; 16]);

fn staged(device: &Device, seed: u8) -> StagedDevice {
    StagedDevice {
        device: device.clone(),
        seed: Some(sealed(&keyring(), device)),
        fingerprint: Some(Fingerprint([seed; 32])),
    }
}

fn stage(import: ImportId, at: UnixTime, devices: Vec<StagedDevice>) -> [Write; 1] {
    [Write::StageDevices { import, at, devices }]
}

fn publish(devices: u64) -> [Write; 1] {
    [Write::PublishImport { import: IMPORT, devices }]
}

async fn serials(store: &Arc<dyn Store>) -> Vec<String> {
    let list = DeviceList { limit: 100, ..DeviceList::default() };
    let devices = answered(store.devices(list).await);
    devices.into_iter().map(|device| device.serial.to_string()).collect()
}

/// An import is invisible before it is published, and whole afterwards.
pub async fn an_import_appears_at_once(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let before = snapshot(&store, "alice").await;
    let of_alice = totp("GAHT00000002", "alice", Some(100));
    let of_bob = in_state(&totp("GAHT00000003", "bob", None), DeviceState::Active);
    made(&store, stage(IMPORT, NOW, vec![staged(&of_alice, 2)])).await;
    made(&store, stage(IMPORT, NOW, vec![staged(&of_bob, 3)])).await;

    let is = snapshot(&store, "alice").await;
    assert_eq!(
        (is.revision, is.devices.len()),
        (before.revision, 1),
        "alice's account is as it was"
    );
    assert!(answered(store.account(&account_id("bob")).await).is_none(), "no account is created");
    assert_eq!(answered(store.owner(&of_bob.serial).await), None, "no serial number leads there");
    assert_eq!(answered(store.owner_by_fingerprint(Fingerprint([3; 32])).await), None, "no seed");
    assert_eq!(serials(&store).await, ["GAHT00000001"], "no list has it");
    conflicts(&store, Conflict::Revision, publish(1), "an import is published whole").await;

    made(&store, publish(2)).await;
    let is = snapshot(&store, "alice").await;
    assert!(is.revision > before.revision, "alice's account moves with its new device");
    assert_eq!(is.device(&of_alice.serial).map(|enrolled| &enrolled.device), Some(&of_alice));
    let bob = snapshot(&store, "bob").await;
    assert_eq!((bob.account.created_at, bob.devices.len()), (NOW, 1), "bob's account is created");
    assert_eq!(answered(store.owner(&of_bob.serial).await), Some(account_id("bob")));
    let owner = answered(store.owner_by_fingerprint(Fingerprint([3; 32])).await);
    assert_eq!(owner, Some(account_id("bob")));
    conflicts(&store, Conflict::Revision, publish(2), "an import is published once").await;

    // A decision on an account that was read right after the publication still fits.
    let update = |device: &Device, step| Write::UpdateDevice {
        seen: is.devices[1].revision,
        device: at_step(device, step),
    };
    let expect = Write::ExpectAccount { account: account_id("alice"), seen: is.revision };
    made(&store, [expect, update(&of_alice, 200)]).await;
    conflicts(&store, Conflict::Revision, [update(&of_alice, 201)], "a revision fits once").await;
    let late = [Write::ExpectAccount { account: account_id("alice"), seen: before.revision }];
    conflicts(&store, Conflict::Revision, late, "what was judged before does not fit").await;
    assert_eq!(serials(&store).await, ["GAHT00000001", "GAHT00000002", "GAHT00000003"]);
    let list = AccountList { limit: 10, ..AccountList::default() };
    let counts: Vec<_> = answered(store.accounts(list).await)
        .into_iter()
        .map(|entry| (entry.account.id.to_string(), entry.devices, entry.active))
        .collect();
    assert_eq!(counts, [("alice".to_owned(), 2, 0), ("bob".to_owned(), 1, 1)]);
    let again = snapshot(&store, "bob").await;
    assert_eq!(
        (again.revision, again.devices[0].revision),
        (bob.revision, bob.devices[0].revision)
    );
}

/// Staged devices hold their serial numbers and seeds; a dropped import gives them back.
pub async fn staged_devices_are_unique_too(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let stage_one =
        |name: &str, seed| stage(IMPORT, NOW, vec![staged(&totp(name, "bob", None), seed)]);
    let taken = Conflict::SerialTaken;
    conflicts(&store, taken, stage_one("GAHT00000001", 9), "a device has the serial number").await;
    let taken = Conflict::FingerprintTaken;
    conflicts(&store, taken, stage_one("GAHT00000009", 1), "a device has the seed").await;
    made(&store, stage_one("GAHT00000002", 2)).await;
    conflicts(&store, Conflict::SerialTaken, stage_one("GAHT00000002", 9), "a staged one has")
        .await;
    conflicts(&store, taken, stage_one("GAHT00000009", 2), "a staged one has the seed").await;
    let enrolled = || [insert(&totp("GAHT00000002", "alice", None), 8)];
    conflicts(&store, Conflict::SerialTaken, enrolled(), "nor is one enrolled").await;
    let enrolled = [insert(&totp("GAHT00000008", "alice", None), 2)];
    conflicts(&store, taken, enrolled, "nor is a staged seed enrolled").await;

    let drop_it = || [Write::DropImport { import: IMPORT }];
    made(&store, drop_it()).await;
    conflicts(&store, Conflict::Revision, drop_it(), "an import is dropped once").await;
    conflicts(&store, Conflict::Revision, publish(1), "a dropped import is not published").await;
    made(&store, [insert(&totp("GAHT00000002", "alice", None), 2)]).await;
    assert_eq!(serials(&store).await, ["GAHT00000001", "GAHT00000002"]);
}

/// An import to which nothing was added for an hour ends by itself.
pub async fn an_abandoned_import_ends(store: Arc<dyn Store>) {
    let later = |seconds| UnixTime(NOW.0 + seconds);
    made(&store, stage(IMPORT, NOW, vec![staged(&totp("GAHT00000001", "bob", None), 1)])).await;
    let more = vec![staged(&totp("GAHT00000002", "bob", None), 2)];
    made(&store, stage(IMPORT, later(100), more)).await;
    answered(store.expire(later(3_699), UnixTime(0)).await);
    let more = vec![staged(&totp("GAHT00000003", "bob", None), 3)];
    made(&store, stage(IMPORT, later(100), more)).await;
    answered(store.expire(later(3_700), UnixTime(0)).await);
    conflicts(&store, Conflict::Revision, publish(3), "it is not there any more").await;
    let again = [
        Write::CreateAccount(crate::store::Account::new(account_id("bob"), NOW)),
        insert(&totp("GAHT00000001", "bob", None), 1),
    ];
    made(&store, again).await;
    assert_eq!(serials(&store).await, ["GAHT00000001"], "and holds nothing");
}

/// An imported device starts above what was consumed, as an inserted one does.
pub async fn an_imported_device_starts_above_what_was_consumed(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", Some(500)), 1).await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    let tombstone = seen.device.tombstone(NOW);
    made(&store, [Write::RemoveDevice { seen: seen.revision, tombstone }]).await;
    for (name, seed, removed) in
        [("GAHT00000001", 9, 1), ("GAHT00000009", 1, 1), ("GAHT00000009", 9, 0)]
    {
        let found = store.tombstones(&serial(name), Fingerprint([seed; 32])).await;
        assert_eq!(answered(found).len(), removed, "{name} and seed {seed}");
    }
    let device = totp("GAHT00000001", "alice", Some(10));
    made(&store, stage(IMPORT, NOW, vec![staged(&device, 1)])).await;
    made(&store, publish(1)).await;
    for _ in 0..2 {
        let again = enrolled(&store, "alice", "GAHT00000001").await;
        assert_eq!(watermark(&again.device), Some(500), "what was consumed stays consumed");
        assert!(again.revision > seen.revision, "its serial number never had its revision");
        serials(&store).await;
    }
}

/// Serial numbers that differ in capitals alone are those of one device or of none, also in imports
/// that are under way at the same time.
pub async fn serial_numbers_of_imports_differ_in_more_than_capitals(store: Arc<dyn Store>) {
    with_device(&store, &totp("Gaht00000001", "alice", None), 1).await;
    let other = ImportId([8; 16]);
    let stage_one =
        |import, name: &str, seed| stage(import, NOW, vec![staged(&totp(name, "bob", None), seed)]);
    let taken = Conflict::SerialTaken;
    conflicts(&store, taken, stage_one(IMPORT, "GAHT00000001", 2), "a device has it").await;
    made(&store, stage_one(IMPORT, "GAHT00000002", 2)).await;
    conflicts(&store, taken, stage_one(IMPORT, "gaht00000002", 3), "this import has it").await;
    conflicts(&store, taken, stage_one(other, "gaht00000002", 3), "another import has it").await;
    let both = ["GAHT0000000A", "GAHT0000000a"].map(|name| totp(name, "bob", None));
    let both = vec![staged(&both[0], 4), staged(&both[1], 5)];
    conflicts(&store, taken, stage(other, NOW, both), "one change has both").await;

    made(&store, [Write::DropImport { import: IMPORT }]).await;
    made(&store, stage_one(other, "gaht00000002", 2)).await;
}

/// A device that was removed after it was in use comes back by no import.
pub async fn a_removed_device_that_was_in_use_is_not_staged(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    let pending = totp("GAHT00000001", "alice", Some(500));
    let active = in_state(&totp("GAHT00000002", "alice", None), DeviceState::Active);
    let used = Device { activated_at: Some(NOW), ..active };
    for (device, seed) in [(&pending, 1), (&used, 2)] {
        made(&store, [insert(device, seed)]).await;
        let seen = enrolled(&store, "alice", device.serial.as_str()).await;
        let tombstone = seen.device.tombstone(NOW);
        made(&store, [Write::RemoveDevice { seen: seen.revision, tombstone }]).await;
    }
    let stage_one =
        |name: &str, seed| stage(IMPORT, NOW, vec![staged(&totp(name, "bob", None), seed)]);
    conflicts(&store, Conflict::Removed, stage_one("GAHT00000002", 8), "its serial number").await;
    conflicts(&store, Conflict::Removed, stage_one("GAHT00000008", 2), "its seed").await;
    made(&store, stage_one("GAHT00000001", 1)).await;
}

/// Sealed seeds of staged devices are found for rotation like all others.
pub async fn staged_seeds_are_resealed(store: Arc<dyn Store>) {
    let (old, new) = (keyring(), keyring());
    let device = totp("GAHT00000001", "bob", None);
    let seed = Some(sealed(&old, &device));
    let fingerprint = Some(Fingerprint([1; 32]));
    let staged = StagedDevice { device: device.clone(), seed, fingerprint };
    made(&store, stage(IMPORT, NOW, vec![staged])).await;
    let found = answered(store.sealed_under_other_keys(new.current(), 10).await);
    assert_eq!(found.len(), 1, "the seed is found: {found:?}");
    let needs = answered(store.secrets_by_key(None).await);
    assert_eq!(needs.iter().map(|need| need.secrets).sum::<u64>(), 1, "and counted: {needs:?}");
    let again = sealed(&new, &device);
    made(&store, [Write::Reseal { seen: found[0].clone(), sealed: again.clone() }]).await;
    made(&store, publish(1)).await;
    assert_eq!(enrolled(&store, "bob", "GAHT00000001").await.seed, Some(again));
}

/// Lists filter by kind, by last use and by drift; the fleet is every clock, in pages.
pub async fn devices_are_found_by_kind_use_and_drift(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    let clock = |name: &str, seconds, used: Option<u64>| {
        let clock = ClockModel::measured(seconds, NOW);
        let factor = Factor::Totp(TotpState { clock, ..TotpState::default() });
        let device = Device::new(serial(name), account_id("alice"), None, factor, NOW);
        Device { last_used_at: used.map(UnixTime), ..device }
    };
    let all = [
        clock("GAHT00000001", 0.0, None),
        clock("GAHT00000002", -90.0, Some(100)),
        clock("GAHT00000003", 60.0, Some(200)),
        hotp("GAHT00000004", "alice", 5),
    ];
    for (seed, device) in (1..).zip(&all) {
        made(&store, [insert(device, seed)]).await;
    }
    let every = DeviceList { limit: 10, ..DeviceList::default() };
    for of in [every.clone(), DeviceList { account: Some(account_id("alice")), ..every.clone() }] {
        for (list, expected) in [
            (DeviceList { kind: Some(MfaKind::Totp), ..of.clone() }, &all[..3]),
            (DeviceList { kind: Some(MfaKind::Hotp), ..of.clone() }, &all[3..]),
            (DeviceList { drift_of_at_least: Some(2), ..of.clone() }, &all[1..3]),
            (DeviceList { drift_of_at_least: Some(3), ..of.clone() }, &all[1..2]),
        ] {
            assert_eq!(answered(store.devices(list.clone()).await), expected, "{list:?}");
        }
        let unused = DeviceList { not_used_since: Some(UnixTime(200)), ..of.clone() };
        let found = answered(store.devices(unused).await);
        let names: Vec<&str> = found.iter().map(|device| device.serial.as_str()).collect();
        assert_eq!(names, ["GAHT00000001", "GAHT00000002", "GAHT00000004"]);
    }
    let mut fleet = Vec::new();
    while let page = answered(
        store
            .fleet(fleet.last().map(|last: &crate::store::FleetDevice| &last.serial), 2)
            .await,
    ) && !page.is_empty()
    {
        fleet.extend(page);
    }
    let found: Vec<_> = fleet.iter().map(|one| (one.serial.as_str(), one.clock)).collect();
    let clocks = [("GAHT00000001", 0.0), ("GAHT00000002", -90.0), ("GAHT00000003", 60.0)];
    assert_eq!(found, clocks.map(|(name, off)| (name, ClockModel::measured(off, NOW))));
    assert_eq!(fleet[1].last_used_at, Some(UnixTime(100)));
}
