//! T-CLOCK: a wall clock that jumped is refused, and consumed codes stay consumed at any time it
//! shows.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use test_support::hooked::{Hook, Hooked};
use test_support::world::{Held, World, refused, watermark};
use twostep::store::EventReason;
use twostep::time::UnixTime;
use twostep::verifier::{ClockFault, Error, Verifier};

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// The clock fault, or none, that a code meets. The code itself is always one that was used.
async fn fault(verifier: &Verifier, held: &Held, used: u64) -> Option<ClockFault> {
    match verifier.verify_code(&held.account, &held.serial, held.code_at_step(used)).await {
        Err(Error::Clock(fault)) => Some(fault),
        Err(Error::Refused(_)) => None,
        other => panic!("a used code, and {other:?}"),
    }
}

#[tokio::test]
async fn a_clock_that_jumped_is_not_believed_until_it_is_back() {
    // Jumps of the wall clock, and the verdict on each.
    let jumps = [
        (0, true),
        (1, true),
        (-1, true),
        (59, true),
        (-59, true),
        (-60, true),
        (-61, false),
        (3_600, true),
        (3_601, false),
    ];
    for (seconds, believed) in jumps.into_iter().chain([
        (-DAY, false),
        (DAY, false),
        (10 * YEAR, false),
        (-10 * YEAR, false),
    ]) {
        let world = World::new();
        let held = world.active("alice").await;
        let used = held.step(world.now());
        let _verified = world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(world.now()))
            .await
            .unwrap();
        let (before, highest) = (world.device(&held).await, world.now());
        world.clock.jump(seconds);
        match fault(&world.verifier, &held, used).await {
            None => assert!(believed, "{seconds} s"),
            Some(ClockFault::WentBack { shown, seen }) => {
                assert!(!believed && seconds < 0, "{seconds} s");
                assert_eq!((shown, seen), (world.now(), highest));
            }
            Some(ClockFault::JumpedAhead { shown, expected }) => {
                assert!(!believed && seconds > 0, "{seconds} s");
                assert_eq!((shown, expected), (world.now(), highest));
            }
            Some(apart @ ClockFault::Apart { .. }) => panic!("there is no other clock: {apart}"),
        }
        assert_eq!(world.verifier.ready().await.is_ok(), believed, "{seconds} s");
        if !believed {
            let added = world
                .verifier
                .add(Held::new("bob").to_add(), &twostep::verifier::Authority::Admin)
                .await;
            assert!(matches!(added, Err(Error::Clock(_))), "nothing is decided: {added:?}");
            assert_eq!(world.device(&held).await, before);
            // Back where it was, nothing is left of the jump.
            world.clock.set_wall(highest);
            world.pass(30);
            let _verified = world
                .verifier
                .verify_code(&held.account, &held.serial, held.code(world.now()))
                .await
                .unwrap();
            assert!(
                world.verifier.store().highest_time().await.unwrap() <= Some(world.now()),
                "{seconds} s"
            );
        }
    }
}

#[tokio::test]
async fn small_jumps_do_not_add_up() {
    let world = World::new();
    let held = world.active("alice").await;
    let used = held.step(world.now());
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    world.clock.jump(-40);
    assert_eq!(fault(&world.verifier, &held, used).await, None);
    world.clock.jump(-40);
    assert!(matches!(fault(&world.verifier, &held, used).await, Some(ClockFault::WentBack { .. })));
    world.clock.jump(80 + 3_000);
    assert_eq!(fault(&world.verifier, &held, used).await, None, "less than an hour ahead");
    world.clock.jump(3_000);
    assert_eq!(
        fault(&world.verifier, &held, used).await,
        None,
        "and less than an hour ahead of that: it was believed"
    );
}

#[tokio::test]
async fn a_machine_that_slept_has_a_clock_that_is_right() {
    let world = World::new();
    let held = world.active("alice").await;
    world.clock.suspend(std::time::Duration::from_secs(8 * 3_600));
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    // The token of the suspended machine's owner is right; a clock that jumped with the wall alone
    // is refused.
    world.clock.jump(8 * 3_600);
    let verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await;
    assert!(matches!(verified, Err(Error::Clock(ClockFault::JumpedAhead { .. }))), "{verified:?}");
}

