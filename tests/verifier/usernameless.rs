//! Sign-in without an account: the key says whose it is, once, and every refusal costs the same.

use std::collections::BTreeMap;

use test_support::keyring::{account, enrol, forged, terms, used};
use test_support::world::{World, refused};
use twostep::device::Refusal;
use twostep::id::AccountId;
use twostep::otp::compressions;
use twostep::testing::SimulatedSecurityKey;
use twostep::verifier::{Authority, Begun, Error, SecurityKeys, Verified};
use twostep::webauthn::{
    AuthenticationResponse, Criterion, RelyingParty, RelyingPartyConfig, RequestOptions,
    ResidentKey,
};

const REPLAYED: Refusal = Refusal::Replayed { next_code_at: None };

fn keys_of(world: &World) -> SecurityKeys {
    let terms = RelyingPartyConfig { resident_key: ResidentKey::Preferred, ..terms() };
    SecurityKeys::new(world.verifier.clone(), RelyingParty::new(terms).unwrap())
}

/// A key of this account that stores its credential and verifies its user.
async fn passkey(keys: &SecurityKeys, name: &str) -> SimulatedSecurityKey {
    let mut key = SimulatedSecurityKey::new(name).verifying();
    enrol(keys, name, &mut key, &Authority::Admin).await.unwrap();
    key
}

async fn begin(keys: &SecurityKeys) -> Begun<RequestOptions> {
    keys.begin_usernameless().await.unwrap()
}

async fn finish(
    keys: &SecurityKeys,
    begun: &Begun<RequestOptions>,
    answer: AuthenticationResponse,
) -> Result<Verified, Error> {
    keys.finish_usernameless(&begun.id, answer, |_: &AccountId| true).await
}

#[tokio::test]
async fn the_key_says_whose_it_is() {
    let world = World::new();
    let keys = keys_of(&world);
    let (mut hers, mut his) = (passkey(&keys, "alice").await, passkey(&keys, "bob").await);
    for name in ["alice", "bob", "alice"] {
        let key = if name == "bob" { &mut his } else { &mut hers };
        let begun = begin(&keys).await;
        assert!(begun.options.allow_credentials.is_empty());
        let verified = finish(&keys, &begun, used(key, &begun)).await.unwrap();
        assert_eq!(verified.account(), &account(name));
    }
    // An account named by the caller has to be the key's.
    let begun = begin(&keys).await;
    let verified = keys
        .finish_authentication(&account("alice"), &begun.id, used(&mut hers, &begun))
        .await
        .unwrap();
    assert_eq!(verified.account(), &account("alice"));
    let begun = begin(&keys).await;
    let other = keys
        .finish_authentication(&account("bob"), &begun.id, used(&mut hers, &begun))
        .await;
    assert_eq!(refused(other), Refusal::KeyNotRegistered);
    let audited = world.audited("key.accepted").await;
    let accounts: Vec<&str> =
        audited.iter().map(|event| event.account.as_ref().unwrap().as_str()).collect();
    assert_eq!(accounts, ["alice", "bob", "alice", "alice"]);
}

