//! Recovery codes on a sheet, and the code an administrator hands out.

use std::time::Duration;

use test_support::world::{World, nowhere, refused};
use twostep::device::{DeviceState, MfaKind, RecoveryCode, Refusal};
use twostep::id::AccountId;
use twostep::store::{Change, Write};
use twostep::verifier::{Added, Authority, Bypass, Error, NewDevice, NewFactor, Passcode};

async fn sheet(world: &World, account: &str) -> Result<Added, Error> {
    let sheet = NewDevice {
        account: account.parse().unwrap(),
        serial: None,
        name: None,
        factor: NewFactor::Recovery,
    };
    world.verifier.add(sheet, &Authority::Admin).await
}

async fn bypass(world: &World, account: &AccountId, seconds: u64) -> Bypass {
    world.verifier.bypass(account, Duration::from_secs(seconds)).await.unwrap()
}

fn typed(code: &RecoveryCode) -> Passcode {
    code.to_text().to_lowercase().parse().unwrap()
}

fn given(bypass: &Bypass) -> Passcode {
    bypass.code.to_text().parse().unwrap()
}

#[tokio::test]
async fn recovery_codes_are_given_out_beside_another_active_device_only() {
    let world = World::new();
    assert!(matches!(sheet(&world, "nobody").await, Err(Error::BadInput(_))));
    let held = world.added("alice", &Authority::Service).await.unwrap();
    assert!(
        matches!(sheet(&world, "alice").await, Err(Error::BadInput(_))),
        "a pending device does not count"
    );
    world.verifier.remove(&held.serial, &Authority::Service).await.unwrap();
    let held = world.active("alice").await;
    let added = sheet(&world, "alice").await.unwrap();
    assert_eq!((added.recovery_codes.len(), added.device.state), (10, DeviceState::Active));
    world.verifier.deactivate(&held.serial, &Authority::Admin).await.unwrap();
    assert!(
        matches!(sheet(&world, "alice").await, Err(Error::BadInput(_))),
        "another sheet does not count"
    );
}

#[tokio::test]
async fn each_recovery_code_serves_once_with_or_without_the_serial_number() {
    let world = World::new();
    let held = world.active("alice").await;
    let added = sheet(&world, "alice").await.unwrap();
    for (number, code) in added.recovery_codes.iter().enumerate() {
        let serial = (number % 2 == 0).then_some(&added.device.serial);
        let verified =
            world.verifier.verify_code(&held.account, serial, typed(code)).await.unwrap();
        assert_eq!((verified.kind(), verified.serial()), (MfaKind::Recovery, &added.device.serial));
        let again = refused(world.verifier.verify_code(&held.account, serial, typed(code)).await);
        assert_eq!(again, Refusal::Replayed { next_code_at: None });
    }
    let seen = world.account(&held.account).await;
    assert!(
        seen.devices.iter().all(|enrolled| enrolled.device.throttle.failures == 0)
            && seen.account.failures.is_empty()
    );
    // A recovery code is not what the token shows, and the other way round.
    let code = typed(&added.recovery_codes[0]);
    assert_eq!(
        refused(world.verifier.verify_code(&held.account, &held.serial, code).await),
        Refusal::UnknownDevice
    );
    let code = held.code(world.now());
    assert_eq!(
        refused(world.verifier.verify_code(&held.account, &added.device.serial, code).await),
        Refusal::UnknownDevice
    );
}

#[tokio::test]
async fn a_new_sheet_voids_the_old_one() {
    let world = World::new();
    let held = world.active("alice").await;
    let old = sheet(&world, "alice").await.unwrap();
    let new = sheet(&world, "alice").await.unwrap();
    let sheets = world
        .account(&held.account)
        .await
        .devices
        .into_iter()
        .filter(|enrolled| enrolled.device.kind() == MfaKind::Recovery);
    assert_eq!(
        sheets.map(|enrolled| enrolled.device.serial).collect::<Vec<_>>(),
        [new.device.serial]
    );
    for (code, of_old) in old
        .recovery_codes
        .iter()
        .map(|code| (code, true))
        .chain(new.recovery_codes.iter().map(|code| (code, false)))
        .take(12)
    {
        let verified = world.verifier.verify_code(&held.account, None, typed(code)).await;
        assert_eq!(verified.is_err(), of_old);
        world.pass(3_600);
    }
}

