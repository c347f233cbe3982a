//! Devices of no account: given to an account by their codes, and taken back with all that they
//! consumed.

use test_support::world::{Held, World, both, nowhere, refused};
use twostep::device::{Device, DeviceState, Refusal};
use twostep::id::AccountId;
use twostep::otp::{Counter, Hotp, Totp, Window};
use twostep::verifier::{Added, Authority, ClockFacts, Error, NewFactor, NewStock, Verified};

const ADMIN: &Authority = &Authority::Admin;

/// A token in stock, which anyone may hold.
async fn made(world: &World, serial: &str) -> Held {
    let added = add(world, serial).await.unwrap();
    let (device, seed) = (added.device, added.seed.unwrap());
    assert_eq!((device.state, &device.account), (DeviceState::Unassigned, &None));
    Held { serial: device.serial, seed, ..Held::new("nobody") }
}

async fn add(world: &World, serial: &str) -> Result<Added, Error> {
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let new = NewStock { serial: Some(serial.parse().unwrap()), name: None, factor };
    world.verifier.add_unassigned(new, ClockFacts::default()).await
}

/// Gives the token to the account by the codes on its display.
async fn claim(world: &World, held: &Held, account: &str) -> Result<Device, Error> {
    claim_by(world, held, account, &Authority::Admin).await
}

async fn claim_by(
    world: &World,
    held: &Held,
    account: &str,
    authority: &Authority,
) -> Result<Device, Error> {
    let (account, pair): (AccountId, _) = (account.parse().unwrap(), held.pair(world.now()));
    let verifier = &world.verifier;
    verifier
        .claim((&held.serial, &account), both(&pair), Window::Owner, authority)
        .await
}

async fn opens(world: &World, held: &Held, account: &str) -> Result<Verified, Error> {
    let code = held.code(world.now());
    world.verifier.verify_code(&account.parse().unwrap(), &held.serial, code).await
}

#[tokio::test]
async fn a_device_in_stock_is_claimed_by_its_codes_once() {
    let world = World::new();
    let (alices, _) = (world.active("alice").await, world.active("bob").await);
    let token = made(&world, "arn:aws:iam::100000000000:mfa/phone").await;
    let wrong = [token.wrong(world.now()), token.wrong(world.now())];
    let alice = &alices.account;
    let tried = world
        .verifier
        .claim((&token.serial, alice), both(&wrong), Window::Owner, ADMIN)
        .await;
    assert_eq!(refused(tried), Refusal::NoMatch);
    assert!(world.verifier.unassigned(&token.serial).await.is_ok(), "it is still in stock");
    assert!(world.account(alice).await.device(&token.serial).is_none());

    let claimed = claim(&world, &token, "alice").await.unwrap();
    assert_eq!((claimed.state, claimed.account), (DeviceState::Active, Some(alice.clone())));
    assert!(matches!(claim(&world, &token, "bob").await, Err(Error::NotFound("device"))));
    refused(opens(&world, &token, "alice").await);
    world.pass(30);
    refused(opens(&world, &token, "bob").await);
    assert!(opens(&world, &token, "alice").await.is_ok());
    assert_eq!(world.audited("device.assigned").await.len(), 1);
    assert!(matches!(add(&world, token.serial.as_str()).await, Err(Error::AlreadyExists(_))));
}

#[tokio::test]
async fn a_protected_account_claims_a_device_by_its_owner_alone() {
    let world = World::new();
    let _ = world.active("alice").await;
    let token = made(&world, "GAHT00009999").await;
    let by_service = claim_by(&world, &token, "alice", &Authority::Service).await;
    assert!(matches!(by_service, Err(Error::MfaRequired)));
    assert!(claim(&world, &token, "alice").await.is_ok());
}

/// An account comes into being with its first device, claimed or added, and comes back so.
#[tokio::test]
async fn an_account_begins_with_the_device_that_it_claims() {
    let world = World::new();
    let token = made(&world, "GAHT00009996").await;
    let wrong = [token.wrong(world.now()), token.wrong(world.now())];
    let carol: AccountId = "carol".parse().unwrap();
    let tried = world
        .verifier
        .claim((&token.serial, &carol), both(&wrong), Window::Owner, ADMIN)
        .await;
    assert_eq!(refused(tried), Refusal::NoMatch);
    assert!(world.verifier.store().account(&carol).await.unwrap().is_none());
    claim(&world, &token, "carol").await.unwrap();
    assert!(world.account(&carol).await.account.protected);
    world.pass(30);
    assert!(opens(&world, &token, "carol").await.is_ok());
    world.verifier.take_back(&token.serial, ADMIN).await.unwrap();
    world.verifier.remove_account(&carol).await.unwrap();
    world.pass(60);
    claim(&world, &token, "carol").await.unwrap();
    assert!(world.account(&carol).await.account.removed_at.is_none());
}

