//! The life of a device: added, activated, used, lost, found, locked, put away, removed, seen
//! again.

use test_support::world::{Held, World, both, nowhere, refused, watermark};
use twostep::device::{DeviceState, MfaKind, Refusal};
use twostep::otp::{Counter, Hotp, Window};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error};

#[tokio::test]
async fn two_codes_prove_a_device_and_each_code_serves_once() {
    let world = World::new();
    let held = world.added("alice", &Authority::Service).await.unwrap();
    let verifier = &world.verifier;
    assert_eq!(world.device(&held).await.state, DeviceState::Pending);
    assert!(!world.account(&held.account).await.account.protected);
    assert_eq!(
        refused(verifier.verify_code(&held.account, &held.serial, held.code(world.now())).await),
        Refusal::NotActive
    );
    assert_eq!(
        refused(
            verifier
                .resync(&held.serial, both(&held.pair(world.now())), Window::Owner)
                .await
        ),
        Refusal::NotActive
    );

    let wrong = [held.wrong(world.now()), held.code(world.now())];
    assert_eq!(
        refused(
            verifier
                .activate(&held.serial, both(&wrong), Window::Owner, &Authority::Service)
                .await
        ),
        Refusal::NoMatch
    );
    let pair = held.pair(world.now());
    let device = verifier
        .activate(&held.serial, both(&pair), Window::Owner, &Authority::Service)
        .await
        .unwrap();
    assert_eq!((device.state, device.activated_at), (DeviceState::Active, Some(world.now())));
    assert_eq!(device, world.device(&held).await, "what is answered is what is kept");
    assert!(
        world.account(&held.account).await.account.protected,
        "protected from the first activation on"
    );

    for code in pair {
        let refusal = refused(verifier.verify_code(&held.account, &held.serial, code).await);
        assert_eq!(refusal.name(), "replayed", "both codes of an activation are consumed");
    }
    let again = verifier
        .activate(&held.serial, both(&held.pair(world.now())), Window::Owner, &Authority::Admin)
        .await;
    assert!(matches!(again, Err(Error::AlreadyExists(_))), "{again:?}");

    world.pass(30);
    let code = held.code(world.now());
    let verified = verifier.verify_code(&held.account, &held.serial, code.clone()).await.unwrap();
    assert_eq!((verified.account(), verified.serial()), (&held.account, &held.serial));
    assert_eq!((verified.kind(), verified.at()), (MfaKind::Totp, world.now()));
    let next = Some(UnixTime((held.step(world.now()) + 1) * 30));
    let replayed = Refusal::Replayed { next_code_at: next };
    assert_eq!(refused(verifier.verify_code(&held.account, &held.serial, code).await), replayed);
    assert_eq!(world.device(&held).await.throttle.failures, 0, "a replay is no failure");

    // The first replay of a minute has a row at once, the others share one. So do attempts that
    // were not judged. Shared rows have no order.
    verifier.write_refusals().await.unwrap();
    let mut told: Vec<(String, u64)> = world
        .audit()
        .await
        .into_iter()
        .map(|event| (event.action.into(), event.count))
        .collect();
    told[5..].sort_unstable();
    let expected = [
        ("device.added", 1),
        ("activation.refused", 1),
        ("device.activated", 1),
        ("code.refused", 1),
        ("code.accepted", 1),
        ("code.not_judged", 2),
        ("code.refused", 2),
    ];
    assert_eq!(
        told,
        expected.map(|(action, count)| (action.to_owned(), count)),
        "every judged decision is written down, and nothing else"
    );
}