#[tokio::test]
async fn a_clock_set_back_while_the_program_was_down_is_detected() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(30);
    let used = held.step(world.now());
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    world.verifier.note_time().await.unwrap();
    let highest = world.now();
    for (seconds, believed) in [(-60, true), (-61, false), (-DAY, false)] {
        world.clock.set_wall(UnixTime(highest.0.saturating_add_signed(seconds)));
        let restarted = world.verifier_on(world.store());
        assert_eq!(fault(&restarted, &held, used).await.is_none(), believed, "{seconds} s");
    }
    // Without the note at its end a program remembers to the minute.
    world.clock.set_wall(highest);
    world.pass(59);
    assert_eq!(fault(&world.verifier, &held, used).await, None);
    assert_eq!(world.verifier.store().highest_time().await.unwrap(), Some(highest));
    world.pass(1);
    assert_eq!(fault(&world.verifier, &held, used).await, None);
    assert_eq!(world.verifier.store().highest_time().await.unwrap(), Some(world.now()));
}

#[tokio::test]
async fn an_administrator_accepts_the_clock_and_no_code_comes_back() {
    for seconds in [-DAY, 10 * YEAR] {
        let world = World::new();
        let held = world.active("alice").await;
        let used = held.step(world.now());
        let _verified = world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(world.now()))
            .await
            .unwrap();
        let before = watermark(&world.device(&held).await);
        let right = world.now();
        world.clock.jump(seconds);
        assert!(fault(&world.verifier, &held, used).await.is_some());
        assert_eq!(world.verifier.accept_clock().await.unwrap(), world.now());
        assert_eq!(world.audited("clock.accepted").await.len(), 1);
        assert_eq!(watermark(&world.device(&held).await), before, "watermarks stay");
        assert_eq!(fault(&world.verifier, &held, used).await, None, "it is judged, and refused");
        let restarted = world.verifier_on(world.store());
        assert_eq!(fault(&restarted, &held, used).await, None, "others believe it too");
        if seconds < 0 {
            for step in [0, 1, 2].map(|later| held.step(world.now()) + later - 1) {
                let code = held.code_at_step(step);
                let refusal =
                    refused(world.verifier.verify_code(&held.account, &held.serial, code).await);
                assert_eq!(refusal.name(), "replayed", "what is on display is below the watermark");
            }
        }
        world.clock.set_wall(right);
        assert!(fault(&world.verifier, &held, used).await.is_some(), "what was accepted holds");
        world.verifier.accept_clock().await.unwrap();
        world.pass(30);
        let _verified = world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(world.now()))
            .await
            .unwrap();
        let refusal = refused(
            world
                .verifier
                .verify_code(&held.account, &held.serial, held.code_at_step(used))
                .await,
        );
        assert_eq!(refusal.name(), "replayed");
    }
}

/// Steps that the guard refuses when nothing says that the clock is synchronised.
const STEPS: [i64; 6] = [3_601, DAY, 10 * YEAR, -61, -DAY, -10 * YEAR];

