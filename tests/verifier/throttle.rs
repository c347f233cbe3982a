//! Wrong codes: a guesser waits, and the owner gets in.

use std::time::Duration;

use test_support::world::{Held, World, both, nowhere, refused};
use tokio::task::JoinSet;
use twostep::device::{DeviceState, Refusal};
use twostep::id::CallerId;
use twostep::otp::Window;
use twostep::time::UnixTime;
use twostep::verifier::Verifier;

/// The waits after each failure, from the third on: 30 s doubling to an hour.
const WAITS: [u64; 17] = [
    30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600,
    3_600, 3_600,
];

async fn guess(verifier: &Verifier, held: &Held, now: UnixTime) -> Refusal {
    refused(verifier.verify_code(&held.account, &held.serial, held.wrong(now)).await)
}

#[tokio::test]
async fn each_wrong_code_lengthens_the_wait_and_the_twentieth_locks() {
    let world = World::new();
    let held = world.active("alice").await;
    for _ in 0..2 {
        assert_eq!(guess(&world.verifier, &held, world.now()).await, Refusal::NoMatch);
    }
    for (failures, wait) in (3..).zip(WAITS) {
        assert_eq!(
            guess(&world.verifier, &held, world.now()).await,
            Refusal::NoMatch,
            "failure {failures} is judged"
        );
        let until = world.now().plus(Duration::from_secs(wait));
        world.pass(wait - 1);
        let refusal = refused(
            world
                .verifier
                .verify_code(&held.account, &held.serial, held.code(world.now()))
                .await,
        );
        assert_eq!(
            refusal,
            Refusal::Throttled { until },
            "the right code too, {wait} s after failure {failures}"
        );
        assert_eq!(world.device(&held).await.throttle.failures, failures, "and it counts nothing");
        world.pass(1);
    }
    let before = world.device(&held).await;
    assert_eq!((before.throttle.failures, before.state), (19, DeviceState::Active));
    assert_eq!(guess(&world.verifier, &held, world.now()).await, Refusal::NoMatch);
    assert_eq!(world.device(&held).await.state, DeviceState::Locked);
    assert_eq!(world.audited("device.locked").await.len(), 1);
    world.pass(86_400);
    let refusal = refused(
        world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(world.now()))
            .await,
    );
    assert_eq!(refusal, Refusal::Locked, "no wait ends a lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_500_wrong_codes_at_once_three_are_judged() {
    let world = World::new();
    for verifiers in [1, 2] {
        let held = world.active("alice").await;
        let verifiers: Vec<Verifier> =
            (0..verifiers).map(|_| world.verifier_on(world.store())).collect();
        let mut guesses = JoinSet::new();
        for number in 0..500 {
            let (verifier, held, now) =
                (verifiers[number % verifiers.len()].clone(), held.clone(), world.now());
            guesses.spawn(async move {
                verifier
                    .verify_code(&held.account, &held.serial, held.wrong(now))
                    .await
                    .map(drop)
            });
        }
        let wrong = guesses.join_all().await.into_iter().filter(refused_as_wrong).count();
        let counts = verifiers.iter().map(Verifier::counts);
        let (judged, unjudged) =
            counts.fold((0, 0), |sum, counts| (sum.0 + counts.judged, sum.1 + counts.unjudged));
        assert_eq!((wrong, judged, unjudged), (3, 3, 497), "by {} verifiers", verifiers.len());
        assert_eq!(world.device(&held).await.throttle.failures, 3);
        assert_eq!(world.account(&held.account).await.account.failures.len(), 3 * verifiers.len());
    }
}

fn refused_as_wrong(guess: &Result<(), twostep::verifier::Error>) -> bool {
    matches!(guess, Err(twostep::verifier::Error::Refused(Refusal::NoMatch)))
}

#[tokio::test]
async fn only_a_success_of_the_same_device_clears_its_failures() {
    let world = World::new();
    let (one, other) = (world.active("alice").await, world.active("alice").await);
    for _ in 0..2 {
        guess(&world.verifier, &one, world.now()).await;
    }
    let _verified = world
        .verifier
        .verify_code(&other.account, &other.serial, other.code(world.now()))
        .await
        .unwrap();
    assert_eq!(
        world.device(&one).await.throttle.failures,
        2,
        "another device's success clears nothing"
    );
    let code = other.code(world.now());
    assert_eq!(
        refused(world.verifier.verify_code(&other.account, &other.serial, code).await).name(),
        "replayed"
    );
    let _verified = world
        .verifier
        .verify_code(&one.account, &one.serial, one.code(world.now()))
        .await
        .unwrap();
    assert_eq!(world.device(&one).await.throttle.failures, 0);
    assert_eq!(
        world.account(&one.account).await.account.failures.len(),
        2,
        "the account's budget is spent all the same"
    );
}

