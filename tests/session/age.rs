//! Age of MFA: only another proof lowers it.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use twostep::session::{AnyContext, Lifetime, SigningAlgorithm};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Verified};

use super::Desk;
use super::revocation::{Node, Presser};

/// Requests that a caller can make, in any order.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// A code is judged; its proof is held back.
    Verify,
    /// A context is issued for the oldest proof, however old that is.
    Issue {
        lifetime: u64,
    },
    IssueWithoutMfa,
    Introspect,
    /// The owner changes something, with the latest context as proof.
    Rename,
    RotateKeys,
    RevokeDevice,
    /// Seconds go by, or the clock is set back.
    Pass(u64),
    Back(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        Just(Call::Verify),
        prop_oneof![Just(900), Just(3_600), Just(129_600)]
            .prop_map(|lifetime| Call::Issue { lifetime }),
        Just(Call::IssueWithoutMfa),
        Just(Call::Introspect),
        Just(Call::Rename),
        Just(Call::RotateKeys),
        Just(Call::RevokeDevice),
        (1..2_000_u64).prop_map(Call::Pass),
        (1..50_u64).prop_map(Call::Back),
    ];
    prop::collection::vec(call, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn no_chain_of_calls_makes_the_age_less_without_another_proof(calls in calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(go_through(&calls))?;
    }
}

async fn go_through(calls: &[Call]) -> Result<(), TestCaseError> {
    let desk = Desk::new().await;
    let (world, introspector) = (&desk.world, desk.introspector());
    let node = Node {
        verifier: world.verifier.clone(),
        issuer: desk.issuer.clone(),
        introspector: introspector.clone(),
    };
    let mut person = Presser::new(&node.verifier, "alice").await;
    let (mut proofs, mut proved) = (Vec::<(UnixTime, Verified)>::new(), None::<UnixTime>);
    let (mut signed, mut times) = (Vec::new(), HashMap::new());
    for call in calls {
        match *call {
            Call::Verify => {
                if let Ok(verified) = person.verify(&node.verifier).await {
                    proofs.push((world.now(), verified));
                    proved = proved.max(Some(world.now()));
                }
            }
            Call::Issue { lifetime } if !proofs.is_empty() => {
                let (at, verified) = proofs.remove(0);
                let issuer = node
                    .issuer
                    .clone()
                    .lifetime(Lifetime::try_from(Duration::from_secs(lifetime)).unwrap());
                let (context, read) = issuer.issue_and_read(verified, "twostep").await.unwrap();
                prop_assert_eq!(
                    read.mfa_time(),
                    at,
                    "a context is as old as its proof, not as its issue"
                );
                times.insert(read.common().session_id.clone(), at);
                signed.push(context);
            }
            Call::IssueWithoutMfa => {
                if let Ok((context, _)) =
                    node.issuer.issue_without_mfa(&person.account, "twostep").await
                {
                    prop_assert!(
                        desk.issuer.validator("twostep").await.unwrap().validate(&context).is_err()
                    );
                }
            }
            Call::Rename => {
                if let Some(context) = signed.last()
                    && let Ok(Some(fresh)) = introspector.fresh_mfa(context).await
                {
                    let _ =
                        node.verifier.deactivate(&person.serial, &Authority::Owner(fresh)).await;
                    let _ = person.try_to_activate(&node.verifier).await;
                }
            }
            Call::RotateKeys => drop(node.issuer.rotate_keys(SigningAlgorithm::EdDsa).await),
            Call::RevokeDevice => drop(
                node.verifier.revoke_sessions(&person.account, None, Some(&person.serial)).await,
            ),
            Call::Pass(seconds) => world.pass(seconds),
            Call::Back(seconds) => world.clock.jump(-i64::try_from(seconds).unwrap()),
            Call::Introspect | Call::Issue { .. } => {}
        }
        // By a clock that was set back, nothing is valid.
        let Ok(validator) = desk.issuer.validator("twostep").await else { continue };
        for context in &signed {
            let read =
                [validator.validate(context).ok(), introspected(&introspector, context).await];
            for read in read.into_iter().flatten() {
                prop_assert_eq!(
                    Some(&read.mfa_time()),
                    times.get(&read.common().session_id),
                    "{:?}",
                    call
                );
                let age = read.mfa_age(world.now());
                prop_assert!(age >= world.now().since(proved.unwrap()), "{:?}: {:?}", call, age);
            }
        }
    }
    Ok(())
}

async fn introspected(
    introspector: &twostep::session::Introspector,
    context: &twostep::session::SignedContext,
) -> Option<twostep::session::SessionContext> {
    match introspector.introspect(context, "twostep").await {
        Ok(Some(AnyContext::Mfa(context))) => Some(context),
        _ => None,
    }
}
