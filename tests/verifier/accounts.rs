//! Counts, limits and removals by account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use test_support::world::{Held, World, both, nowhere, refused};
use twostep::device::Refusal;
use twostep::id::CallerId;
use twostep::otp::Window;
use twostep::verifier::{Authority, Error, Limits, NewDevice, NewFactor, Passcode, Verifier};

#[tokio::test]
async fn an_account_has_as_many_devices_as_it_may_have() {
    let world = World::new();
    let held = world.active("alice").await;
    for _ in 1..8 {
        world.active("alice").await;
    }
    let sheet = NewDevice {
        account: held.account.clone(),
        serial: None,
        name: None,
        factor: NewFactor::Recovery,
    };
    for new in [Held::new("alice").to_add(), sheet.clone()] {
        let added = world.verifier.add(new, &Authority::Admin).await;
        assert!(matches!(added, Err(Error::TooManyDevices(8))), "{added:?}");
    }
    world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    let held = world.active("alice").await;
    // A sheet that takes the place of another one needs no other.
    let other = world.account(&held.account).await.devices[0].device.serial.clone();
    world.verifier.remove(&other, &Authority::Admin).await.unwrap();
    for _ in 0..3 {
        world.verifier.add(sheet.clone(), &Authority::Admin).await.unwrap();
    }
    assert_eq!(world.account(&held.account).await.devices.len(), 8);

    let limits = Limits { devices_per_account: 1, ..Limits::default() };
    let strict = Verifier::with(
        Arc::new(world.store()),
        world.keyring.clone(),
        Arc::new(world.clock.clone()),
        limits,
    );
    world.active("bob").await;
    assert!(matches!(
        strict.add(Held::new("bob").to_add(), &Authority::Admin).await,
        Err(Error::TooManyDevices(1))
    ));
}

#[tokio::test]
async fn an_account_enrolled_again_inherits_nothing_but_revocations() {
    let world = World::new();
    let held = world.active("alice").await;
    let account = held.account.clone();
    let bypasses = [
        world.verifier.bypass(&account, Duration::from_secs(3_600)).await,
        world.verifier.bypass(&account, Duration::from_secs(3_600)).await,
    ];
    let bypasses = bypasses.map(|made| made.unwrap().code.to_text().parse::<Passcode>().unwrap());
    let nowhere = nowhere();
    for _ in 0..60 {
        refused(world.verifier.verify_code(&account, &nowhere, held.wrong(world.now())).await);
    }
    world.verifier.revoke_sessions(&account, None, None).await.unwrap();
    let before = world.account(&account).await.account;
    assert!(before.protected && before.throttled_until.is_some());

    world.verifier.remove_account(&account).await.unwrap();
    assert!(matches!(world.verifier.remove_account(&account).await, Err(Error::NotFound(_))));
    assert!(matches!(
        world.verifier.bypass(&account, Duration::from_secs(60)).await,
        Err(Error::NotFound(_))
    ));
    let [removed, enrolled_again] = bypasses;
    refused(world.verifier.verify_code(&account, None, removed).await);
    refused(world.verifier.verify_code(&account, &held.serial, held.code(world.now())).await);

    // An account of the same name, in the same second.
    let other = world.added("alice", &Authority::Service).await.unwrap();
    let after = world.account(&account).await.account;
    assert!(
        !after.protected
            && after.throttled_until.is_none()
            && after.failures.is_empty()
            && after.removed_at.is_none()
    );
    assert!(
        after.generation > before.generation && after.revoked_before >= before.revoked_before,
        "what was revoked stays revoked"
    );
    world
        .verifier
        .activate(&other.serial, both(&other.pair(world.now())), Window::Owner, &Authority::Service)
        .await
        .unwrap();
    refused(world.verifier.verify_code(&account, None, enrolled_again).await);
    world.pass(30);
    let _verified = world
        .verifier
        .verify_code(&account, &other.serial, other.code(world.now()))
        .await
        .unwrap();
    // The secret of before is still known for what it consumed.
    let again = Held { seed: held.seed.clone(), ..Held::new("alice") };
    world.verifier.add(again.to_add(), &Authority::Admin).await.unwrap();
    let refusal = refused(
        world
            .verifier
            .activate(
                &again.serial,
                both(&again.pair_at_step(held.step(test_support::world::NOW))),
                Window::Admin,
                &Authority::Admin,
            )
            .await,
    );
    assert_eq!(refusal, Refusal::ClockWentBack);
}