#[tokio::test]
async fn another_accounts_serial_number_touches_no_device() {
    let world = World::new();
    let (alice, bob) = (world.active("alice").await, world.active("bob").await);
    let before = world.device(&bob).await;
    for serial in [&bob.serial, &nowhere()] {
        let refusal = refused(
            world.verifier.verify_code(&alice.account, serial, bob.code(world.now())).await,
        );
        assert_eq!(refusal, Refusal::UnknownDevice);
    }
    assert_eq!(world.device(&bob).await, before);
    assert!(world.account(&bob.account).await.account.failures.is_empty());
    assert_eq!(
        world.account(&alice.account).await.account.failures.len(),
        2,
        "it counts for the account that was named"
    );
    let _verified = world
        .verifier
        .verify_code(&bob.account, &bob.serial, bob.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test]
async fn sixty_wrong_codes_a_day_throttle_codes_and_never_pairs() {
    let world = World::new();
    let held = world.active("alice").await;
    let foreign = async || {
        refused(
            world
                .verifier
                .verify_code(&held.account, &nowhere(), held.wrong(world.now()))
                .await,
        )
    };
    // The first of them will be more than a day ago.
    for _ in 0..30 {
        assert_eq!(foreign().await, Refusal::UnknownDevice);
    }
    world.pass(86_400);
    for _ in 0..59 {
        assert_eq!(foreign().await, Refusal::UnknownDevice);
    }
    assert_eq!(world.account(&held.account).await.account.throttled_until, None);
    assert_eq!(
        guess(&world.verifier, &held, world.now()).await,
        Refusal::NoMatch,
        "the sixtieth, of whatever device"
    );
    let until = world.now().plus(Duration::from_secs(3_600));
    assert_eq!(world.audited("account.throttled").await.len(), 1);

    let throttled = Refusal::Throttled { until };
    assert_eq!(
        refused(
            world
                .verifier
                .verify_code(&held.account, &held.serial, held.code(world.now()))
                .await
        ),
        throttled
    );
    assert_eq!(foreign().await, throttled);
    let pair = held.pair_at_step(held.step(world.now()));
    let _verified = world
        .verifier
        .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner)
        .await
        .unwrap();
    world.pass(3_599);
    assert_eq!(
        refused(
            world
                .verifier
                .verify_code(&held.account, &held.serial, held.code(world.now()))
                .await
        ),
        throttled
    );
    world.pass(1);
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    assert_eq!(foreign().await, Refusal::UnknownDevice);
    assert!(
        world.account(&held.account).await.account.throttled_until > Some(world.now()),
        "61 within a day"
    );
}

/// A hundred requests a second for ten minutes.
#[tokio::test]
async fn an_attacker_cannot_lock_early_or_keep_the_owner_out() {
    let world = World::new();
    let held = world.active("alice").await;
    let attacker = world.verifier.on_behalf_of(CallerId::new("uid:666"));
    let (began, wrong) = (world.now(), held.wrong(world.now().plus(Duration::from_secs(300))));
    let mut judged = Vec::new();
    for _ in 0..60_000 {
        let refusal =
            refused(attacker.verify_code(&held.account, &held.serial, wrong.clone()).await);
        if refusal == Refusal::NoMatch {
            judged.push(world.now().since(began).as_secs());
        }
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(
        judged,
        [0, 0, 0, 30, 90, 210, 450],
        "judged when the table says, and at no other time"
    );
    let device = world.device(&held).await;
    assert_eq!((device.state, device.throttle.failures), (DeviceState::Active, 7));
    assert_eq!(world.audited("code.refused").await.len(), 7, "nothing else was written");

    let owner = world.verifier.on_behalf_of(CallerId::new("uid:1000"));
    let pair = held.pair(world.now());
    let _verified = owner
        .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner)
        .await
        .unwrap();
    world.pass(30);
    let _verified = owner
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test]
async fn wrong_pairs_an_hour_are_five_a_caller_thirty_a_device() {
    let world = World::new();
    let held = world.active("alice").await;
    let began = world.now();
    let callers: Vec<Verifier> = (0..8)
        .map(|number| world.verifier.on_behalf_of(CallerId::new(format!("uid:{number}"))))
        .collect();
    let wrong = [held.wrong(world.now()), held.code(world.now())];
    let pair = async |caller: &Verifier| {
        refused(caller.resync(&held.serial, both(&wrong), Window::Owner).await)
    };
    for caller in &callers[..6] {
        for _ in 0..5 {
            assert_eq!(pair(caller).await, Refusal::NoMatch);
        }
        let spent = pair(caller).await;
        assert!(matches!(spent, Refusal::PairsSpent { .. }), "{spent:?}");
        world.pass(60);
    }
    assert_eq!(world.verifier.counts().judged, 1 + 30, "the activation, and thirty pairs");
    let until = began.plus(Duration::from_secs(3_600));
    let right = held.pair(world.now());
    let refusal = refused(callers[7].resync(&held.serial, both(&right), Window::Owner).await);
    assert_eq!(refusal, Refusal::PairsSpent { until }, "thirty are judged, whoever presents them");
    assert_eq!(world.device(&held).await.throttle.failures, 0, "a wrong pair is no wrong code");
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    world.pass(until.since(world.now()).as_secs());
    callers[7]
        .resync(&held.serial, both(&held.pair(world.now())), Window::Owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_administrator_gives_spent_pairs_back() {
    let world = World::new();
    let held = world.active("alice").await;
    let wrong = [held.wrong(world.now()), held.code(world.now())];
    for spent in 0..6 {
        let refusal =
            refused(world.verifier.resync(&held.serial, both(&wrong), Window::Owner).await);
        assert_eq!(refusal == Refusal::NoMatch, spent < 5, "{refusal:?}");
    }
    world.verifier.unlock(&held.serial).await.unwrap();
    world.pass(90);
    let pair = held.pair(world.now());
    world.verifier.resync(&held.serial, both(&pair), Window::Owner).await.unwrap();
}