#[tokio::test]
async fn a_synchronised_clocks_step_is_audited_and_no_code_comes_back() {
    for seconds in STEPS {
        let world = World::new();
        let held = world.active("alice").await;
        let used = held.step(world.now());
        let _verified = world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(world.now()))
            .await
            .unwrap();
        let before = watermark(&world.device(&held).await);
        world.clock.jump(seconds);
        assert!(world.verifier.clock_fault().is_some(), "{seconds} s: it is told at this moment");
        assert!(fault(&world.verifier, &held, used).await.is_some(), "{seconds} s");
        assert_eq!(world.verifier.last_clock_step(), None);
        // The word of the kernel comes with the next answer of NTP, after the step.
        world.clock.set_synchronised(true);
        assert_eq!(world.verifier.clock_fault(), None, "{seconds} s");
        assert_eq!(
            fault(&world.verifier, &held, used).await,
            None,
            "{seconds} s: it is judged, and refused"
        );
        let rows = world.audited("clock.stepped").await;
        let [row] = &rows[..] else { panic!("{seconds} s: {rows:?}") };
        assert_eq!(
            (row.at, row.reason.as_ref().map(EventReason::name)),
            (world.now(), Some(format!("{seconds:+} s").as_str()))
        );
        let step = world.verifier.last_clock_step().unwrap();
        assert_eq!((step.to, step.seconds), (world.now(), seconds));
        assert_eq!(watermark(&world.device(&held).await), before, "watermarks stay");
        assert_eq!(
            world.verifier.store().highest_time().await.unwrap(),
            Some(world.now()),
            "{seconds} s"
        );
        if seconds > 0 {
            let _verified = world
                .verifier
                .verify_code(&held.account, &held.serial, held.code(world.now()))
                .await
                .unwrap();
        } else {
            let refusal = refused(
                world
                    .verifier
                    .verify_code(&held.account, &held.serial, held.code(world.now()))
                    .await,
            );
            assert_eq!(refusal.name(), "replayed", "what is on display is below the watermark");
        }
        // The clock was accepted once, and goes on from there without the kernel's word.
        world.clock.set_synchronised(false);
        world.pass(30);
        world.verifier.ready().await.unwrap();
        assert_eq!(world.audited("clock.stepped").await.len(), 1);
        let restarted = world.verifier_on(world.store());
        restarted.ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_stored_wrong_time_gives_way_to_a_synchronised_clock() {
    let world = World::new();
    let held = world.active("alice").await;
    let used = held.step(world.now());
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
    let right = world.now();
    // A clock of next year was accepted once.
    world.clock.jump(YEAR);
    world.verifier.accept_clock().await.unwrap();
    world.clock.set_wall(right);
    world.clock.advance(std::time::Duration::from_secs(30));
    for (synchronised, believed) in [(false, false), (true, true), (false, true)] {
        world.clock.set_synchronised(synchronised);
        let restarted = world.verifier_on(world.store());
        assert_eq!(fault(&restarted, &held, used).await.is_none(), believed, "{synchronised}");
    }
    let _verified = world
        .verifier_on(world.store())
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_a_step_write_one_row_of_it() {
    let world = World::new();
    let held = world.active("alice").await;
    world.clock.set_synchronised(true);
    world.clock.jump(DAY);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let verifier = world.verifier.clone();
        asking.spawn(async move { verifier.ready().await });
    }
    assert!(asking.join_all().await.iter().all(Result::is_ok));
    assert_eq!(world.audited("clock.stepped").await.len(), 1);
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test]
async fn two_processes_on_one_store_believe_the_same_step() {
    for seconds in STEPS {
        let world = World::new();
        let held = world.active("alice").await;
        let second = world.verifier_on(world.store());
        second.ready().await.unwrap();
        world.clock.set_synchronised(true);
        world.clock.jump(seconds);
        world.verifier.ready().await.unwrap();
        second.ready().await.unwrap();
        world.pass(90);
        second.ready().await.unwrap();
        world.verifier.ready().await.unwrap();
        assert_eq!(
            world.verifier.store().highest_time().await.unwrap(),
            Some(world.now()),
            "{seconds} s"
        );
        drop(held);
    }
}

#[tokio::test]
async fn a_synchronised_clock_that_moves_a_little_is_no_step() {
    for seconds in [0, 1, -1, 59, -60, 3_600] {
        let world = World::new();
        let held = world.active("alice").await;
        world.clock.set_synchronised(true);
        world.clock.jump(seconds);
        world.verifier.ready().await.unwrap();
        assert!(
            world.audited("clock.stepped").await.is_empty()
                && world.verifier.last_clock_step().is_none(),
            "{seconds} s"
        );
        drop(held);
    }
}

/// The clock of a database server.
struct Server(AtomicU64);

impl Hook for Server {
    fn time(&self, _told: Option<UnixTime>) -> Option<UnixTime> {
        Some(UnixTime(self.0.load(SeqCst)))
    }
}

#[tokio::test]
async fn clocks_that_differ_by_more_than_thirty_seconds_are_not_believed() {
    let world = World::new();
    let held = world.active("alice").await;
    let server = Arc::new(Server(AtomicU64::new(world.now().0)));
    let verifier = world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&server) });
    for (seconds, believed) in [(0, true), (30, true), (31, false), (-30, true), (-31, false)] {
        world.pass(60);
        let now = world.now();
        server.0.store(now.0.saturating_add_signed(seconds), SeqCst);
        let before = world.device(&held).await;
        let code = held.code(now);
        let answer = verifier.verify_code(&held.account, &held.serial, code).await;
        if believed {
            let _verified = answer.unwrap();
            assert_eq!(verifier.clock_fault(), None, "{seconds} s");
            continue;
        }
        let store = UnixTime(server.0.load(SeqCst));
        let apart = ClockFault::Apart { shown: now, store };
        assert!(matches!(answer, Err(Error::Clock(fault)) if fault == apart), "{seconds} s");
        assert_eq!(world.device(&held).await, before, "nothing is decided, nothing is spent");
        // No context is believed by such a clock either, and no administrator makes it right.
        assert_eq!(verifier.clock_fault(), Some(apart));
        assert!(matches!(verifier.ready().await, Err(Error::Clock(_))), "{seconds} s");
        verifier.accept_clock().await.unwrap();
        assert!(matches!(verifier.ready().await, Err(Error::Clock(_))), "{seconds} s");
        world.clock.set_synchronised(true);
        assert!(matches!(verifier.ready().await, Err(Error::Clock(_))), "{seconds} s");
        world.clock.set_synchronised(false);

        server.0.store(now.0, SeqCst);
        verifier.ready().await.unwrap();
        let _verified = verifier
            .verify_code(&held.account, &held.serial, held.code(now))
            .await
            .unwrap_or_else(|error| panic!("{seconds} s, and back: {error}"));
    }
}
