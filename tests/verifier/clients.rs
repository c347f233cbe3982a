//! Clients: strangers who have the first factor cost a known client nothing, and no client gets
//! more guesses than its budget.

use std::time::Duration;

use test_support::keyring::{account, enrolled, keys_of, used};
use test_support::world::{Held, NOW, World, both, nowhere, refused};
use tokio::task::JoinSet;
use twostep::device::{DeviceState, KnownClients, Refusal};
use twostep::id::{CallerId, ClientId};
use twostep::otp::{Code, Window, compressions};
use twostep::verifier::{Error, Passcode, Verifier};

/// One service, through which the owner and the attacker come.
fn service(world: &World) -> Verifier {
    world.verifier.on_behalf_of(CallerId::new("key:shop"))
}

fn client(name: impl std::fmt::Display) -> ClientId {
    format!("browser-{name}").parse().unwrap()
}

fn browser(world: &World, name: impl std::fmt::Display) -> Verifier {
    service(world).with_client(client(name))
}

/// The owner's browser, which is known from a first sign-in.
async fn known(world: &World, held: &Held, name: &str) -> Verifier {
    let browser = browser(world, name);
    sign_in(&browser, world, held).await.unwrap();
    world.pass(30);
    browser
}

async fn sign_in(browser: &Verifier, world: &World, held: &Held) -> Result<(), Error> {
    let code = held.code(world.now());
    browser.verify_code(&held.account, &held.serial, code).await.map(drop)
}

async fn guess(browser: &Verifier, world: &World, held: &Held) -> Refusal {
    let wrong = held.wrong(world.now());
    refused(browser.verify_code(&held.account, &held.serial, wrong).await)
}

/// Ways in which an attacker with the first factor keeps an owner out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    Codes,
    CodesOfMadeUpClients,
    ForeignSerials,
    Pairs,
    PairsOfMadeUpClients,
    Replays,
    SpareCodes,
    /// The owner's client at another service, which is another client.
    OwnersClientElsewhere,
}

const STRATEGIES: [Strategy; 8] = [
    Strategy::Codes,
    Strategy::CodesOfMadeUpClients,
    Strategy::ForeignSerials,
    Strategy::Pairs,
    Strategy::PairsOfMadeUpClients,
    Strategy::Replays,
    Strategy::SpareCodes,
    Strategy::OwnersClientElsewhere,
];

impl Strategy {
    /// Attempts an hour: one more than are judged.
    fn attempts(self) -> u64 {
        if matches!(self, Strategy::Pairs | Strategy::PairsOfMadeUpClients) { 6 } else { 2 }
    }
}

/// Makes one attempt. Returns true if a guess was judged.
async fn attack(
    world: &World,
    held: &Held,
    strategy: Strategy,
    last: Option<&Code>,
    n: u64,
) -> bool {
    let shop = service(world);
    let (account, serial, wrong) = (&held.account, &held.serial, held.wrong(world.now()));
    let pair = [wrong.clone(), wrong.clone()];
    let attempt = match strategy {
        Strategy::Codes => shop.verify_code(account, serial, wrong).await,
        Strategy::CodesOfMadeUpClients => {
            browser(world, n).verify_code(account, serial, wrong).await
        }
        Strategy::ForeignSerials => browser(world, n).verify_code(account, &nowhere(), wrong).await,
        Strategy::Pairs => shop.verify_pair(account, serial, both(&pair), Window::Owner).await,
        Strategy::PairsOfMadeUpClients => {
            browser(world, n).verify_pair(account, serial, both(&pair), Window::Owner).await
        }
        Strategy::Replays => {
            let replayed = last.cloned().unwrap_or(wrong);
            browser(world, n).verify_code(account, serial, replayed).await
        }
        Strategy::SpareCodes => {
            let text = ["0000-0000-0000-0000", "0000-0000-0000-0000-0000"]
                [usize::from(n.is_multiple_of(2))];
            let code: Passcode = text.parse().unwrap();
            browser(world, n).verify_code(account, None, code).await
        }
        Strategy::OwnersClientElsewhere => {
            let elsewhere = world.verifier.on_behalf_of(CallerId::new("key:elsewhere"));
            elsewhere.with_client(client("owner")).verify_code(account, serial, wrong).await
        }
    };
    refused(attempt) == Refusal::NoMatch
}

