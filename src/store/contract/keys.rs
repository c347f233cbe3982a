//! Rules about signing keys, API keys and sealing keys.

use std::sync::Arc;

use super::sample::*;
use crate::store::{
    Account, ApiKeyRecord, Commit, Conflict, Resealable, SealedPlace, SigningKeyRecord, Store,
    Write,
};
use crate::time::UnixTime;

fn signing_key(kid: &str, seconds: u64) -> SigningKeyRecord {
    let private = match keyring().seal(&SealedPlace::SigningKey { kid: kid.to_owned() }, b"private")
    {
        Ok(sealed) => sealed,
        Err(error) => panic!("a key can be sealed: {error}"),
    };
    let public = vec!["x".to_owned()];
    let created_at = UnixTime(NOW.0 + seconds);
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm: "EdDSA".to_owned(),
        private,
        public,
        created_at,
        retired_at: None,
    }
}

fn api_key(id: &str, seconds: u64) -> ApiKeyRecord {
    ApiKeyRecord {
        id: id.to_owned(),
        digest: vec![1; 32],
        name: Some("door".to_owned()),
        role: "verifier".to_owned(),
        accounts: Some(vec!["alice".to_owned()]),
        explain: true,
        operator: None,
        forward: true,
        signing_keys: Vec::new(),
        created_at: UnixTime(NOW.0 + seconds),
    }
}

/// Newest first; putting one again replaces it.
pub async fn signing_keys_are_put_and_dropped(store: Arc<dyn Store>) {
    let (old, new) = (signing_key("old", 0), signing_key("new", 1));
    made(&store, [Write::PutSigningKey(old.clone())]).await;
    made(&store, [Write::PutSigningKey(new.clone())]).await;
    assert_eq!(
        answered(store.signing_keys().await),
        [new.clone(), old.clone()],
        "signing keys are listed newest first"
    );
    let retire = |at| [Write::RetireSigningKey { kid: "old".to_owned(), at }];
    made(&store, retire(NOW)).await;
    made(&store, retire(UnixTime(NOW.0 + 1))).await;
    let retired = SigningKeyRecord { retired_at: Some(NOW), ..old };
    assert_eq!(
        answered(store.signing_keys().await),
        [new, retired.clone()],
        "a signing key is retired once, and else as it was"
    );
    let drop = || [Write::DropSigningKey { kid: "new".to_owned() }];
    made(&store, drop()).await;
    conflicts(&store, Conflict::Revision, drop(), "a signing key is dropped once").await;
    let late = [Write::RetireSigningKey { kid: "new".to_owned(), at: NOW }];
    conflicts(
        &store,
        Conflict::Revision,
        late,
        "a dropped signing key is not brought back by being retired",
    )
    .await;
    assert_eq!(answered(store.signing_keys().await), [retired], "a dropped signing key is gone");
}

/// Oldest first; an id is given once.
pub async fn api_keys_are_put_and_revoked(store: Arc<dyn Store>) {
    let (new, old) = (api_key("new", 1), api_key("old", 0));
    made(&store, [Write::PutApiKey(new.clone())]).await;
    made(&store, [Write::PutApiKey(old.clone())]).await;
    assert_eq!(
        answered(store.api_keys().await),
        [old.clone(), new.clone()],
        "API keys are listed oldest first"
    );
    conflicts(
        &store,
        Conflict::Revision,
        [Write::PutApiKey(api_key("new", 9))],
        "an API key is not replaced",
    )
    .await;
    let revoke = || [Write::RevokeApiKey { id: "old".to_owned() }];
    made(&store, revoke()).await;
    conflicts(&store, Conflict::Revision, revoke(), "an API key is revoked once").await;
    assert_eq!(answered(store.api_keys().await), [new], "a revoked API key is gone");
}

/// And with nothing else.
pub async fn the_control_version_rises_with_every_key(store: Arc<dyn Store>) {
    let mut version = answered(store.control_version().await);
    let writes = [
        Write::PutSigningKey(signing_key("kid", 0)),
        Write::PutApiKey(api_key("id", 0)),
        Write::RevokeApiKey { id: "id".to_owned() },
        Write::DropSigningKey { kid: "kid".to_owned() },
    ];
    for write in writes {
        made(&store, [write.clone()]).await;
        let after = answered(store.control_version().await);
        assert!(after > version, "the control version rises with {write:?}");
        version = after;
    }
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    conflicts(
        &store,
        Conflict::Revision,
        [Write::DropSigningKey { kid: "kid".to_owned() }],
        "the key is gone",
    )
    .await;
    assert_eq!(
        answered(store.control_version().await),
        version,
        "the control version stands still when no key changes"
    );
}

