//! Codes that missed, looked for after the answer: what is found, what it changes, and that nothing
//! is accepted by it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use test_support::world::{Held, World, both, refused};
use twostep::device::{DeviceState, Factor, Refusal};
use twostep::otp::{Code, CodePair, Counter, Window, compressions};
use twostep::verifier::{Authority, Verifier};

/// Waits until so many codes were looked for, and returns how many were found.
async fn looked(verifier: &Verifier, looks: u64) -> u64 {
    let began = Instant::now();
    while verifier.counts().looks < looks {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", verifier.counts());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    verifier.counts().out_of_sync
}

async fn refusal(world: &World, held: &Held, code: Code) -> Refusal {
    refused(world.verifier.verify_code(&held.account, &held.serial, code).await)
}

#[tokio::test]
async fn a_token_out_of_sync_is_told_and_two_codes_help() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(86_400);
    let away = held.clone().ahead_by(-12);
    assert_eq!(refusal(&world, &held, away.code(world.now())).await, Refusal::NoMatch);
    let (device, audit) = (world.device(&held).await, world.audit().await.len());
    assert_eq!(looked(&world.verifier, 1).await, 1);
    assert_eq!(world.device(&held).await, device, "a look changes nothing");
    assert_eq!(world.audit().await.len(), audit);
    let [.., reading] = &world.verifier.take_readings()[..] else {
        panic!("no reading of the code that missed");
    };
    assert_eq!((&reading.serial, reading.at), (&held.serial, world.now()));
    assert!((reading.off + 360.0).abs() <= 35.0 && reading.doubt > 0.0, "{reading:?}");

    world.pass(30);
    let code = away.code(world.now());
    assert_eq!(refusal(&world, &held, code.clone()).await, Refusal::OutOfSync);
    let row = world.audited("code.refused").await.pop().unwrap();
    assert_eq!(row.reason, Some(Refusal::NoMatch.kind().into()), "the reason of the judgement");
    assert_eq!(world.device(&held).await.throttle.failures, 2, "a wrong code counts as ever");

    world.pass(30);
    let pair = away.pair(world.now());
    let verified = world
        .verifier
        .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner)
        .await;
    let _verified = verified.unwrap();
    let wrong = held.wrong(world.now());
    assert_eq!(refusal(&world, &held, wrong).await, Refusal::NoMatch, "in sync again");
}

#[tokio::test]
async fn a_throttled_device_is_told_out_of_sync() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(86_400);
    let away = held.clone().ahead_by(50);
    assert_eq!(refusal(&world, &held, away.code(world.now())).await, Refusal::NoMatch);
    looked(&world.verifier, 1).await;
    for _ in 0..2 {
        assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::OutOfSync);
    }
    let device = world.device(&held).await;
    assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::OutOfSync);
    assert_eq!(world.device(&held).await, device, "throttled: not judged");
    while world.device(&held).await.state != DeviceState::Locked {
        world.pass(3_600);
        refusal(&world, &held, held.wrong(world.now())).await;
    }
    assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::Locked);
}

#[tokio::test]
async fn out_of_sync_ends_with_a_success_or_after_a_day() {
    let world = World::new();
    for success in [true, false] {
        let held = world.active(if success { "alice" } else { "bob" }).await;
        world.pass(3_600);
        let away = held.clone().ahead_by(-30);
        assert_eq!(refusal(&world, &held, away.code(world.now())).await, Refusal::NoMatch);
        // Alice's last wrong code is looked for as well.
        looked(&world.verifier, if success { 1 } else { 3 }).await;
        if success {
            let code = held.code(world.now());
            let _verified =
                world.verifier.verify_code(&held.account, &held.serial, code).await.unwrap();
        } else {
            world.pass(86_399);
            assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::OutOfSync);
            world.pass(1);
        }
        assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::NoMatch);
        world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    }
}

#[tokio::test]
async fn steps_are_found_within_60_and_counters_within_100() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(86_400);
    let (device, now) = (world.device(&held).await, world.now());
    let key = device.key(&held.seed).unwrap();
    let at = |offset| held.clone().ahead_by(offset).code(now);
    // By chance, two of the steps may show the same code.
    let near: Vec<Code> = (-60..=60).map(at).collect();
    for offset in -64..=64 {
        let away = held.clone().ahead_by(offset);
        let found = device.find_far(&key, &away.code(now), now);
        // The expected step is the present one, or a neighbour of it.
        if !(59..=61).contains(&offset.abs()) {
            assert_eq!(found.is_some(), near.contains(&at(offset)), "{offset} steps away");
        }
        let Some(found) = found else { continue };
        assert_eq!(held.code_at_step(found.factor), away.code(now), "{offset} steps away");
        if found.factor == away.step(now) {
            let off = found.off.unwrap().0 - f64::from(i32::try_from(offset).unwrap()) * 30.0;
            assert!(off.abs() <= 35.0, "{offset} steps away: {off} s beside");
        }
    }
    let held = world.counting("bob").await;
    let (device, now) = (world.device(&held).await, world.now());
    let key = device.key(&held.seed).unwrap();
    let near: Vec<Code> = (2..102).map(|counter| held.code_at_step(counter)).collect();
    for counter in 0..110 {
        let code = held.code_at_step(counter);
        let found = device.find_far(&key, &code, now);
        assert!(found.is_none_or(|found| found.off.is_none()));
        let shown = found.map(|found| held.code_at_step(found.factor));
        assert_eq!(shown, Some(code).filter(|code| near.contains(code)), "{counter}");
    }
    let long = "12345678".parse().unwrap();
    assert_eq!(device.find_far(&key, &long, now), None);
}

