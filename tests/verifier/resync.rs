//! Two consecutive codes: how far they reach, and that a refused pair tells nothing of either of
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both, refused};
use twostep::device::Refusal;
use twostep::id::CallerId;
use twostep::otp::{Code, Counter, Hotp, Window, compressions};
use twostep::store::{Answer, Change, Commit, Store};
use twostep::testing::SimulatedToken;
use twostep::verifier::{Authority, Verifier};

/// `TWOSTEP_RESYNC_STRIDE` says how many steps apart the tokens are (7); at least 3, for each pair
/// and the code after it raise the watermark.
#[tokio::test]
async fn an_administrators_pair_finds_a_token_up_to_a_day_away() {
    let stride = std::env::var("TWOSTEP_RESYNC_STRIDE")
        .ok()
        .map_or(7, |stride| stride.parse().unwrap());
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(2 * 86_400);
    for offset in (-2_880..=2_877).step_by(stride).chain([2_880]) {
        let away = held.clone().ahead_by(offset);
        let resynced = world
            .verifier
            .resync(&held.serial, both(&away.pair(world.now())), Window::Admin)
            .await;
        let drift = resynced
            .unwrap_or_else(|error| panic!("{offset} steps away: {error:?}"))
            .drift
            .unwrap();
        assert_eq!(drift.steps, offset);
        assert!(drift.seconds.abs_diff(30 * offset) <= 15, "{drift:?}");
        let next = away.code_at_step(away.step(world.now()) + 1);
        let verified = world.verifier.verify_code(&held.account, &held.serial, next).await;
        assert!(verified.is_ok(), "the code after it, {offset} steps away: {verified:?}");
    }
    let wide = world.audited("device.wide_resync").await.len();
    // A pair is beyond an owner's reach where it is far from the time, and from where the one
    // before it was.
    let offsets: Vec<i64> = (-2_880..=2_877).step_by(stride).chain([2_880]).collect();
    let before = std::iter::once(0).chain(offsets.iter().copied());
    let beyond = offsets
        .iter()
        .zip(before)
        .filter(|(offset, before)| offset.abs() > 20 && (*offset - before).abs() > 20)
        .count();
    assert_eq!(wide, beyond, "what only an administrator's window reaches is audited as that");
    for offset in [2_884, 3_000] {
        let away = held.clone().ahead_by(offset);
        let refusal = refused(
            world
                .verifier
                .resync(&held.serial, both(&away.pair(world.now())), Window::Admin)
                .await,
        );
        assert_eq!(refusal, Refusal::NoMatch, "{offset} steps away");
    }
}

#[tokio::test]
async fn other_callers_pairs_find_it_up_to_20_steps_away() {
    let world = World::new();
    for offset in -23..=23_i64 {
        let held = world.active("alice").await;
        world.pass(3_600);
        let pair = held.clone().ahead_by(offset).pair(world.now());
        let resynced = world.verifier.resync(&held.serial, both(&pair), Window::Owner).await;
        if offset.abs() <= 20 {
            assert_eq!(resynced.unwrap().drift.unwrap().steps, offset);
        } else {
            assert_eq!(refused(resynced), Refusal::NoMatch, "{offset} steps away");
        }
        world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    }
    // The window of an activation is the same.
    for (offset, window, found) in
        [(20, Window::Owner, true), (21, Window::Owner, false), (21, Window::Admin, true)]
    {
        let held = world.added("bob", &Authority::Admin).await.unwrap().ahead_by(offset);
        let pair = held.pair(world.now());
        let activated = world
            .verifier
            .activate(&held.serial, both(&pair), window, &Authority::Admin)
            .await;
        assert_eq!(activated.is_ok(), found, "{offset} steps away: {activated:?}");
    }
}

/// Changes and writes that reached the store.
#[derive(Default)]
struct Count {
    changes: AtomicUsize,
    writes: AtomicUsize,
    events: AtomicUsize,
}

impl Hook for Count {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        self.changes.fetch_add(1, Relaxed);
        self.writes.fetch_add(change.writes.len(), Relaxed);
        self.events.fetch_add(change.audit.len(), Relaxed);
        store.commit(change)
    }
}

impl Count {
    fn so_far(&self) -> [usize; 3] {
        [&self.changes, &self.writes, &self.events].map(|count| count.load(Relaxed))
    }
}

/// Measurements of a refused pair.
type Seen = (String, u64, u64, [usize; 3]);

