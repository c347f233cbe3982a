//! Signing keys: made when needed, replaced with an overlap, dropped at once, everywhere.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use test_support::forge::opened;
use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::World;
use twostep::secret::Secret;
use twostep::session::{Introspector, Invalid, Issuer, SignedContext, SigningAlgorithm};
use twostep::store::{Action, Answer, Change, Commit, Keyring, Store};
use twostep::verifier::{Error, Limits, Verifier};

use super::{Desk, alive};

fn kid(signed: &SignedContext) -> String {
    opened(signed)[0]["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_replaced_key_verifies_its_contexts_until_they_expire() {
    let desk = Desk::new().await;
    let (_, elsewhere) = desk.elsewhere();
    let (old, _) = desk.open("twostep").await;
    assert_eq!(elsewhere.signing_keys().await.unwrap().len(), 1);
    let replaced_at = desk.world.now();
    let new_key = desk.issuer.rotate_keys(SigningAlgorithm::Es256).await.unwrap();
    let (new, _) = desk.open("twostep").await;
    assert_eq!(kid(&new), new_key.kid);
    for issuer in [&desk.issuer, &elsewhere] {
        let validator = issuer.validator("twostep").await.unwrap();
        assert!(
            validator.validate(&old).is_ok() && validator.validate(&new).is_ok(),
            "both are valid"
        );
        let keys = issuer.signing_keys().await.unwrap();
        let keys: Vec<_> = keys.into_iter().map(|key| (key.kid, key.retired_at)).collect();
        assert_eq!(keys, [(kid(&new), None), (kid(&old), Some(replaced_at))]);
    }
    // As long as the longest context lives, and no longer.
    desk.world.pass(129_600 - 30);
    desk.issuer.expire_keys().await.unwrap();
    assert_eq!(elsewhere.signing_keys().await.unwrap().len(), 2);
    desk.world.pass(1);
    desk.issuer.expire_keys().await.unwrap();
    assert_eq!(elsewhere.signing_keys().await.unwrap().len(), 1);
    assert_eq!(elsewhere.validator("twostep").await.unwrap().validate(&old), Err(Invalid::Key));
}

#[tokio::test]
async fn a_dropped_key_is_gone_everywhere_at_the_next_request() {
    let desk = Desk::new().await;
    let (verifier, elsewhere) = desk.elsewhere();
    let introspector = Introspector::new(elsewhere.clone(), verifier);
    let (signed, _) = desk.open("twostep").await;
    assert!(alive(&introspector, &signed).await);
    desk.issuer.drop_key(&kid(&signed)).await.unwrap();
    assert!(!alive(&introspector, &signed).await && !alive(&desk.introspector(), &signed).await);
    assert!(matches!(desk.issuer.drop_key(&kid(&signed)).await, Err(Error::NotFound(_))));

    // The next context is signed with a new key, which every validator has.
    let (next, _) = desk.open("twostep").await;
    assert_ne!(kid(&next), kid(&signed));
    assert!(alive(&introspector, &next).await);
    for _ in 0..50 {
        let key = desk.issuer.rotate_keys(SigningAlgorithm::EdDsa).await.unwrap();
        let (signed, _) =
            elsewhere.issue_without_mfa(&desk.alice.account, "twostep").await.unwrap();
        assert_eq!(kid(&signed), key.kid, "the other one signs with the new key at once");
        assert!(alive(&introspector, &signed).await);
        elsewhere.drop_key(&key.kid).await.unwrap();
        assert!(!alive(&desk.introspector(), &signed).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_first_keys_made_at_once_are_all_published() {
    let desk = Desk::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (_, issuer) = desk.elsewhere();
        let account = desk.alice.account.clone();
        tasks.spawn(async move { issuer.issue_without_mfa(&account, "twostep").await.unwrap().0 });
    }
    for signed in tasks.join_all().await {
        assert!(alive(&desk.introspector(), &signed).await);
    }
    desk.issuer.rotate_keys(SigningAlgorithm::EdDsa).await.unwrap();
    let keys = desk.issuer.signing_keys().await.unwrap();
    assert_eq!(
        keys.iter().filter(|key| key.retired_at.is_none()).count(),
        1,
        "a replacement replaces them all"
    );
}

/// Does something just before a signing key would be replaced.
struct Meanwhile(Mutex<Option<Act>>);

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Hook for Meanwhile {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        let replaces = change.audit.iter().any(|event| event.action == Action::SigningKeyMade);
        let act = if replaces { self.0.lock().unwrap().take() } else { None };
        Box::pin(async move {
            if let Some(act) = act {
                act.await;
            }
            store.commit(change).await
        })
    }
}

/// Replaces the signing key with these sealing keys, and is overtaken by `act`.
async fn overtaken(world: &World, keyring: Keyring, act: Act) -> String {
    let store = Hooked { store: world.store(), hook: Meanwhile(Mutex::new(Some(act))) };
    let verifier =
        Verifier::with(Arc::new(store), keyring, Arc::new(world.clock.clone()), Limits::default());
    Issuer::new(verifier, "twostep")
        .rotate_keys(SigningAlgorithm::EdDsa)
        .await
        .unwrap()
        .kid
}

/// Dropping a key means that it is compromised.
#[tokio::test]
async fn a_replacement_does_not_bring_back_a_dropped_key() {
    let desk = Desk::new().await;
    let (signed, _) = desk.open("twostep").await;
    let (issuer, dropped) = (desk.issuer.clone(), kid(&signed));
    let drops: Act = Box::pin(async move { issuer.drop_key(&dropped).await.unwrap() });
    let new = overtaken(&desk.world, desk.world.keyring.clone(), drops).await;
    assert!(!alive(&desk.introspector(), &signed).await, "what it signed is dead");
    let keys: Vec<String> = desk
        .issuer
        .signing_keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.kid)
        .collect();
    assert_eq!(keys, [new]);
}

#[tokio::test]
async fn a_resealed_key_stays_resealed_when_it_is_replaced() {
    let [old, new] = [1, 2].map(|byte| Secret::new(vec![byte; 32]));
    let world = World::sealed_with(Keyring::new(&old, &[]).unwrap());
    let issuer = Issuer::new(world.verifier.clone(), "twostep");
    let (signed, _) = issuer.issue_without_mfa(&"alice".parse().unwrap(), "twostep").await.unwrap();
    let (verifier, next) =
        (world.verifier.clone(), Keyring::new(&new, std::slice::from_ref(&old)).unwrap());
    let sealed_with = next.current();
    let seals: Act =
        Box::pin(async move { assert!(verifier.rotate_sealing_keys(next).await.unwrap() > 0) });
    overtaken(&world, Keyring::new(&old, std::slice::from_ref(&new)).unwrap(), seals).await;
    let records = world.verifier.store().signing_keys().await.unwrap();
    let record = records.into_iter().find(|record| record.kid == kid(&signed)).unwrap();
    assert!(record.retired_at.is_some());
    assert_eq!(record.private.key_id(), Some(sealed_with));
}