/// Hardware has a secret of its own, and counters as well as clocks are in stock.
#[tokio::test]
async fn a_counter_with_a_secret_is_put_in_stock_and_claimed() {
    let world = World::new();
    let held = Held::new("alice");
    let factor = NewFactor::Hotp {
        parameters: Hotp::default(),
        counter: Counter(7),
        seed: Some(held.seed.clone()),
    };
    let new = NewStock { serial: Some(held.serial.clone()), name: None, factor };
    let added = world.verifier.add_unassigned(new, ClockFacts::default()).await.unwrap();
    assert!(added.seed.is_none(), "a secret that was given is not shown");
    let spent = held.pair_at_step(7);
    let pair = held.pair_at_step(9);
    let claim = async |codes| {
        world
            .verifier
            .claim((&held.serial, &held.account), codes, Window::Owner, ADMIN)
            .await
    };
    refused(claim(both(&spent)).await);
    assert_eq!(claim(both(&pair)).await.unwrap().state, DeviceState::Active);
    let sheet = NewStock { serial: None, name: None, factor: NewFactor::Recovery };
    let sheet = world.verifier.add_unassigned(sheet, ClockFacts::default()).await;
    assert!(matches!(sheet, Err(Error::BadInput(_))));
}

#[tokio::test]
async fn wrong_pairs_spend_the_allowance_of_a_device_in_stock() {
    let world = World::new();
    let alices = world.active("alice").await;
    let token = made(&world, "GAHT00009998").await;
    let wrong = [token.wrong(world.now()), token.wrong(world.now())];
    let mut spent = false;
    for _ in 0..50 {
        let tried = world
            .verifier
            .claim((&token.serial, &alices.account), both(&wrong), Window::Owner, ADMIN)
            .await;
        spent |= matches!(refused(tried), Refusal::PairsSpent { .. });
    }
    assert!(spent, "no caller tries pairs without an end");
    let right = claim(&world, &token, "alice").await;
    assert!(matches!(refused(right), Refusal::PairsSpent { .. }));
}

#[tokio::test]
async fn a_device_that_is_taken_back_keeps_what_it_consumed() {
    let world = World::new();
    let held = world.active("alice").await;
    let other = world.active("bob").await;
    let (spent, shown) = (held.pair(world.now()), world.now());
    assert!(opens(&world, &held, "alice").await.is_ok());
    let before = world.totp(&held).await;
    let taken = world.verifier.take_back(&held.serial, ADMIN).await.unwrap();
    assert_eq!((taken.state, &taken.account, &taken.name), (DeviceState::Unassigned, &None, &None));
    assert_eq!(world.verifier.unassigned(&held.serial).await.unwrap(), taken);
    assert!(world.account(&held.account).await.device(&held.serial).is_none());
    world.pass(1);
    refused(opens(&world, &held, "alice").await);

    // The new owner cannot use a code that the last one spent.
    let bob = &other.account;
    let again = world
        .verifier
        .claim((&held.serial, bob), both(&spent), Window::Owner, ADMIN)
        .await;
    refused(again);
    world.pass(60);
    let claimed = claim(&world, &held, "bob").await.unwrap();
    assert_eq!(claimed.account.as_ref(), Some(bob));
    let twostep::device::Factor::Totp(now) = &claimed.factor else { panic!("{claimed:?}") };
    assert!(now.watermark > before.watermark, "{shown:?}");
    assert_eq!(world.audited("device.deactivated").await.len(), 1);
}

/// A pending device is dropped without a trace when others come: one that was used must not be.
#[tokio::test]
async fn a_used_device_that_is_assigned_again_is_disabled() {
    let world = World::new();
    let held = world.active("alice").await;
    world.verifier.take_back(&held.serial, ADMIN).await.unwrap();
    let bob: AccountId = "bob".parse().unwrap();
    let assigned = world.verifier.assign(&held.serial, &bob).await.unwrap();
    assert_eq!(assigned.state, DeviceState::Disabled);
    let fresh = made(&world, "GAHT00009997").await;
    let assigned = world.verifier.assign(&fresh.serial, &bob).await.unwrap();
    assert_eq!(assigned.state, DeviceState::Pending);
}

#[tokio::test]
async fn a_device_is_taken_back_on_its_owners_word_alone() {
    let world = World::new();
    let held = world.active("alice").await;
    let by_service = world.verifier.take_back(&held.serial, &Authority::Service).await;
    assert!(matches!(by_service, Err(Error::MfaRequired)));
    let missing = world.verifier.take_back(&nowhere(), ADMIN).await;
    assert!(matches!(missing, Err(Error::NotFound("device"))));
    assert_eq!(world.device(&held).await.state, DeviceState::Active);
}