/// The classes of pairs, each presented to all three entries, by what can be seen of them.
async fn seen(
    world: &World,
    held: &Held,
    serial: &twostep::id::SerialNumber,
    classes: &[(&'static str, [Code; 2])],
) -> BTreeMap<Seen, Vec<String>> {
    let count = Arc::new(Count::default());
    let verifier = world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&count) });
    verifier.ready().await.unwrap();
    let mut seen: BTreeMap<Seen, Vec<String>> = BTreeMap::new();
    for window in [Window::Owner, Window::Admin] {
        for (class, pair) in classes {
            for entry in ["resync", "session"] {
                let caller: Verifier =
                    verifier.on_behalf_of(CallerId::new(format!("{class} {entry}")));
                let before = (verifier.counts().compressions, compressions(), count.so_far());
                let refusal = match entry {
                    "resync" => refused(caller.resync(serial, both(pair), window).await),
                    _ => {
                        refused(caller.verify_pair(&held.account, serial, both(pair), window).await)
                    }
                };
                let after = (verifier.counts().compressions, compressions(), count.so_far());
                let [changes, writes, events] = [0, 1, 2].map(|at| after.2[at] - before.2[at]);
                let measured = (
                    format!("{window:?}: {refusal:?}"),
                    after.0 - before.0,
                    after.1 - before.1,
                    [changes, writes, events],
                );
                seen.entry(measured).or_default().push(format!("{class} {entry}"));
            }
        }
    }
    seen
}

#[tokio::test]
async fn a_refused_pair_tells_nothing_of_either_code() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(3_600);
    let step = held.step(world.now());
    let [right, next, later] = [step - 1, step, step + 1].map(|step| held.code_at_step(step));
    let wrong = held.wrong(world.now());
    let classes = [
        ("right, wrong", [right.clone(), wrong.clone()]),
        ("wrong, right", [wrong.clone(), next.clone()]),
        ("wrong, wrong", [wrong.clone(), wrong.clone()]),
        ("reversed", [next.clone(), right.clone()]),
        ("equal", [next.clone(), next]),
        ("t, t+2", [right, later]),
    ];
    let seen = seen(&world, &held, &held.serial, &classes).await;
    let windows: Vec<usize> = seen.values().map(Vec::len).collect();
    assert_eq!(
        windows,
        [12, 12],
        "one answer, one number of compressions and one of writes for each window: {seen:#?}"
    );
    assert!(
        seen.keys()
            .all(|(_, counted, real, store)| counted == real && *store == [1, 1, 1]),
        "{seen:#?}"
    );
    assert_eq!(world.device(&held).await.throttle.failures, 0);
}

#[tokio::test]
async fn a_refused_pair_of_a_counter_tells_nothing_either() {
    let world = World::new();
    let held = Held::new("alice");
    let serial = world
        .verifier
        .add(held.to_add_as_hotp(50), &Authority::Admin)
        .await
        .unwrap()
        .device
        .serial;
    let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(50));
    let pair = [token.press(), token.press()];
    world
        .verifier
        .activate(&serial, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    let [right, next, later] = [token.press(), token.press(), token.press()];
    let wrong = (0..)
        .map(|n| format!("{n:06}").parse().unwrap())
        .find(|code| ![&right, &next, &later].contains(&code))
        .unwrap();
    let classes = [
        ("right, wrong", [right.clone(), wrong.clone()]),
        ("wrong, right", [wrong.clone(), next.clone()]),
        ("wrong, wrong", [wrong.clone(), wrong.clone()]),
        ("reversed", [next.clone(), right.clone()]),
        ("equal", [next.clone(), next]),
        ("c, c+2", [right, later]),
    ];
    let seen = seen(&world, &held, &serial, &classes).await;
    let windows: Vec<usize> = seen.values().map(Vec::len).collect();
    assert_eq!(windows, [12, 12], "{seen:#?}");
    assert!(
        seen.keys()
            .all(|(_, counted, real, store)| counted == real && *store == [1, 1, 1]),
        "{seen:#?}"
    );
}

/// A wrong pair, a consumed one and one for a device that is elsewhere take the same work, in each
/// window.
#[tokio::test]
async fn a_refused_pair_costs_the_same_for_every_reason() {
    let world = World::new();
    let held = world.active("alice").await;
    let pending = world.added("alice", &Authority::Admin).await.unwrap();
    let bob = world.active("bob").await;
    let consumed = held.pair_at_step(held.step(world.now()) - 1);
    let wrong = [held.wrong(world.now()), held.code(world.now())];
    let (account, nobody) = (held.account.clone(), "nobody".parse().unwrap());
    let spent = world.verifier.on_behalf_of(CallerId::new("spent"));
    for _ in 0..5 {
        refused(spent.resync(&bob.serial, both(&wrong), Window::Owner).await);
    }
    for window in [Window::Owner, Window::Admin] {
        let mut costs: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (class, account, serial, pair) in [
            ("wrong", &account, &held.serial, &wrong),
            ("consumed", &account, &held.serial, &consumed),
            ("pending", &account, &pending.serial, &wrong),
            ("foreign", &account, &bob.serial, &wrong),
            ("no such account", &nobody, &held.serial, &wrong),
            ("no such device", &account, &test_support::world::nowhere(), &wrong),
            ("allowance spent", &bob.account, &bob.serial, &wrong),
        ] {
            let before = compressions();
            refused(spent.verify_pair(account, serial, both(pair), window).await);
            costs.entry(compressions() - before).or_default().push(class);
        }
        let before = compressions();
        drop(
            world
                .verifier
                .refuse_hidden(&account, Some(&held.serial), Some(window))
                .await
                .unwrap(),
        );
        costs.entry(compressions() - before).or_default().push("hidden");
        assert_eq!(costs.len(), 1, "{window:?}: compressions by class: {costs:?}");
    }
}
