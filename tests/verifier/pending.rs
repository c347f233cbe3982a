//! Devices that were added and never proved: an abandoned set-up costs its account nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use test_support::keyring::{enrol, keys_of};
use test_support::world::{Held, World, both, refused};
use twostep::device::{DeviceState, MfaKind, Refusal};
use twostep::id::SerialNumber;
use twostep::otp::{Totp, Window};
use twostep::testing::SimulatedSecurityKey;
use twostep::verifier::{Authority, Error, Limits, NewDevice, NewFactor, Verifier};

/// A set-up page: the secret is made here.
fn page(account: &str) -> NewDevice {
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    NewDevice { account: account.parse().unwrap(), serial: None, name: None, factor }
}

fn sheet(account: &str) -> NewDevice {
    NewDevice { factor: NewFactor::Recovery, ..page(account) }
}

async fn opened(verifier: &Verifier, account: &str) -> SerialNumber {
    verifier.add(page(account), &Authority::Admin).await.unwrap().device.serial
}

async fn pending(world: &World, account: &str) -> BTreeSet<SerialNumber> {
    let devices = world
        .account(&account.parse().unwrap())
        .await
        .devices
        .into_iter()
        .map(|enrolled| enrolled.device);
    devices
        .filter(|device| device.state == DeviceState::Pending)
        .map(|device| device.serial)
        .collect()
}

#[tokio::test]
async fn abandoned_set_ups_do_not_count_toward_the_limit_of_devices() {
    let world = World::new();
    let held = world.active("alice").await;
    for _ in 0..40 {
        opened(&world.verifier, "alice").await;
    }
    let added = world.verifier.add(sheet("alice"), &Authority::Admin).await.unwrap();
    assert_eq!(added.recovery_codes.len(), 10);
    let other = world.active("alice").await;
    let key = enrol(
        &keys_of(&world.verifier),
        "alice",
        &mut SimulatedSecurityKey::new("key"),
        &Authority::Admin,
    )
    .await
    .unwrap();
    assert_eq!(
        (key.kind(), world.device(&other).await.state),
        (MfaKind::SecurityKey, DeviceState::Active)
    );
    assert_eq!(world.device(&held).await.state, DeviceState::Active);
}

/// All within one second, so that no time says which came first.
#[tokio::test]
async fn the_oldest_pending_device_gives_way_and_is_audited() {
    let world = World::new();
    for limit in [1, 2, 8] {
        let (limits, account) = (
            Limits { pending_per_account: limit, ..Limits::default() },
            format!("account-{limit}"),
        );
        let verifier = Verifier::with(
            Arc::new(world.store()),
            world.keyring.clone(),
            Arc::new(world.clock.clone()),
            limits,
        );
        let mut serials = Vec::new();
        for count in 1..=20 {
            serials.push(opened(&verifier, &account).await);
            let newest: BTreeSet<SerialNumber> =
                serials.iter().rev().take(limit).cloned().collect();
            assert_eq!(pending(&world, &account).await, newest, "{count} of {limit}");
        }
        let gave_way = world.audited("device.gave_way").await;
        let of_account = gave_way
            .iter()
            .filter(|event| event.account.as_ref().is_some_and(|id| id.as_str() == account));
        let said: Vec<SerialNumber> = of_account.filter_map(|event| event.serial.clone()).collect();
        assert_eq!(said, serials[..20 - limit]);
    }
    assert!(world.verifier.store().verify_audit().await.unwrap().ok);
}

#[tokio::test]
async fn a_token_with_a_given_secret_outlasts_generated_ones() {
    let world = World::new();
    let held = world.added("alice", &Authority::Admin).await.unwrap();
    world.pass(10);
    for _ in 0..40 {
        opened(&world.verifier, "alice").await;
    }
    let [first, second] = held.pair(world.now());
    world
        .verifier
        .activate(&held.serial, [&first, &second], Window::Owner, &Authority::Admin)
        .await
        .unwrap();
}