/// Thirty days: the owners sign in every four hours with a code and once a day with a pair, the
/// attackers try every hour and right before each sign-in. `TWOSTEP_CLIENT_DAYS` takes more.
#[tokio::test]
async fn an_attacker_costs_a_known_client_nothing_for_thirty_days() {
    let days = std::env::var("TWOSTEP_CLIENT_DAYS").map_or(30, |days| days.parse().unwrap());
    let world = World::new();
    let mut owners = Vec::new();
    for strategy in STRATEGIES {
        let held = world.active(&format!("{strategy:?}")).await;
        let browser = known(&world, &held, "owner").await;
        owners.push((strategy, held, browser, None::<Code>, 0u32));
    }
    world.pass(60);
    for tick in 0..days * 24u64 {
        for (strategy, held, browser, last, judged) in &mut owners {
            for attempt in 0..strategy.attempts() {
                let number = tick * 6 + attempt;
                let judged_now = attack(&world, held, *strategy, last.as_ref(), number).await;
                *judged += u32::from(judged_now);
            }
            let told = |signed: Result<_, Error>| {
                signed.unwrap_or_else(|error| panic!("{strategy:?}, tick {tick}: {error:?}"));
            };
            if tick % 24 == 23 {
                let pair = held.pair(world.now());
                let by_pair =
                    browser.verify_pair(&held.account, &held.serial, both(&pair), Window::Owner);
                told(by_pair.await.map(drop));
            } else if tick % 4 == 0 {
                told(sign_in(browser, &world, held).await);
                *last = Some(held.code(world.now()));
            }
        }
        world.pass(3_600);
    }
    for (strategy, held, _, _, judged) in owners {
        // The owner's pair of each day ends a lock, and twenty guesses more are judged.
        let most = match strategy {
            Strategy::Pairs | Strategy::PairsOfMadeUpClients => days * 24 * 5,
            Strategy::SpareCodes | Strategy::Replays => u64::MAX,
            _ => 20 * (days + 1),
        };
        assert!(u64::from(judged) <= most, "{strategy:?}: {judged}");
        let clients = world.account(&held.account).await.account.clients;
        assert!(serde_json::to_vec(&clients).unwrap().len() < 200, "strangers leave no trace");
    }
}

/// Codes of a known client pass a lock, and do not give strangers more guesses.
#[tokio::test]
async fn a_lock_by_strangers_stays_theirs() {
    let world = World::new();
    let held = world.active("alice").await;
    let owner = known(&world, &held, "owner").await;
    let stranger = service(&world);
    let mut judged = 0;
    for n in 0..60 {
        judged += u32::from(guess(&stranger, &world, &held).await == Refusal::NoMatch);
        judged += u32::from(guess(&browser(&world, n), &world, &held).await == Refusal::NoMatch);
        sign_in(&owner, &world, &held).await.unwrap();
        world.pass(3_600);
    }
    assert_eq!(judged, 20, "whatever the owner does");
    assert_eq!(world.device(&held).await.state, DeviceState::Locked);
    assert_eq!(guess(&stranger, &world, &held).await, Refusal::Locked);
    // Without a serial number too: the only device is meant.
    let code = held.code(world.now());
    let _verified = owner.verify_code(&held.account, None, code).await.unwrap();
    // The owner's pair ends the lock for all.
    world.pass(60);
    let pair = held.pair(world.now());
    owner.resync(&held.serial, both(&pair), Window::Owner).await.unwrap();
    assert_eq!(world.device(&held).await.state, DeviceState::Active);
    world.pass(60);
    sign_in(&stranger, &world, &held).await.unwrap();
}

