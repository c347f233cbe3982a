//! Contexts from their issue to their end: what they say, who may read them, and what makes them
//! invalid.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod age;
mod bounds;
mod contexts;
mod feed;
mod interop;
mod jwks;
mod keys;
mod marks;
mod offline;
mod revocation;
mod same_second;
mod strict;
mod unwatched;
mod wycheproof;

use test_support::world::{Held, World};
use twostep::session::{Introspector, Issuer, SessionContext, SignedContext};
use twostep::verifier::Verifier;

/// A world with an issuer in it, and an account that can sign in.
struct Desk {
    world: World,
    issuer: Issuer,
    alice: Held,
}

impl Desk {
    async fn new() -> Desk {
        let world = World::new();
        let alice = world.active("alice").await;
        let issuer = Issuer::new(world.verifier.clone(), "twostep");
        Desk { world, issuer, alice }
    }

    /// A context for `audience`, opened with the code on display. The next code comes up.
    async fn open(&self, audience: &str) -> (SignedContext, SessionContext) {
        let verified = self
            .world
            .verifier
            .verify_code(&self.alice.account, &self.alice.serial, self.alice.code(self.world.now()))
            .await;
        let opened = self.issuer.issue_and_read(verified.unwrap(), audience).await.unwrap();
        self.world.pass(30);
        opened
    }

    fn introspector(&self) -> Introspector {
        Introspector::new(self.issuer.clone(), self.world.verifier.clone())
    }

    /// Another verifier and another issuer on the same file.
    fn elsewhere(&self) -> (Verifier, Issuer) {
        let verifier = self.world.verifier_on(self.world.store());
        (verifier.clone(), Issuer::new(verifier, "twostep"))
    }
}

/// The other process of a test of revocation; of itself it does nothing.
#[test]
fn another_process() {
    revocation::other_process();
}

/// Asks the issuer's side if the context is alive.
async fn alive(introspector: &Introspector, signed: &SignedContext) -> bool {
    introspector.introspect(signed, "twostep").await.unwrap().is_some()
}
