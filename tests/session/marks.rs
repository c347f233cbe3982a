//! Marks keep to the clock: after any revocations, also by a clock that is moved, a right code
//! opens a session that lives, and revoked contexts are dead.

use std::sync::Arc;
use std::time::Duration;

use test_support::world::World;
use twostep::session::{
    Introspector, Issuer, JwkSet, RevocationFeed, RevocationList, SignedContext, Validator,
};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Verifier};

use super::alive;
use super::feed::Dice;
use super::revocation::{Node, Presser};

struct Town {
    world: World,
    node: Node,
    feed: RevocationFeed,
}

impl Town {
    fn new() -> Town {
        let world = World::new();
        let (verifier, issuer) =
            (world.verifier.clone(), Issuer::new(world.verifier.clone(), "twostep"));
        let introspector = Introspector::new(issuer.clone(), verifier.clone());
        let feed =
            RevocationFeed::new(issuer.clone(), verifier.clone()).looking_after(Duration::ZERO);
        Town { world, node: Node { verifier, issuer, introspector }, feed }
    }

    /// Asks the issuer's side and a validator that follows it, by the same clock.
    async fn lives(&self, signed: &SignedContext) -> [bool; 2] {
        let keys = self.node.issuer.jwks().await.unwrap();
        [
            alive(&self.node.introspector, signed).await,
            self.follower(keys).await.validate_any(signed).is_ok(),
        ]
    }

    async fn follower(&self, keys: JwkSet) -> Validator {
        let list = self.feed.current().await.unwrap();
        let list = RevocationList::verify(&list.text, &keys, "twostep", self.world.now()).unwrap();
        Validator::new(keys, "twostep", "twostep")
            .with_clock(Arc::new(self.world.clock.clone()))
            .with_revocations(Arc::new(Arc::new(list)))
    }

    /// No mark is further ahead of the clock than this.
    async fn marks_keep_to_the_clock(&self, person: &Presser, seconds: u64, what: &str) {
        let seen = self.world.account(&person.account).await;
        let latest = UnixTime(self.world.now().0 + seconds);
        let devices = seen.devices.iter().map(|enrolled| enrolled.device.revoked_before);
        for mark in devices.chain([seen.account.revoked_before]).flatten() {
            assert!(mark <= latest, "{what}: {mark} at {}", self.world.now());
        }
    }
}

#[tokio::test]
async fn seven_hundred_revocations_in_a_second_leave_the_next_session_alive() {
    let (town, verifiers) = (Town::new(), 3);
    let mut alice = Presser::new(&town.node.verifier, "alice").await;
    // Other processes on the same store, in turns.
    let others: Vec<Verifier> =
        (0..verifiers).map(|_| town.world.verifier_on(town.world.store())).collect();
    for round in 0..700 {
        let verifier = &others[round % verifiers];
        let serial = (round % 7 != 0).then_some(&alice.serial);
        verifier.revoke_sessions(&alice.account, None, serial).await.unwrap();
    }
    town.marks_keep_to_the_clock(&alice, 1, "700 revocations").await;
    let (signed, context) = alice.open(&town.node).await;
    assert_eq!(town.lives(&signed).await, [true; 2], "{context:?}");
    // In the same second, with a session opened before each.
    let mut before = vec![signed];
    for round in 0..40 {
        town.node
            .verifier
            .revoke_sessions(&alice.account, None, Some(&alice.serial))
            .await
            .unwrap();
        for signed in &before {
            assert_eq!(town.lives(signed).await, [false; 2], "round {round}");
        }
        let (signed, context) = alice.open(&town.node).await;
        assert_eq!(town.lives(&signed).await, [true; 2], "round {round}: {context:?}");
        before = vec![signed];
    }
}

/// `TWOSTEP_MARKS` says how many histories there are (40).
#[tokio::test]
async fn a_right_code_opens_a_living_session_after_any_revocation() {
    let histories = std::env::var("TWOSTEP_MARKS").map_or(40, |number| number.parse().unwrap());
    for history in 0..histories {
        let (town, mut dice) = (Town::new(), Dice(history));
        let mut alice = Presser::new(&town.node.verifier, "alice").await;
        let mut past = Vec::new();
        let mut story = Vec::new();
        for _ in 0..25 {
            let (what, ends) = happens(&town, &mut alice, &mut dice).await;
            story.push(what);
            if ends {
                for signed in &past {
                    assert_eq!(town.lives(signed).await, [false; 2], "{history}: {story:?}");
                }
                past.clear();
            }
            let (signed, context) = alice.open(&town.node).await;
            assert_eq!(
                town.lives(&signed).await,
                [true; 2],
                "{history}: {story:?} {context:?} at {}",
                town.world.now()
            );
            past.push(signed);
            // A clock that was set back leaves marks that new contexts can still be dated above.
            town.marks_keep_to_the_clock(&alice, 5, &format!("{history}: {story:?}")).await;
        }
    }
}

/// One thing that happens, and whether it ends all contexts.
async fn happens(town: &Town, alice: &mut Presser, dice: &mut Dice) -> (&'static str, bool) {
    let (world, verifier) = (&town.world, &town.node.verifier);
    let (account, serial) = (alice.account.clone(), alice.serial.clone());
    match dice.below(12) {
        0 | 1 => {
            verifier.revoke_sessions(&account, None, None).await.unwrap();
            ("account", true)
        }
        2 | 3 => {
            verifier.revoke_sessions(&account, None, Some(&serial)).await.unwrap();
            ("device", true)
        }
        4 => {
            verifier.revoke_sessions(&account, Some(world.now()), None).await.unwrap();
            ("up to now", false)
        }
        5 => {
            let now = Some(world.now());
            verifier.revoke_sessions(&account, now, Some(&serial)).await.unwrap();
            ("device up to now", false)
        }
        6 => {
            verifier.deactivate(&serial, &Authority::Admin).await.unwrap();
            alice.activate(verifier).await;
            ("put away and back", true)
        }
        7 => {
            verifier.remove_account(&account).await.unwrap();
            *alice = Presser::new(verifier, account.as_str()).await;
            ("account removed and made again", true)
        }
        8 => {
            world.clock.jump(-i64::try_from(dice.below(8_000)).unwrap());
            verifier.accept_clock().await.unwrap();
            ("clock set back", false)
        }
        9 => {
            world.clock.jump(-i64::try_from(dice.below(60)).unwrap());
            if verifier.clock_fault().is_some() {
                verifier.accept_clock().await.unwrap();
            }
            ("clock a little back", false)
        }
        _ => {
            world.pass(dice.below(3));
            ("time", false)
        }
    }
}