/// A stolen client guesses ten times, and then as a stranger does.
#[tokio::test]
async fn a_stolen_client_has_ten_guesses_and_a_strangers() {
    let world = World::new();
    let held = world.active("alice").await;
    let stolen = known(&world, &held, "owner").await;
    let mut judged = 0;
    for _ in 0..400 {
        judged += u32::from(guess(&stolen, &world, &held).await == Refusal::NoMatch);
        world.pass(900);
    }
    assert_eq!((judged, world.device(&held).await.state), (10 + 20, DeviceState::Locked));

    // With its owner beside it, who signs in again and again: ten a day.
    let held = world.active("bob").await;
    let stolen = known(&world, &held, "owner").await;
    let (mut judged, began) = (0, world.now());
    for tick in 0..10 * 96 {
        judged += u64::from(guess(&stolen, &world, &held).await == Refusal::NoMatch);
        if tick % 8 == 7 {
            world.pass(3_600);
            let _ = sign_in(&stolen, &world, &held).await;
        }
        world.pass(900);
    }
    let days = world.now().since(began).as_secs() / 86_400 + 1;
    assert!((days * 5..=days * 11).contains(&judged), "{judged} in {days} days");
}

#[tokio::test]
async fn made_up_clients_get_no_more_pairs_than_their_caller() {
    let world = World::new();
    let held = world.active("alice").await;
    let owner = known(&world, &held, "owner").await;
    let wrong = [held.wrong(world.now()), held.code(world.now())];
    let pair = async |browser: &Verifier| {
        refused(browser.resync(&held.serial, both(&wrong), Window::Owner).await)
    };
    for n in 0..5 {
        assert_eq!(pair(&browser(&world, n)).await, Refusal::NoMatch);
    }
    for stranger in [browser(&world, 5), service(&world)] {
        assert!(matches!(pair(&stranger).await, Refusal::PairsSpent { .. }));
    }
    for _ in 0..5 {
        assert_eq!(pair(&owner).await, Refusal::NoMatch);
    }
    assert!(matches!(pair(&owner).await, Refusal::PairsSpent { .. }), "a known one has five");
    world.pass(3_600);
    let right = held.pair(world.now());
    owner.resync(&held.serial, both(&right), Window::Owner).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_guesses_of_a_known_client_three_are_judged() {
    let world = World::new();
    let held = world.active("alice").await;
    known(&world, &held, "owner").await;
    let verifiers = [world.verifier_on(world.store()), world.verifier_on(world.store())];
    let before = world.audited("code.refused").await.len();
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let shop = verifiers[number % 2].on_behalf_of(CallerId::new("key:shop"));
        let (shop, held) = (shop.with_client(client("owner")), held.clone());
        let wrong = held.wrong(world.now());
        guesses.spawn(async move {
            shop.verify_code(&held.account, &held.serial, wrong).await.map(drop)
        });
    }
    guesses.join_all().await;
    assert_eq!(world.audited("code.refused").await.len() - before, 3);
    assert_eq!(world.device(&held).await.throttle.failures, 0, "none of them is the device's");
}

