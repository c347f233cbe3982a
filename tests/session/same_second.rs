//! One second is long: revocations of every kind in it, in every order, and contexts opened between
//! them.

use test_support::world::{Held, World, both};
use twostep::otp::{Counter, Hotp, Window};
use twostep::session::{Introspector, Issuer, SessionContext, SignedContext};
use twostep::testing::SimulatedToken;
use twostep::verifier::Authority;

use super::alive;

/// Ways to end contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Account,
    Device,
    UpToNow,
    PutAwayAndBack,
    RemovedAndAddedAgain,
}

impl End {
    const ALL: [End; 5] =
        [End::Account, End::Device, End::UpToNow, End::PutAwayAndBack, End::RemovedAndAddedAgain];
}

/// An account whose token shows any number of codes in a second.
struct Alice {
    world: World,
    held: Held,
    token: SimulatedToken,
}

impl Alice {
    async fn new() -> Alice {
        let (world, held) = (World::new(), Held::new("alice"));
        let token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(0));
        world.verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
        let mut alice = Alice { world, held, token };
        alice.activate().await;
        alice
    }

    async fn activate(&mut self) {
        let pair = [self.token.press(), self.token.press()];
        self.world
            .verifier
            .activate(&self.held.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
            .unwrap();
    }

    async fn open(&mut self, issuer: &Issuer) -> (SignedContext, SessionContext) {
        let verified = self
            .world
            .verifier
            .verify_code(&self.held.account, &self.held.serial, self.token.press())
            .await
            .unwrap();
        issuer.issue_and_read(verified, "twostep").await.unwrap()
    }

    async fn end(&mut self, end: End) {
        let verifier = self.world.verifier.clone();
        let (account, serial) = (self.held.account.clone(), self.held.serial.clone());
        match end {
            End::Account => {
                verifier.revoke_sessions(&account, None, None).await.unwrap();
            }
            End::Device => {
                verifier.revoke_sessions(&account, None, Some(&serial)).await.unwrap();
            }
            End::UpToNow => {
                verifier.revoke_sessions(&account, Some(self.world.now()), None).await.unwrap();
            }
            End::PutAwayAndBack => {
                verifier.deactivate(&serial, &Authority::Admin).await.unwrap();
                self.activate().await;
            }
            End::RemovedAndAddedAgain => {
                verifier.remove(&serial, &Authority::Admin).await.unwrap();
                verifier.add(self.held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
                self.activate().await;
            }
        }
    }
}

#[tokio::test]
async fn all_ways_to_end_contexts_keep_their_order_within_a_second() {
    for number in 0..5_usize.pow(4) {
        let ends: Vec<End> =
            (0..4).map(|place| End::ALL[number / 5_usize.pow(place) % 5]).collect();
        let mut alice = Alice::new().await;
        let issuer = Issuer::new(alice.world.verifier.clone(), "twostep");
        let introspector = Introspector::new(issuer.clone(), alice.world.verifier.clone());
        let mut before = vec![alice.open(&issuer).await];
        for (at, end) in ends.iter().enumerate() {
            alice.end(*end).await;
            for (signed, context) in &before {
                // By time means by the date: what a mark of the same second made to be dated after
                // it lives on.
                let dated_later =
                    *end == End::UpToNow && context.common().issued_at > alice.world.now();
                assert!(
                    dated_later || !alive(&introspector, signed).await,
                    "{ends:?}, after {at}: {context:?}"
                );
            }
            before.push(alice.open(&issuer).await);
            let (last, context) = before.last().unwrap();
            assert!(alive(&introspector, last).await, "{ends:?}, after {at}: {context:?}");
        }
    }
}