/// The hour of the agent's tidying, and the codes of a device.
#[tokio::test]
async fn a_generated_device_expires_audited_and_a_given_one_stays() {
    let world = World::new();
    let held = world.added("alice", &Authority::Admin).await.unwrap();
    let made = opened(&world.verifier, "alice").await;
    let others: Vec<SerialNumber> =
        vec![opened(&world.verifier, "bob").await, opened(&world.verifier, "bob").await];
    let day = Duration::from_secs(86_400);
    world.pass(86_399);
    assert_eq!(world.verifier.expire(day * 400).await.unwrap(), 0);
    assert_eq!(pending(&world, "alice").await, [held.serial.clone(), made.clone()].into());
    world.pass(1);
    assert_eq!(world.verifier.expire(day * 400).await.unwrap(), 3);
    assert_eq!(pending(&world, "alice").await, [held.serial.clone()].into());
    let expired: BTreeSet<SerialNumber> = world
        .audited("device.expired")
        .await
        .into_iter()
        .filter_map(|event| event.serial)
        .collect();
    assert_eq!(expired, others.into_iter().chain([made]).collect());
    assert_eq!(world.verifier.expire(day * 400).await.unwrap(), 0);

    world.pass(30 * 86_400);
    assert_eq!(world.verifier.expire(day * 400).await.unwrap(), 0);
    let pair = held.pair(world.now());
    let (window, authority) = (Window::Owner, Authority::Admin);
    world
        .verifier
        .activate(&held.serial, both(&pair), window, &authority)
        .await
        .unwrap();
    assert!(world.verifier.store().verify_audit().await.unwrap().ok);
}

/// The agent's tidying comes once an hour: the row is still there.
#[tokio::test]
async fn a_generated_device_is_activated_within_a_day() {
    for (age, outcome) in [(86_399, Ok(())), (86_400, Err(Refusal::NotActive))] {
        let world = World::new();
        let added = world.verifier.add(page("alice"), &Authority::Admin).await.unwrap();
        let (serial, seed) = (added.device.serial, added.seed.unwrap());
        let held = Held { serial, seed, ..Held::new("alice") };
        world.pass(age);
        let pair = held.pair(world.now());
        let activated = world
            .verifier
            .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await;
        let seen = match activated {
            Ok(_) => Ok(()),
            refused_pair => Err(refused(refused_pair)),
        };
        assert_eq!(seen, outcome, "after {age} s");
    }
}

#[tokio::test]
async fn the_oldest_token_with_a_given_secret_can_be_added_again() {
    let world = World::new();
    let oldest = world.added("alice", &Authority::Admin).await.unwrap();
    for _ in 0..8 {
        world.added("alice", &Authority::Admin).await.unwrap();
    }
    assert!(!pending(&world, "alice").await.contains(&oldest.serial));
    // The device was never used, so no tombstone stays.
    world.verifier.add(oldest.to_add(), &Authority::Admin).await.unwrap();
    assert_eq!(world.totp(&oldest).await.watermark, None);
}

#[tokio::test]
async fn a_pending_device_that_is_activated_meanwhile_stays() {
    let world = World::new();
    let held = world.added("alice", &Authority::Admin).await.unwrap();
    let pair = held.pair(world.now());
    world
        .verifier
        .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    for _ in 0..20 {
        world.added("alice", &Authority::Admin).await.unwrap();
    }
    assert_eq!(world.device(&held).await.state, DeviceState::Active);
}

#[tokio::test]
async fn a_full_account_activates_no_other_device() {
    let world = World::new();
    let waiting = world.added("alice", &Authority::Admin).await.unwrap();
    let mut in_use = Vec::new();
    for _ in 0..8 {
        in_use.push(world.active("alice").await);
    }
    let pair = waiting.pair(world.now());
    let activate = async || {
        world
            .verifier
            .activate(&waiting.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
    };
    let full = activate().await;
    assert!(matches!(full, Err(Error::TooManyDevices(8))), "{full:?}");
    // A device that was put away still counts, and comes back.
    world.verifier.deactivate(&in_use[0].serial, &Authority::Admin).await.unwrap();
    assert!(matches!(activate().await, Err(Error::TooManyDevices(8))));
    world.verifier.remove(&in_use[1].serial, &Authority::Admin).await.unwrap();
    activate().await.unwrap();
    world.pass(60);
    let back: &Held = &in_use[0];
    let pair = back.pair(world.now());
    world
        .verifier
        .activate(&back.serial, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
}