#[tokio::test]
async fn any_success_makes_a_client_known_and_the_oldest_gives_way() {
    let world = World::new();
    let held = world.active("alice").await;
    let keys = keys_of(&service(&world));
    let (mut key, _) = enrolled(&keys, "alice").await;
    let lock = async || {
        for _ in 0..20 {
            guess(&service(&world), &world, &held).await;
            world.pass(3_600);
        }
    };
    world.pass(60);
    let pair = held.pair(world.now());
    let by_pair = browser(&world, "pair");
    let by_pair = by_pair.verify_pair(&held.account, &held.serial, both(&pair), Window::Owner);
    let _verified = by_pair.await.unwrap();
    let alice = account("alice");
    let begun = keys.begin_authentication(&alice).await.unwrap();
    let answer = used(&mut key, &begun);
    let of_key = keys.with_client(client("key"));
    let _verified = of_key.finish_authentication(&alice, &begun.id, answer).await.unwrap();
    let bypass = world.verifier.bypass(&alice, Duration::from_secs(3_600)).await.unwrap();
    let code: Passcode = bypass.code.to_text().parse().unwrap();
    let _verified = browser(&world, "bypass").verify_code(&alice, None, code).await.unwrap();
    lock().await;
    for name in ["pair", "key", "bypass"] {
        sign_in(&browser(&world, name), &world, &held).await.unwrap();
        world.pass(3_600);
    }
    let refusal = sign_in(&browser(&world, "other"), &world, &held).await;
    assert_eq!(refused(refusal), Refusal::Locked);

    // Eight stay: those with the newest successes.
    world.verifier.unlock(&held.serial).await.unwrap();
    for name in 0..KnownClients::MOST {
        sign_in(&browser(&world, name), &world, &held).await.unwrap();
        world.pass(60);
    }
    lock().await;
    for name in ["pair", "key", "bypass"] {
        let refusal = sign_in(&browser(&world, name), &world, &held).await;
        assert_eq!(refused(refusal), Refusal::Locked, "{name}");
    }
    for name in 0..KnownClients::MOST {
        sign_in(&browser(&world, name), &world, &held).await.unwrap();
        world.pass(60);
    }
}

#[tokio::test]
async fn a_client_is_stored_as_a_keyed_digest() {
    let world = World::new();
    let (alice, bob) = (world.active("alice").await, world.active("bob").await);
    let mut stored = Vec::new();
    for held in [&alice, &bob] {
        known(&world, held, "owner").await;
        let seen = world.account(&held.account).await.account;
        stored.push(serde_json::to_string(&seen.clients).unwrap());
    }
    let elsewhere = world.verifier.on_behalf_of(CallerId::new("key:elsewhere"));
    sign_in(&elsewhere.with_client(client("owner")), &world, &alice).await.unwrap();
    let seen = world.account(&alice.account).await.account;
    let both = serde_json::to_string(&seen.clients).unwrap();
    assert!(both.len() > stored[0].len() * 3 / 2, "another service has another client");
    for text in stored.iter().chain([&both]) {
        assert!(!text.contains("owner") && !text.contains("browser"), "{text}");
    }
    let tag = |text: &str| text.split('"').nth(3).unwrap().to_owned();
    assert_ne!(tag(&stored[0]), tag(&stored[1]), "and another account");
}

#[tokio::test]
async fn refusals_of_a_known_client_cost_as_much_as_a_strangers() {
    let world = World::new();
    let held = world.active("alice").await;
    let owner = known(&world, &held, "owner").await;
    let cost = async |browser: &Verifier| {
        let before = compressions();
        guess(browser, &world, &held).await;
        compressions() - before
    };
    let stranger = browser(&world, "stranger");
    let mut costs = Vec::new();
    for _ in 0..25 {
        costs.extend([cost(&owner).await, cost(&stranger).await]);
        world.pass(1_800);
    }
    assert!(costs.iter().all(|each| *each == costs[0]), "waiting and locked too: {costs:?}");
}

/// The owner's fresh context changes devices, although strangers have locked the one it was made
/// with before.
#[tokio::test]
async fn codes_of_a_known_client_are_single_use_behind_a_lock() {
    let world = World::new();
    let held = world.active("alice").await;
    let owner = known(&world, &held, "owner").await;
    for _ in 0..20 {
        guess(&service(&world), &world, &held).await;
        world.pass(3_600);
    }
    let code = held.code(world.now());
    let verified = owner.verify_code(&held.account, &held.serial, code.clone()).await.unwrap();
    assert!(verified.at() > NOW);
    let again = owner.verify_code(&held.account, &held.serial, code).await;
    assert_eq!(refused(again).name(), "replayed", "single use holds");
}
