//! The table of forged and damaged contexts, through every extractor and layer.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use test_support::forge::Forge;
use test_support::negatives::{Negative, negatives};
use test_support::world::World;
use twostep::guard::MfaGuard;
use twostep::policy::Policy;
use twostep::session::{Issuer, SigningAlgorithm};

use super::desk::{ask, bearing, service};
use super::refusals::refused;

#[tokio::test]
async fn forged_and_damaged_contexts_are_refused_everywhere() {
    for algorithm in SigningAlgorithm::ALL {
        let world = World::new();
        let alice = world.active("alice").await;
        let issuer = Issuer::new(world.verifier.clone(), "twostep");
        issuer.rotate_keys(algorithm).await.unwrap();
        let verified = world
            .verifier
            .verify_code(&alice.account, &alice.serial, alice.code(world.now()))
            .await
            .unwrap();
        let signed = issuer.issue(verified, "twostep").await.unwrap();
        let forge = Forge::of(&issuer, &world.verifier).await;
        let validator = issuer
            .validator("twostep")
            .await
            .unwrap()
            .with_clock(Arc::new(world.clock.clone()));
        let guard = MfaGuard::new(validator, Policy::max_age(Duration::from_secs(900)))
            .with_cookie("__Host-mfa".parse().unwrap());
        let service = service(&guard);

        let (mut tried, mut unsendable) = (0, 0);
        let now = world.now().0;
        for Negative { what, signed: forged, .. } in negatives(&forge, &signed, now..=now) {
            let text = forged.as_str();
            // Spaces around a token are not part of it, and some bytes no header can carry.
            if text.trim_ascii() != text || HeaderValue::from_str(text).is_err() {
                unsendable += 1;
                continue;
            }
            for path in ["/present", "/paying", "/optional", "/any", "/layer", "/layer/open"] {
                let answer = bearing(&service, path, text).await;
                assert_eq!(answer.status.as_u16(), 401, "{what} {path}");
                refused(&answer, 401, "Unauthorized");
            }
            let answer =
                ask(&service, "/present", &[("cookie", format!("__Host-mfa={text}").as_bytes())])
                    .await;
            assert!([400, 401].contains(&answer.status.as_u16()), "{what} in a cookie");
            tried += 1;
        }
        assert!(tried > 400 && unsendable < 10, "{tried} {unsendable}");
        assert_eq!(
            bearing(&service, "/present", signed.as_str()).await.body,
            "alice",
            "the right one still gets through"
        );
    }
}