#[tokio::test]
async fn spent_codes_are_not_out_of_sync() {
    let world = World::new();
    let held = world.active("alice").await;
    let spent = held.code(world.now());
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, spent.clone())
        .await
        .unwrap();
    world.pass(600);
    assert_eq!(refusal(&world, &held, spent.clone()).await, Refusal::NoMatch);
    assert_eq!(looked(&world.verifier, 1).await, 0);

    world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    world.verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    let pair = held.pair(world.now());
    let activated =
        world
            .verifier
            .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin);
    activated.await.unwrap();
    assert_eq!(refusal(&world, &held, spent).await, Refusal::NoMatch);
    assert_eq!(looked(&world.verifier, 2).await, 0);
    assert_eq!(refusal(&world, &held, held.wrong(world.now())).await, Refusal::NoMatch);
}

/// Without this a guess that lies in the future would be told, and could be presented again when
/// its time comes.
#[tokio::test]
async fn a_code_that_was_found_ahead_opens_nothing_alone() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(86_400);
    let ahead = held.step(world.now()) + 40;
    let guessed = held.code_at_step(ahead);
    assert_eq!(refusal(&world, &held, guessed.clone()).await, Refusal::NoMatch);
    assert_eq!(looked(&world.verifier, 1).await, 1);
    // A success of the owner does not make the guess good.
    let code = held.code(world.now());
    let _verified = world.verifier.verify_code(&held.account, &held.serial, code).await.unwrap();
    world.pass(40 * 30);
    assert_eq!(held.code(world.now()), guessed);
    let before = world.device(&held).await;
    assert_eq!(refusal(&world, &held, guessed).await, Refusal::OutOfSync);
    assert_eq!(world.device(&held).await, before, "nothing is consumed, and no failure counted");
    let pair = held.pair_at_step(ahead + 1);
    let pair = world
        .verifier
        .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner);
    let _verified = pair.await.unwrap();
    world.pass(60);
    let next = held.code(world.now());
    let _verified = world.verifier.verify_code(&held.account, &held.serial, next).await.unwrap();
}

#[tokio::test]
async fn a_counter_that_ran_away_is_told_and_found() {
    let world = World::new();
    let held = world.counting("alice").await;
    assert_eq!(refusal(&world, &held, held.code_at_step(60)).await, Refusal::NoMatch);
    assert_eq!(looked(&world.verifier, 1).await, 1);
    assert_eq!(refusal(&world, &held, held.code_at_step(61)).await, Refusal::OutOfSync);
    let pair = held.pair_at_step(63);
    let verified =
        world
            .verifier
            .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner);
    let _verified = verified.await.unwrap();
    let Factor::Hotp(hotp) = world.device(&held).await.factor else { panic!("no counter") };
    assert_eq!(hotp.next, Some(Counter(64)));
}

#[tokio::test]
async fn looks_are_few_a_second_and_one_for_each_account() {
    let world = World::new();
    let mut people = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        people.push(world.active(name).await);
    }
    world.pass(86_400);
    let (began, mut late) = (Instant::now(), 0);
    for held in &people {
        let first = Instant::now();
        for _ in 0..2 {
            refusal(&world, held, held.wrong(world.now())).await;
        }
        // The look for the first miss is a quarter of a second later: a slow machine has made it.
        late += u64::from(first.elapsed() >= Duration::from_millis(250));
    }
    assert_eq!(looked(&world.verifier, 4).await, 0);
    assert!(began.elapsed() >= Duration::from_millis(550), "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(world.verifier.counts().looks <= 4 + late, "the second misses were not queued");
}

/// The bound `s` of RFC 4226 Appendix E.4 is that of the window: a pair that a finder of the token
/// noted far ahead would stay good for as many sign-ins.
#[tokio::test]
async fn a_named_counter_extends_no_window() {
    let world = World::new();
    let held = world.counting("alice").await;
    let found = async |first: u64, named: Option<u64>, window: Window| {
        let pair = held.pair_at_step(first + 1);
        let codes = CodePair { codes: both(&pair), counter: named.map(Counter) };
        world.verifier.resync(&held.serial, codes, window).await
    };
    let resync = async |first, named| found(first, named, Window::Owner).await;
    let next = async || match world.device(&held).await.factor {
        Factor::Hotp(hotp) => hotp.next.unwrap().0,
        other => panic!("{other:?}"),
    };
    let mut costs = BTreeSet::new();
    let began = next().await;
    for named in [None, Some(began), Some(began + 5_000), Some(0), Some(u64::MAX)] {
        let real = compressions();
        assert_eq!(refused(resync(began + 5_000, named).await), Refusal::NoMatch);
        costs.insert(compressions() - real);
    }
    assert_eq!(costs.len(), 1, "a refusal costs the same with a counter: {costs:?}");
    world.pass(3_600);
    for (window, farthest) in [(Window::Owner, 99), (Window::Admin, 999)] {
        let first = next().await + farthest;
        let beyond = found(first + 1, Some(first + 1), window).await;
        assert_eq!(refused(beyond), Refusal::NoMatch, "{window:?}");
        found(first, Some(first), window).await.unwrap();
        assert_eq!(next().await, first + 2, "{window:?}");
        // A consumed pair stays consumed where it is named.
        let again = found(first, Some(first), window).await;
        assert_eq!(refused(again), Refusal::Replayed { next_code_at: None });
    }
    // A counter that is consumed, or beyond the window, names nothing.
    for named in [0, u64::MAX] {
        let first = next().await + 10;
        resync(first, Some(named)).await.unwrap();
        assert_eq!(next().await, first + 2);
    }
}