/// T-CHAL-ONCE without an account.
#[tokio::test]
async fn the_first_answer_ends_it_right_or_wrong() {
    let world = World::new();
    let keys = keys_of(&world);
    let (mut hers, mut stranger) =
        (passkey(&keys, "alice").await, SimulatedSecurityKey::new("stranger").verifying());
    stranger.store("example.org", &[0, 0, 0, 1], b"whoever");
    let begun = begin(&keys).await;
    let answer = used(&mut hers, &begun);
    let _verified = finish(&keys, &begun, answer.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(refused(finish(&keys, &begun, answer.clone()).await), REPLAYED);
        assert_eq!(
            refused(keys.finish_authentication(&account("alice"), &begun.id, answer.clone()).await),
            REPLAYED
        );
    }
    let wrong = begin(&keys).await;
    assert_eq!(
        refused(finish(&keys, &wrong, forged(&mut hers, &wrong)).await),
        Refusal::Unproved(Criterion::Signature)
    );
    assert_eq!(refused(finish(&keys, &wrong, used(&mut hers, &wrong)).await), REPLAYED);
    let unknown = begin(&keys).await;
    assert_eq!(
        refused(finish(&keys, &unknown, used(&mut stranger, &unknown)).await),
        Refusal::KeyNotRegistered
    );
    assert_eq!(refused(finish(&keys, &unknown, used(&mut stranger, &unknown)).await), REPLAYED);
    assert_eq!(refused(finish(&keys, &unknown, used(&mut hers, &unknown)).await), REPLAYED);
    let late = begin(&keys).await;
    let answer = used(&mut hers, &late);
    world.pass(300);
    assert_eq!(refused(finish(&keys, &late, answer).await), Refusal::NoCeremony);
    // The key does not choose the ceremony: one begun for an account is not usable without it, and
    // is over.
    let of_alice = keys.begin_authentication(&account("alice")).await.unwrap();
    let answer = used(&mut hers, &of_alice);
    assert_eq!(refused(finish(&keys, &of_alice, answer.clone()).await), Refusal::NoCeremony);
    assert_eq!(
        refused(keys.finish_authentication(&account("alice"), &of_alice.id, answer).await),
        REPLAYED
    );
}

#[tokio::test]
async fn a_key_without_its_user_or_its_user_handle_is_refused() {
    let world = World::new();
    let keys = keys_of(&world);
    let (mut hers, _) = (passkey(&keys, "alice").await, passkey(&keys, "bob").await);
    let of_bob = {
        let begun =
            keys.begin_registration(&account("bob"), None, &Authority::Admin).await.unwrap();
        begun.options.user.id
    };
    type Change = fn(&mut AuthenticationResponse, &[u8]);
    let changes: [Change; 3] = [
        |answer, _| answer.response.user_handle = None,
        |answer, _| answer.response.user_handle = Some(vec![7; 32]),
        |answer, bobs| answer.response.user_handle = Some(bobs.to_vec()),
    ];
    for change in changes {
        let begun = begin(&keys).await;
        let mut answer = used(&mut hers, &begun);
        change(&mut answer, &of_bob);
        assert_eq!(
            refused(finish(&keys, &begun, answer).await),
            Refusal::Unproved(Criterion::UserHandle)
        );
    }
    let begun = begin(&keys).await;
    hers.flags = 0x01;
    assert_eq!(
        refused(finish(&keys, &begun, used(&mut hers, &begun)).await),
        Refusal::Unproved(Criterion::UserVerification)
    );
    hers.flags = 0x05;
    let begun = begin(&keys).await;
    let _verified = finish(&keys, &begun, used(&mut hers, &begun)).await.unwrap();
}

#[tokio::test]
async fn an_accounts_user_handle_is_constant_and_opaque() {
    let world = World::new();
    let keys = keys_of(&world);
    let handle = async |name: &str| {
        keys.begin_registration(&account(name), None, &Authority::Admin)
            .await
            .unwrap()
            .options
            .user
            .id
    };
    let alice = handle("alice").await;
    assert_eq!((alice.len(), &alice), (32, &handle("alice").await));
    assert_ne!(alice, handle("alicf").await);
    let keys =
        SecurityKeys::new(world.verifier_on(world.store()), RelyingParty::new(terms()).unwrap());
    assert_eq!(
        keys.begin_registration(&account("alice"), None, &Authority::Admin)
            .await
            .unwrap()
            .options
            .user
            .id,
        alice
    );
    assert!(!alice.windows(5).any(|part| part == b"alice"));
    let elsewhere = World::new();
    let other = keys_of(&elsewhere)
        .begin_registration(&account("alice"), None, &Authority::Admin)
        .await
        .unwrap();
    assert_ne!(other.options.user.id, alice, "another store has another pepper");
}