#[tokio::test]
async fn a_counter_based_device_is_followed_and_found_again() {
    let world = World::new();
    let held = Held::new("alice");
    let serial = world
        .verifier
        .add(held.to_add_as_hotp(0), &Authority::Service)
        .await
        .unwrap()
        .device
        .serial;
    let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(0));
    let pair = [token.press(), token.press()];
    world
        .verifier
        .activate(&serial, both(&pair), Window::Owner, &Authority::Service)
        .await
        .unwrap();

    let code = token.press();
    assert_eq!(
        world
            .verifier
            .verify_code(&held.account, &serial, code.clone())
            .await
            .unwrap()
            .kind(),
        MfaKind::Hotp
    );
    let replayed = Refusal::Replayed { next_code_at: None };
    assert_eq!(refused(world.verifier.verify_code(&held.account, &serial, code).await), replayed);
    // Nine codes were shown and not used; the tenth is the last within the look-ahead.
    (0..9).for_each(|_| drop(token.press()));
    let _verified =
        world.verifier.verify_code(&held.account, &serial, token.press()).await.unwrap();
    (0..10).for_each(|_| drop(token.press()));
    assert_eq!(
        refused(world.verifier.verify_code(&held.account, &serial, token.press()).await),
        Refusal::NoMatch
    );

    let pair = [token.press(), token.press()];
    let resynced = world.verifier.resync(&serial, both(&pair), Window::Owner).await.unwrap();
    assert_eq!((resynced.drift, watermark(&resynced.device)), (None, Some(25)));
    assert_eq!(refused(world.verifier.resync(&serial, both(&pair), Window::Owner).await), replayed);
    let _verified =
        world.verifier.verify_code(&held.account, &serial, token.press()).await.unwrap();

    // A hundred counters away for its owner, a thousand for an administrator.
    (0..100).for_each(|_| drop(token.press()));
    assert_eq!(
        refused(
            world
                .verifier
                .resync(&serial, both(&[token.press(), token.press()]), Window::Owner)
                .await
        ),
        Refusal::NoMatch
    );
    world
        .verifier
        .resync(&serial, both(&[token.press(), token.press()]), Window::Admin)
        .await
        .unwrap();
    let _verified =
        world.verifier.verify_code(&held.account, &serial, token.press()).await.unwrap();
}

#[tokio::test]
async fn the_serial_number_is_optional_with_one_device_of_codes() {
    let world = World::new();
    let held = world.active("alice").await;
    let _verified = world
        .verifier
        .verify_code(&held.account, None, held.code(world.now()))
        .await
        .unwrap();
    let other = world.active("alice").await;
    for held in [held, other] {
        let code = held.code(world.now());
        assert_eq!(
            refused(world.verifier.verify_code(&held.account, None, code.clone()).await),
            Refusal::UnknownDevice
        );
        assert_eq!(world.device(&held).await.throttle.failures, 0);
        let _verified =
            world.verifier.verify_code(&held.account, &held.serial, code).await.unwrap();
    }
    assert!(
        world.account(&"alice".parse().unwrap()).await.account.failures.is_empty(),
        "an unclear request is no failure"
    );
}

#[tokio::test]
async fn a_code_of_another_length_is_a_wrong_code() {
    let world = World::new();
    let held = world.active("alice").await;
    let longer = format!("0{}", held.text_at_step(held.step(world.now())));
    let refusal = refused(
        world
            .verifier
            .verify_code(&held.account, &held.serial, longer.parse::<twostep::otp::Code>().unwrap())
            .await,
    );
    assert_eq!((refusal, world.device(&held).await.throttle.failures), (Refusal::NoMatch, 1));
}

