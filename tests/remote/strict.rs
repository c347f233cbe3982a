//! An agent and a validator that follows it refuse the same.

use test_support::agent::Agent;
use test_support::forge::Forge;
use test_support::http::Client;
use test_support::negatives::{Negative, negatives};
use test_support::people::{enrol, now};
use twostep::client;
use twostep::http::Endpoint;
use twostep::session::{Issuer, RemoteIssuer, SignedContext};
use twostep::store::{Keyring, SqliteStore};
use twostep::verifier::Verifier;

use super::{BOUND, BUSY};

#[tokio::test]
async fn a_forged_context_is_refused_by_agent_and_followers() {
    let agent = Agent::start(BUSY);
    let admin = Client::unix(agent.socket());
    let signed = SignedContext::new(enrol(&admin, "alice").session(&admin, "alice"));
    let store = SqliteStore::open(agent.folder.path().join("store.db")).unwrap();
    let verifier =
        Verifier::new(store, Keyring::from_file(agent.folder.path().join("sealing.key")).unwrap());
    let forge = Forge::of(&Issuer::new(verifier.clone(), "twostep"), &verifier).await;
    let following = RemoteIssuer::new(Endpoint::unix(agent.socket()), "twostep").follow();
    following.ready(BOUND).await.unwrap();
    let (validator, client) =
        (following.validator("twostep"), client::Client::unix(agent.socket()));
    assert!(
        client.introspect(signed.as_str(), None).await.unwrap().is_some()
            && validator.validate(&signed).is_ok()
    );
    // Hundreds of these are judged while the clock runs.
    let table = negatives(&forge, &signed, now().0..=now().0 + 60);
    assert!(table.len() > 400, "{}", table.len());
    for Negative { what, signed, .. } in &table {
        assert!(validator.validate_any(signed).is_err(), "{what}");
        assert_eq!(client.introspect(signed.as_str(), None).await.unwrap(), None, "{what}");
    }
    assert!(
        client.introspect(signed.as_str(), None).await.unwrap().is_some()
            && validator.validate(&signed).is_ok()
    );
}