#[tokio::test]
async fn a_hidden_account_has_a_made_up_key() {
    let world = World::new();
    let keys = keys_of(&world);
    let mut hers = passkey(&keys, "alice").await;
    let begun = begin(&keys).await;
    let answer = used(&mut hers, &begun);
    let hidden = keys
        .finish_usernameless(&begun.id, answer.clone(), |account: &AccountId| {
            account.as_str() != "alice"
        })
        .await;
    assert_eq!(refused(hidden), Refusal::KeyNotRegistered);
    assert!(
        world
            .audited("key.refused")
            .await
            .iter()
            .all(|event| event.account.is_none() && event.serial.is_none())
    );
    assert_eq!(refused(finish(&keys, &begun, answer).await), REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_many_times_at_once_it_is_finished_once() {
    let world = World::new();
    let keys = keys_of(&world);
    let mut hers = passkey(&keys, "alice").await;
    for unknown in [false, true] {
        let begun = begin(&keys).await;
        let mut answer = used(&mut hers, &begun);
        if unknown {
            answer.raw_id[0] ^= 1;
        }
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (keys, id, answer) = (keys.clone(), begun.id.clone(), answer.clone());
            tries.spawn(async move {
                keys.finish_usernameless(&id, answer, |_: &AccountId| true).await
            });
        }
        let (won, lost): (Vec<_>, Vec<_>) =
            tries.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), usize::from(!unknown));
        let first = lost
            .into_iter()
            .filter(|lost| !matches!(lost, Err(Error::Refused(REPLAYED))))
            .count();
        assert_eq!(first, usize::from(unknown), "one of them found it open");
    }
}

/// A page with passkeys begins a sign-in at every visit, by any visitor.
#[tokio::test]
async fn no_number_of_sign_ins_without_an_account_ends_another() {
    let world = World::new();
    let keys = keys_of(&world);
    let mut hers = passkey(&keys, "alice").await;
    let (first, of_alice) =
        (begin(&keys).await, keys.begin_authentication(&account("alice")).await.unwrap());
    for _ in 0..5_000 {
        keys.begin_usernameless().await.unwrap();
    }
    let _verified = finish(&keys, &first, used(&mut hers, &first)).await.unwrap();
    let again = finish(&keys, &first, used(&mut hers, &first)).await;
    assert_eq!(refused(again), Refusal::Replayed { next_code_at: None });
    let _verified = keys
        .finish_authentication(&account("alice"), &of_alice.id, used(&mut hers, &of_alice))
        .await
        .unwrap();
    assert_eq!(world.rows("single_use", "NOT consumed"), 0);
}

#[tokio::test]
async fn every_refusal_costs_the_same() {
    let world = World::new();
    let keys = keys_of(&world);
    let (mut hers, mut his) = (passkey(&keys, "alice").await, passkey(&keys, "bob").await);
    let mut copy = hers.clone();
    let begun = begin(&keys).await;
    let replayed = used(&mut hers, &begun);
    let _verified = finish(&keys, &begun, replayed.clone()).await.unwrap();
    let [wrong, cloned, unknown, hidden, disabled] = [
        begin(&keys).await,
        begin(&keys).await,
        begin(&keys).await,
        begin(&keys).await,
        begin(&keys).await,
    ];
    let mut nobodys = used(&mut hers, &unknown);
    nobodys.raw_id[0] ^= 1;
    let of_bob = world.account(&account("bob")).await.devices[0].device.serial.clone();
    world.verifier.deactivate(&of_bob, &Authority::Admin).await.unwrap();
    let cases = [
        ("replayed", &begun, replayed, true),
        ("signature", &wrong, forged(&mut hers, &wrong), true),
        ("sign_count", &cloned, used(&mut copy, &cloned), true),
        ("key_not_registered", &unknown, nobodys, true),
        ("key_not_registered", &hidden, used(&mut hers, &hidden), false),
        ("not_active", &disabled, used(&mut his, &disabled), true),
    ];
    let mut costs: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (reason, begun, answer, exists) in cases {
        let real = compressions();
        let finished = keys.finish_usernameless(&begun.id, answer, |_: &AccountId| exists).await;
        assert_eq!(refused(finished).name(), reason);
        costs.entry(compressions() - real).or_default().push(reason);
    }
    assert_eq!(costs.len(), 1, "compressions by class: {costs:#?}");
}