#[tokio::test]
async fn a_pair_finds_a_lost_device_and_its_next_code_works() {
    let world = World::new();
    let held = world.active("alice").await.ahead_by(15);
    let verifier = &world.verifier;
    assert_eq!(
        refused(verifier.verify_code(&held.account, &held.serial, held.code(world.now())).await),
        Refusal::NoMatch
    );

    let pair = held.pair(world.now());
    let resynced = verifier.resync(&held.serial, both(&pair), Window::Owner).await.unwrap();
    let drift = resynced.drift.unwrap();
    // Ten seconds into a step, its middle is five seconds ahead.
    assert_eq!((drift.steps, drift.seconds), (15, 455));
    assert_eq!(resynced.device.throttle.failures, 0, "a right pair clears the failures");
    let revision = world.account(&held.account).await.device(&held.serial).unwrap().revision;
    for _ in 0..10 {
        assert_eq!(
            refused(verifier.resync(&held.serial, both(&pair), Window::Owner).await),
            Refusal::ClockWentBack
        );
    }
    assert_eq!(
        world.account(&held.account).await.device(&held.serial).unwrap().revision,
        revision,
        "a consumed pair moves nothing"
    );
    for code in pair {
        assert_eq!(
            refused(verifier.verify_code(&held.account, &held.serial, code).await).name(),
            "replayed"
        );
    }
    let _verified = verifier
        .verify_code(&held.account, &held.serial, held.code_at_step(held.step(world.now()) + 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pair_opens_a_session_and_finds_the_device_in_one() {
    let world = World::new();
    let held = world.active("alice").await.ahead_by(-7);
    world.pass(600);
    let (account, serial, pair) = (&held.account, &held.serial, held.pair(world.now()));
    let stranger = "mallory".parse().unwrap();
    for (account, serial) in [(&stranger, serial), (account, &nowhere())] {
        let refusal =
            refused(world.verifier.verify_pair(account, serial, both(&pair), Window::Owner).await);
        assert_eq!(refusal, Refusal::UnknownDevice);
    }
    let verified = world
        .verifier
        .verify_pair(account, serial, both(&pair), Window::Owner)
        .await
        .unwrap();
    assert_eq!((verified.account(), verified.serial()), (account, serial));
    let drift = world.device(&held).await.drift(world.now()).unwrap();
    assert_eq!(drift.steps, -7);
    world.pass(30);
    let _verified = world
        .verifier
        .verify_code(account, serial, held.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pair_or_an_administrator_unlocks_a_device() {
    let world = World::new();
    let held = world.locked("alice").await;
    let verifier = &world.verifier;
    assert_eq!(world.device(&held).await.state, DeviceState::Locked);
    assert_eq!(world.audited("device.locked").await.len(), 1);
    assert_eq!(
        world.audited("device.under_attack").await.len(),
        1,
        "owners hear of it while it is still open"
    );
    let refusal =
        refused(verifier.verify_code(&held.account, &held.serial, held.code(world.now())).await);
    assert_eq!(refusal, Refusal::Locked, "the right code, and nobody looks at it");

    let device = verifier
        .resync(&held.serial, both(&held.pair(world.now())), Window::Owner)
        .await
        .unwrap()
        .device;
    assert_eq!((device.state, device.throttle.failures), (DeviceState::Active, 0));
    world.pass(30);
    let _verified = verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();

    let held = world.locked("bob").await;
    let device = verifier.unlock(&held.serial).await.unwrap();
    assert_eq!((device.state, device.throttle.failures), (DeviceState::Active, 0));
    let _verified = verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    assert!(matches!(verifier.unlock(&nowhere()).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_disabled_device_returns_by_a_pair_above_its_watermark() {
    let world = World::new();
    let held = world.active("alice").await;
    let verifier = &world.verifier;
    let spent = held.pair(world.now());
    let _verified = verifier
        .verify_code(&held.account, &held.serial, spent[1].clone())
        .await
        .unwrap();
    let before = watermark(&world.device(&held).await);
    assert_eq!(
        verifier.deactivate(&held.serial, &Authority::Admin).await.unwrap().state,
        DeviceState::Disabled
    );

    world.pass(30);
    let (code, pair) = (held.code(world.now()), held.pair(world.now()));
    assert_eq!(
        refused(verifier.verify_code(&held.account, &held.serial, code).await),
        Refusal::NotActive
    );
    let refusal = refused(verifier.resync(&held.serial, both(&pair), Window::Owner).await);
    assert_eq!(refusal, Refusal::NotActive, "a pair clears a lock, never this");
    assert_eq!(
        verifier.unlock(&held.serial).await.unwrap().state,
        DeviceState::Disabled,
        "nor does an unlock"
    );
    for pair in [spent, pair] {
        let refusal = refused(
            verifier
                .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
                .await,
        );
        assert_eq!(refusal, Refusal::ClockWentBack, "what was consumed before stays consumed");
    }
    assert_eq!(watermark(&world.device(&held).await), before);

    world.pass(30);
    let pair = held.pair(world.now());
    let device = verifier
        .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    assert_eq!(
        (device.state, watermark(&device)),
        (DeviceState::Active, Some(held.step(world.now())))
    );
}