#[tokio::test]
async fn unjudged_refusals_fold_into_one_row_by_caller_target_and_reason() {
    let world = World::new();
    let held = world.active("alice").await;
    let nobody = "nobody".parse().unwrap();
    let callers =
        ["uid:1", "uid:2"].map(|caller| world.verifier.on_behalf_of(CallerId::new(caller)));
    for _ in 0..3 {
        refused(
            world
                .verifier
                .verify_code(&held.account, &held.serial, held.wrong(world.now()))
                .await,
        );
    }
    let rows = world.audit().await.len();
    for verifier in &callers {
        for _ in 0..25 {
            refused(
                verifier.verify_code(&held.account, &held.serial, held.code(world.now())).await,
            );
            refused(verifier.verify_code(&nobody, &held.serial, held.code(world.now())).await);
        }
    }
    assert_eq!(world.audit().await.len(), rows, "nothing durable is written for each of them");
    world.verifier.write_refusals().await.unwrap();
    let folded: BTreeMap<_, _> = world
        .audited("code.not_judged")
        .await
        .into_iter()
        .map(|event| {
            (
                (
                    event.caller.to_string(),
                    event.account.unwrap().to_string(),
                    event.reason.unwrap().to_string(),
                ),
                event.count,
            )
        })
        .collect();
    let row = |caller: &str, account: &str, reason: &str| {
        ((caller.to_owned(), account.to_owned(), reason.to_owned()), 25)
    };
    let expected = [
        row("uid:1", "alice", "throttled"),
        row("uid:1", "nobody", "unknown_device"),
        row("uid:2", "alice", "throttled"),
        row("uid:2", "nobody", "unknown_device"),
    ];
    assert_eq!(folded, BTreeMap::from(expected));
    world.verifier.write_refusals().await.unwrap();
    assert_eq!(world.audited("code.not_judged").await.len(), 4, "and each is written once");
}

/// Requests that name ever new accounts fill neither memory nor log.
#[tokio::test]
async fn refusals_of_ever_new_targets_are_counted_without_their_targets() {
    let world = World::new();
    let code = Held::new("alice").code(world.now());
    for number in 0..5_000 {
        let account = format!("nobody {number}").parse().unwrap();
        refused(world.verifier.verify_code(&account, None, code.clone()).await);
    }
    world.verifier.write_refusals().await.unwrap();
    let rows = world.audited("code.not_judged").await;
    assert_eq!(rows.len(), 4_097);
    assert_eq!(rows.iter().map(|event| event.count).sum::<u64>(), 5_000, "and none is lost");
    assert_eq!(
        rows.iter()
            .filter(|event| event.account.is_none())
            .map(|event| event.count)
            .sum::<u64>(),
        904
    );
}

/// A new store is authenticated by the first request; those beside it wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_store_is_used_by_many_at_once() {
    for round in 0..40 {
        let world = World::new();
        let verifier = world.verifier_on(world.store());
        let added = (0..8).map(|number| {
            let (verifier, held) = (verifier.clone(), Held::new(&format!("person {number}")));
            tokio::spawn(async move { verifier.add(held.to_add(), &Authority::Admin).await })
        });
        for added in added.collect::<Vec<_>>() {
            let added = added.await.unwrap();
            assert!(added.is_ok(), "round {round}: {added:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_device_is_replaced_by_a_code_in_one_step() {
    let world = World::new();
    let (held, other) = (world.active("alice").await, world.active("bob").await);
    let account = held.account.clone();
    let hour = Duration::from_secs(3_600);
    let verifier = &world.verifier;
    assert!(matches!(
        verifier.recover(&account, Some(&other.serial), hour).await,
        Err(Error::NotFound("device"))
    ));
    let too_long = verifier.recover(&account, None, Duration::from_secs(86_401)).await;
    assert!(matches!(too_long, Err(Error::BadInput(_))));
    let rows = world.audit().await.len();

    let recovered = verifier.recover(&account, None, hour).await.unwrap();
    assert_eq!(recovered.removed, held.serial);
    let audit = world.audit().await;
    let actions: Vec<&str> = audit[rows..].iter().map(|row| row.action.name()).collect();
    assert_eq!(actions, ["device.removed", "bypass.made"]);
    refused(verifier.verify_code(&account, &held.serial, held.code(world.now())).await);
    let code = recovered.bypass.code.to_text().parse::<Passcode>().unwrap();
    let _ = verifier.verify_code(&account, None, code).await.unwrap();
    assert!(world.account(&account).await.account.protected, "it stays protected");
    assert!(matches!(verifier.recover(&account, None, hour).await, Err(Error::NotFound("device"))));
}
