//! The list of revocations is bounded by account: an account that fills it ends its own contexts,
//! and no other's.

use std::sync::Arc;
use std::time::Duration;

use test_support::world::World;
use twostep::id::AccountId;
use twostep::session::{Issuer, RevocationFeed, RevocationList, SignedContext, Validator};
use twostep::verifier::Authority;

use super::Desk;
use super::revocation::{Node, Presser};

struct Town {
    desk: Desk,
    feed: RevocationFeed,
}

impl Town {
    async fn holding(most: u32) -> Town {
        let desk = Desk::new().await;
        let feed = RevocationFeed::new(desk.issuer.clone(), desk.world.verifier.clone())
            .looking_after(Duration::ZERO)
            .holding(most);
        Town { desk, feed }
    }

    fn world(&self) -> &World {
        &self.desk.world
    }

    fn issuer(&self) -> &Issuer {
        &self.desk.issuer
    }

    /// A validator that follows, and the size of its list.
    async fn follower(&self) -> (Validator, usize) {
        let (keys, list) =
            (self.issuer().jwks().await.unwrap(), self.feed.current().await.unwrap());
        let read =
            RevocationList::verify(&list.text, &keys, "twostep", self.world().now()).unwrap();
        let validator = Validator::new(keys, "twostep", "twostep")
            .with_clock(Arc::new(self.world().clock.clone()))
            .with_revocations(Arc::new(Arc::new(read)));
        (validator, list.text.len())
    }

    async fn open(&self, account: &AccountId) -> (SignedContext, String) {
        let (signed, context) = self.issuer().issue_without_mfa(account, "twostep").await.unwrap();
        (signed, context.common().session_id.clone())
    }

    /// Opens a context and revokes it by its id.
    async fn revoke_one(&self, account: &AccountId) -> SignedContext {
        let (signed, id) = self.open(account).await;
        let expires_at = self.world().now().plus(Duration::from_secs(3_600));
        self.world().verifier.revoke_session(account, &id, expires_at).await.unwrap();
        signed
    }

    /// Asks introspection and a validator that follows.
    async fn lives(&self, signed: &SignedContext) -> [bool; 2] {
        let here = super::alive(&self.desk.introspector(), signed).await;
        [here, self.follower().await.0.validate_any(signed).is_ok()]
    }
}

#[tokio::test]
async fn revocations_of_ones_own_contexts_end_no_other_accounts() {
    let town = Town::holding(160).await;
    let bob: AccountId = "bob".parse().unwrap();
    let (bystander, _) = town.open(&bob).await;
    let (owners, _) = town.desk.open("twostep").await;
    // An account with a device, and one that was never seen.
    for account in [town.desk.alice.account.clone(), "never seen".parse().unwrap()] {
        let mut dead = Vec::new();
        for _ in 0..260 {
            dead.push(town.revoke_one(&account).await);
        }
        let (_, size) = town.follower().await;
        assert!(size < 16_000, "{size} bytes");
        for signed in &dead {
            assert_eq!(town.lives(signed).await, [false; 2], "{account}");
        }
        assert_eq!(town.lives(&bystander).await, [true; 2], "{account}");
        town.world().pass(2);
        let (next, _) = town.open(&account).await;
        assert_eq!(town.lives(&next).await, [true; 2], "{account}");
    }
    assert_eq!(town.lives(&owners).await, [false; 2], "the account's own are folded");
    let (after, _) = town.desk.open("twostep").await;
    assert_eq!(town.lives(&after).await, [true; 2]);
}

#[tokio::test]
async fn devices_that_come_and_go_end_no_other_accounts_contexts() {
    let town = Town::holding(160).await;
    let (bystander, _) = town.open(&"bob".parse().unwrap()).await;
    let verifier = &town.world().verifier;
    for _ in 0..130 {
        let presser = Presser::new(verifier, "mallory").await;
        verifier.remove(&presser.serial, &Authority::Admin).await.unwrap();
    }
    let (_, size) = town.follower().await;
    assert!(size < 20_000, "{size} bytes");
    assert_eq!(town.lives(&bystander).await, [true; 2]);
}

#[tokio::test]
async fn many_accounts_fold_into_their_own_marks() {
    // Room for fifty single contexts and a hundred accounts.
    let town = Town::holding(100).await;
    let (bystander, _) = town.open(&"bob".parse().unwrap()).await;
    let mut dead = Vec::new();
    for number in 0..90 {
        dead.push(town.revoke_one(&format!("person {number}").parse().unwrap()).await);
    }
    for signed in &dead {
        assert_eq!(town.lives(signed).await, [false; 2]);
    }
    assert_eq!(town.lives(&bystander).await, [true; 2]);
}

#[tokio::test]
async fn devices_that_do_not_fit_fold_into_their_accounts() {
    // Room for 25 devices.
    let town = Town::holding(100).await;
    let (bystander, _) = town.open(&"bob".parse().unwrap()).await;
    let (verifier, issuer) = (town.world().verifier.clone(), town.issuer().clone());
    let node = Node { verifier, issuer, introspector: town.desk.introspector() };
    let mut dead = Vec::new();
    for number in 0..40 {
        let mut person = Presser::new(&node.verifier, &format!("person {number}")).await;
        dead.push(person.open(&node).await.0);
        node.verifier.remove(&person.serial, &Authority::Admin).await.unwrap();
    }
    for signed in &dead {
        assert_eq!(town.lives(signed).await, [false; 2]);
    }
    assert_eq!(town.lives(&bystander).await, [true; 2]);
}

/// A context is dated a second later if its account was revoked in the same one.
#[tokio::test]
async fn a_context_of_the_next_second_is_folded_too() {
    // Room for fifty single contexts.
    let town = Town::holding(100).await;
    let mut dead = Vec::new();
    for number in 0..70 {
        let account = format!("person {number}").parse().unwrap();
        town.world().verifier.revoke_sessions(&account, None, None).await.unwrap();
        dead.push(town.revoke_one(&account).await);
    }
    for signed in &dead {
        assert_eq!(town.lives(signed).await, [false; 2]);
    }
}