/// Callers see from any answer whether a key changed, without a read of its own.
pub async fn the_control_version_is_answered_with_accounts_and_commits(store: Arc<dyn Store>) {
    let version = async || answered(store.control_version().await);
    with_account(&store, "alice").await;
    for write in [Write::PutApiKey(api_key("id", 0)), Write::RevokeApiKey { id: "id".to_owned() }] {
        let Commit::Committed(committed) = commit(&store, [write]).await else {
            panic!("a key is put and revoked")
        };
        assert_eq!(committed.control_version, version().await, "after the writes of the change");
        assert_eq!(snapshot(&store, "alice").await.control_version, version().await, "as of now");
    }
}

/// Key rotation finds every secret, and loses to a change that comes between.
pub async fn a_secret_is_resealed_if_it_is_what_it_was(store: Arc<dyn Store>) {
    let (old, new) = (keyring(), keyring());
    let device = totp("GAHT00000001", "alice", None);
    let reseal = |place: &SealedPlace, keys: &crate::store::Keyring| match keys
        .seal(place, b"12345678901234567890")
    {
        Ok(sealed) => sealed,
        Err(error) => panic!("a secret can be sealed: {error}"),
    };
    let (seed, key) = (sealed(&old, &device), signing_key("kid", 0));
    let pepper = SealedPlace::Value { name: "pepper".to_owned() };
    let value = reseal(&pepper, &old).as_bytes().to_vec();
    made(
        &store,
        [
            Write::CreateAccount(Account::new(account_id("alice"), NOW)),
            Write::InsertDevice {
                device,
                seed: Some(seed),
                fingerprint: Some(crate::store::Fingerprint([1; 32])),
            },
            Write::PutSigningKey(key),
            Write::InitValue { name: "pepper".to_owned(), value },
            Write::InitValue { name: "plain".to_owned(), value: b"not sealed".to_vec() },
        ],
    )
    .await;
    let was = snapshot(&store, "alice").await;
    let found = answered(store.sealed_under_other_keys(new.current(), 10).await);
    assert_eq!(found.len(), 3, "a seed, a signing key and a sealed value are found: {found:?}");
    assert_eq!(
        answered(store.sealed_under_other_keys(new.current(), 2).await).len(),
        2,
        "no more than asked for"
    );
    let [old_id, new_id] =
        [&old, &new].map(|keyring| crate::store::SealingKeyId(keyring.current()));
    // The signing key of the sample is sealed under a key of its own.
    let needs = |key, found: Vec<crate::store::KeyNeed>| {
        let needs = |need: &&crate::store::KeyNeed| need.key == key;
        (
            found.iter().find(needs).map(|need| need.secrets),
            found.iter().map(|need| need.secrets).sum::<u64>(),
        )
    };
    assert_eq!(
        needs(old_id, answered(store.secrets_by_key(Some(new_id)).await)),
        (Some(2), 3),
        "a seed and a value need the old key"
    );
    assert_eq!(
        needs(old_id, answered(store.secrets_by_key(None).await)),
        (Some(2), 3),
        "nothing needs the new one"
    );
    assert_eq!(
        needs(old_id, answered(store.secrets_by_key(Some(old_id)).await)),
        (None, 1),
        "what is not asked for is left out"
    );
    for seen in found {
        let sealed = reseal(&seen.place, &new);
        made(&store, [Write::Reseal { seen: seen.clone(), sealed: sealed.clone() }]).await;
        let late = [Write::Reseal { seen: seen.clone(), sealed: reseal(&seen.place, &new) }];
        conflicts(
            &store,
            Conflict::Revision,
            late,
            "a secret that was resealed is not what it was",
        )
        .await;
        let is = Resealable { place: seen.place, sealed };
        let all = answered(store.sealed_under_other_keys(old.current(), 10).await);
        assert!(all.contains(&is), "the resealed secret is in its place");
    }
    assert!(
        answered(store.sealed_under_other_keys(new.current(), 10).await).is_empty(),
        "in the end nothing is left to reseal"
    );
    assert_eq!(
        needs(new_id, answered(store.secrets_by_key(None).await)),
        (Some(3), 3),
        "all need the new key"
    );
    let is = snapshot(&store, "alice").await;
    assert_eq!(
        is.devices[0].revision, was.devices[0].revision,
        "resealing a seed leaves its device alone"
    );
}