/// 80 bits are not guessed. A count would let strangers keep the owner out.
#[tokio::test]
async fn wrong_recovery_and_bypass_codes_count_nothing() {
    let world = World::new();
    let held = world.active("alice").await;
    let without_sheet = world.active("bob").await;
    let added = sheet(&world, "alice").await.unwrap();
    let made = bypass(&world, &held.account, 3_600).await;
    for (wrong, reason) in [
        ("0000-0000-0000-0000", Refusal::NoMatch),
        ("0000-0000-0000-0000-0000", Refusal::UnknownDevice),
    ] {
        let wrong: Passcode = wrong.parse().unwrap();
        let rows = world.audit().await.len();
        for _ in 0..70 {
            let guess = world.verifier.verify_code(&held.account, None, wrong.clone()).await;
            assert_eq!(refused(guess), reason);
            let guess = world.verifier.verify_code(&without_sheet.account, None, wrong.clone());
            assert_eq!(refused(guess.await), Refusal::UnknownDevice);
        }
        assert!(world.audit().await.len() <= rows + 2, "the first of a minute is written");
    }
    for account in [&held.account, &without_sheet.account] {
        let seen = world.account(account).await;
        assert!(seen.account.failures.is_empty() && seen.account.throttled_until.is_none());
        assert!(seen.devices.iter().all(|enrolled| enrolled.device.throttle.failures == 0));
    }
    let right = typed(&added.recovery_codes[0]);
    let _verified = world.verifier.verify_code(&held.account, None, right).await.unwrap();
    let _verified = world.verifier.verify_code(&held.account, None, given(&made)).await.unwrap();
}

/// Earlier versions locked sheets.
#[tokio::test]
async fn a_locked_sheet_and_a_throttled_account_take_recovery_codes() {
    let world = World::new();
    let held = world.active("alice").await;
    let added = sheet(&world, "alice").await.unwrap();
    for _ in 0..60 {
        let guess = held.wrong(world.now());
        refused(world.verifier.verify_code(&held.account, &nowhere(), guess).await);
    }
    let mut sheet =
        world.account(&held.account).await.device(&added.device.serial).unwrap().clone();
    sheet.device.state = DeviceState::Locked;
    let writes = vec![Write::UpdateDevice { seen: sheet.revision, device: sheet.device }];
    let change = Change { account: None, writes, audit: Vec::new() };
    let _committed = world.verifier.store().commit(change).await.unwrap();
    let right = typed(&added.recovery_codes[0]);
    let _verified = world.verifier.verify_code(&held.account, None, right).await.unwrap();
}

#[tokio::test]
async fn a_bypass_code_serves_once_in_time_for_its_account() {
    let world = World::new();
    let (alice, bob) = (world.active("alice").await.account, world.active("bob").await.account);
    let code = given(&bypass(&world, &alice, 3_600).await);
    assert_eq!(
        refused(world.verifier.verify_code(&bob, None, code.clone()).await),
        Refusal::UnknownDevice
    );
    let verified = world.verifier.verify_code(&alice, None, code.clone()).await.unwrap();
    assert_eq!((verified.kind(), verified.account()), (MfaKind::Bypass, &alice));
    assert!(verified.serial().as_str().starts_with("bypass:"));
    for _ in 0..5 {
        let again = refused(world.verifier.verify_code(&alice, None, code.clone()).await);
        assert_eq!(again, Refusal::Replayed { next_code_at: None });
    }
    assert!(
        world.account(&alice).await.account.failures.is_empty(),
        "shown twice is a replay, not a guess"
    );
    world.pass(3_600);
    assert_eq!(
        refused(world.verifier.verify_code(&alice, None, code).await),
        Refusal::UnknownDevice
    );

    let made = bypass(&world, &alice, 60).await;
    assert_eq!(made.expires_at.since(world.now()), Duration::from_secs(60));
    world.pass(59);
    let in_time = bypass(&world, &alice, 60).await;
    world.pass(1);
    assert_eq!(
        refused(world.verifier.verify_code(&alice, None, given(&made)).await),
        Refusal::UnknownDevice,
        "it has expired"
    );
    let _verified = world.verifier.verify_code(&alice, None, given(&in_time)).await.unwrap();
    for seconds in [59, 86_401] {
        let made = world.verifier.bypass(&alice, Duration::from_secs(seconds)).await;
        assert!(matches!(made, Err(Error::BadInput(_))), "{made:?}");
    }
    let nobody = "nobody".parse().unwrap();
    assert!(matches!(
        world.verifier.bypass(&nobody, Duration::from_secs(60)).await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test]
async fn a_bypass_code_lets_in_whom_neither_device_nor_account_would() {
    let world = World::new();
    let locked = world.locked("alice").await;
    let code = given(&bypass(&world, &locked.account, 3_600).await);
    let _verified = world.verifier.verify_code(&locked.account, None, code).await.unwrap();

    let throttled = world.active("bob").await;
    let nowhere = nowhere();
    for _ in 0..60 {
        refused(
            world
                .verifier
                .verify_code(&throttled.account, &nowhere, throttled.wrong(world.now()))
                .await,
        );
    }
    let right = held_until(&world, &throttled.account).await;
    assert!(right > world.now(), "the account is throttled");
    let made = bypass(&world, &throttled.account, 3_600).await;
    for _ in 0..100 {
        let guess: Passcode = "0000-0000-0000-0000-0000".parse().unwrap();
        assert_eq!(
            refused(world.verifier.verify_code(&throttled.account, None, guess).await),
            Refusal::UnknownDevice
        );
    }
    assert_eq!(held_until(&world, &throttled.account).await, right, "and prolongs nothing");
    let _verified = world
        .verifier
        .verify_code(&throttled.account, None, given(&made))
        .await
        .unwrap();
}

async fn held_until(world: &World, account: &AccountId) -> twostep::time::UnixTime {
    world.account(account).await.account.throttled_until.unwrap()
}
