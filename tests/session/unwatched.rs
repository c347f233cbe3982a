//! Sessions that are bound to keys, and whose agent does not come back.

use std::time::Duration;

use test_support::world::World;
use twostep::session::{Introspector, Issuer, SignedContext};
use twostep::store::{Change, Write};
use twostep::verifier::BoundSession;

const SILENCE: Duration = Duration::from_secs(600);

/// Opens a session, as one that may end early.
async fn opened(world: &World, account: &str) -> (SignedContext, BoundSession) {
    let issuer = Issuer::new(world.verifier.clone(), "twostep");
    let account = account.parse().unwrap();
    let (signed, context) = issuer.issue_without_mfa(&account, "twostep").await.unwrap();
    let session = BoundSession {
        account,
        session_id: context.common().session_id.clone(),
        serial: "GAHT00000001".parse().unwrap(),
        expires_at: context.common().expires_at,
    };
    (signed, session)
}

#[tokio::test]
async fn unwatched_sessions_end() {
    let world = World::new();
    let issuer = Issuer::new(world.verifier.clone(), "twostep");
    let asked = Introspector::new(issuer, world.verifier.clone());
    let alive = async |signed| asked.introspect(signed, "twostep").await.unwrap().is_some();
    let (lost, watched, earlier) =
        (opened(&world, "alice").await, opened(&world, "bob").await, opened(&world, "carol").await);
    world
        .verifier
        .keep_bound_sessions("lost", std::slice::from_ref(&lost.1))
        .await
        .unwrap();
    world
        .verifier
        .keep_bound_sessions("busy", std::slice::from_ref(&watched.1))
        .await
        .unwrap();
    // An agent of an earlier version does not say that it watches.
    let value = serde_json::to_vec(&[&earlier.1]).unwrap();
    let write = Write::PutValue { name: "bound.earlier".to_owned(), value };
    let change = Change { account: None, writes: vec![write], audit: Vec::new() };
    let _ = world.verifier.store().commit(change).await.unwrap();

    world.pass(600);
    assert_eq!(world.verifier.end_unwatched_sessions(SILENCE).await.unwrap(), 0, "not yet");
    world
        .verifier
        .keep_bound_sessions("busy", std::slice::from_ref(&watched.1))
        .await
        .unwrap();
    world.pass(1);
    assert_eq!(world.verifier.end_unwatched_sessions(SILENCE).await.unwrap(), 1);
    assert!(!alive(&lost.0).await, "its agent was not heard of for ten minutes");
    assert!(alive(&watched.0).await && alive(&earlier.0).await);
    assert_eq!(world.verifier.end_unwatched_sessions(SILENCE).await.unwrap(), 0, "ended once");
    assert_eq!(world.verifier.bound_sessions("lost").await.unwrap(), []);
    assert_eq!(world.verifier.bound_sessions("busy").await.unwrap(), [watched.1]);
    assert_eq!(world.verifier.bound_sessions("earlier").await.unwrap(), [earlier.1]);
}
