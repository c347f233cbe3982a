//! Ceremonies: each ends with its first answer, and all wrong answers look and cost the same.

use test_support::keyring::{
    account, enrol, enrolled, forged, keys_of, made, origin, used, verify,
};
use test_support::world::{World, refused};
use twostep::device::{DeviceState, Refusal};
use twostep::testing::{SimulatedSecurityKey, Use};
use twostep::verifier::{Authority, CeremonyId, Error};
use twostep::webauthn::{Criterion, RequestOptions};

pub(super) const SIGNATURE: Refusal = Refusal::Unproved(Criterion::Signature);
const REPLAYED: Refusal = Refusal::Replayed { next_code_at: None };

pub(super) fn no_ceremony() -> CeremonyId {
    "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap()
}

/// T-CHAL-ONCE.
#[tokio::test]
async fn the_first_answer_ends_a_ceremony_right_or_wrong() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let alice = account("alice");
    let (mut key, device) = enrolled(&keys, "alice").await;
    let begun = keys.begin_authentication(&alice).await.unwrap();
    let answer = used(&mut key, &begun);
    let _verified = keys.finish_authentication(&alice, &begun.id, answer.clone()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            refused(keys.finish_authentication(&alice, &begun.id, answer.clone()).await),
            REPLAYED
        );
    }
    let begun = keys.begin_authentication(&alice).await.unwrap();
    assert_eq!(
        refused(keys.finish_authentication(&alice, &begun.id, forged(&mut key, &begun)).await),
        SIGNATURE
    );
    assert_eq!(
        refused(keys.finish_authentication(&alice, &begun.id, used(&mut key, &begun)).await),
        REPLAYED
    );
    // An answer to one ceremony is none to another.
    let (one, two) = (
        keys.begin_authentication(&alice).await.unwrap(),
        keys.begin_authentication(&alice).await.unwrap(),
    );
    assert_eq!(
        refused(keys.finish_authentication(&alice, &one.id, used(&mut key, &two)).await),
        Refusal::Unproved(Criterion::Challenge)
    );
    let _verified =
        keys.finish_authentication(&alice, &two.id, used(&mut key, &two)).await.unwrap();

    // The first replay of a minute has a row at once, the others share one.
    world.verifier.write_refusals().await.unwrap();
    let audited = world.audited("key.refused").await;
    let mut reasons: Vec<_> = audited
        .iter()
        .map(|event| (event.reason.as_ref().unwrap().name(), event.serial.is_some(), event.count))
        .collect();
    // Rows of one second have an order within their audit chain alone.
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            ("challenge", true, 1),
            ("replayed", false, 1),
            ("replayed", false, 3),
            ("signature", true, 1)
        ]
    );
    // No refusal counts against the key, and none disables it.
    let is = world.account(&alice).await.device(&device.serial).unwrap().device.clone();
    assert_eq!((is.state, is.throttle), (DeviceState::Active, device.throttle));
}

/// A step that fails is named in the audit row and in the refusal.
#[tokio::test]
async fn a_refused_assertion_names_its_step() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let alice = account("alice");
    let (mut key, _) = enrolled(&keys, "alice").await;
    let spoiled: [(&str, Spoil); 11] = [
        ("user_handle", |used| used.user_handle = Some(b"another".to_vec())),
        ("authenticator_data", |used| used.extensions.push(0)),
        ("client_data", |used| used.client_data.truncate(9)),
        ("client_data_type", |used| replace(used, "webauthn.get", "webauthn.create")),
        ("origin", |used| replace(used, "https://login.example.org", "https://login.example.com")),
        ("cross_origin", |used| replace(used, "\"crossOrigin\":false", "\"crossOrigin\":true")),
        ("rp_id", |used| used.rp_id_hash[0] ^= 1),
        ("user_presence", |used| used.flags &= !0x01),
        ("backup_flags", |used| used.flags |= 0x08),
        ("signature", |used| used.signer = SimulatedSecurityKey::new("another").attester()),
        ("sign_count", |used| used.sign_count = 0),
    ];
    for (name, spoil) in &spoiled {
        let begun = keys.begin_authentication(&alice).await.unwrap();
        let mut used = key.get(&begun.options, &origin()).unwrap();
        spoil(&mut used);
        assert_eq!(
            refused(keys.finish_authentication(&alice, &begun.id, used.response()).await).name(),
            *name
        );
    }
    let audited = world.audited("key.refused").await;
    let reasons: Vec<&str> =
        audited.iter().map(|event| event.reason.as_ref().unwrap().name()).collect();
    assert_eq!(reasons, spoiled.map(|(name, _)| name));
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

type Spoil = fn(&mut Use);

fn replace(used: &mut Use, old: &str, new: &str) {
    let text = String::from_utf8(used.client_data.clone()).unwrap();
    assert!(text.contains(old), "{text}");
    used.client_data = text.replace(old, new).into_bytes();
}

/// WebAuthn L3 §7.2 step 22: the devices among which a credential is shared count each for itself.
#[tokio::test]
async fn a_falling_sign_count_is_audited_if_synced_and_refused_otherwise() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    for (name, flags, synced) in [("synced", 0x19, true), ("bound", 0x01, false)] {
        let mut key = SimulatedSecurityKey::new(name);
        (key.flags, key.sign_count) = (flags, 40);
        let device = enrol(&keys, name, &mut key, &Authority::Admin).await.unwrap();
        // Lower than at the enrolment, higher than that, the same once more.
        for (shown, fell) in [(7, true), (8, false), (8, true)] {
            key.sign_count = shown - 1;
            let before = world.audited("key.sign_count_fell").await.len();
            let verified = verify(&keys, name, &mut key).await;
            assert_eq!(verified.is_ok(), synced, "{name} {shown}");
            let told = world.audited("key.sign_count_fell").await.len() - before;
            assert_eq!(told, usize::from(synced && fell), "{name} {shown}");
            let is = world
                .account(&account(name))
                .await
                .device(&device.serial)
                .unwrap()
                .device
                .credential()
                .unwrap()
                .sign_count;
            assert_eq!(is, if synced { shown } else { 41 }, "{name} {shown}");
        }
    }
    assert_eq!(
        (world.audited("key.accepted").await.len(), world.audited("key.refused").await.len()),
        (3, 3)
    );
}

/// T-TYPE-MIX.
#[tokio::test]
async fn a_ceremony_is_for_what_it_was_begun_for() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let alice = account("alice");
    let (mut key, _) = enrolled(&keys, "alice").await;
    let (enrolment, sign_in) = (
        keys.begin_registration(&alice, None, &Authority::Admin).await.unwrap(),
        keys.begin_authentication(&alice).await.unwrap(),
    );
    let answer = used(&mut key, &sign_in);
    assert_eq!(
        refused(keys.finish_authentication(&alice, &enrolment.id, answer).await),
        Refusal::NoMatch
    );
    let registered = keys
        .finish_registration(&sign_in.id, made(&mut key, &enrolment.options), &Authority::Admin)
        .await;
    assert!(matches!(registered, Err(Error::KeyRefused(_))), "{registered:?}");
    // Both are over.
    let late = keys
        .finish_registration(&enrolment.id, made(&mut key, &enrolment.options), &Authority::Admin)
        .await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert_eq!(
        refused(keys.finish_authentication(&alice, &sign_in.id, used(&mut key, &sign_in)).await),
        REPLAYED
    );
    let none = keys
        .finish_registration(&no_ceremony(), made(&mut key, &enrolment.options), &Authority::Admin)
        .await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
}

/// T-WA-6.
#[tokio::test]
async fn a_key_of_another_account_proves_nothing() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let ((mut hers, _), (mut his, _)) =
        (enrolled(&keys, "alice").await, enrolled(&keys, "bob").await);
    let (alice, bob) = (account("alice"), account("bob"));
    let (of_alice, of_bob) = (
        keys.begin_authentication(&alice).await.unwrap(),
        keys.begin_authentication(&bob).await.unwrap(),
    );
    // Alice's key answers Bob's ceremony.
    let mut options = of_alice.options.clone();
    options.challenge.clone_from(&of_bob.options.challenge);
    let answer = hers.get(&options, &test_support::keyring::origin()).unwrap().response();
    assert_eq!(
        refused(keys.finish_authentication(&bob, &of_bob.id, answer).await),
        Refusal::KeyNotRegistered
    );
    // Alice's ceremony is not Bob's, and is over.
    assert_eq!(
        refused(keys.finish_authentication(&bob, &of_alice.id, used(&mut hers, &of_alice)).await),
        Refusal::NoCeremony
    );
    assert_eq!(
        refused(
            keys.finish_authentication(&alice, &of_alice.id, used(&mut hers, &of_alice))
                .await
        ),
        REPLAYED
    );
    let _verified = verify(&keys, "alice", &mut hers).await.unwrap();
    let _verified = verify(&keys, "bob", &mut his).await.unwrap();
}

/// T-COUNTER.
#[tokio::test]
async fn a_copied_key_is_refused_and_its_owner_is_not() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, device) = enrolled(&keys, "alice").await;
    let mut copy = key.clone();
    for _ in 0..5 {
        let _verified = verify(&keys, "alice", &mut key).await.unwrap();
    }
    for _ in 0..5 {
        assert_eq!(refused(verify(&keys, "alice", &mut copy).await), Refusal::SignCount);
    }
    let audited = world.audited("key.refused").await;
    assert!(audited.iter().all(|event| event.reason.as_ref().unwrap().name() == "sign_count"
        && event.serial == Some(device.serial.clone())));
    let is = world
        .account(&account("alice"))
        .await
        .device(&device.serial)
        .unwrap()
        .device
        .clone();
    assert_eq!((is.state, is.credential().unwrap().sign_count), (DeviceState::Active, 6));
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

#[tokio::test]
async fn a_key_that_never_counts_is_taken() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let mut key = SimulatedSecurityKey::new("alice");
    let begun = keys
        .begin_registration(&account("alice"), None, &Authority::Admin)
        .await
        .unwrap();
    let mut creation = key.create(&begun.options, &test_support::keyring::origin());
    creation.sign_count = 0;
    keys.finish_registration(&begun.id, creation.response(), &Authority::Admin)
        .await
        .unwrap();
    let sign = |key: &mut SimulatedSecurityKey, options: &RequestOptions, count| {
        let mut assertion = key.get(options, &test_support::keyring::origin()).unwrap();
        assertion.sign_count = count;
        assertion.response()
    };
    for (count, grew) in [(0, true), (0, true), (7, true), (7, false), (0, false), (8, true)] {
        let begun = keys.begin_authentication(&account("alice")).await.unwrap();
        let answer = sign(&mut key, &begun.options, count);
        let finished = keys.finish_authentication(&account("alice"), &begun.id, answer).await;
        assert_eq!(finished.is_ok(), grew, "{count}");
        if !grew {
            assert_eq!(refused(finished), Refusal::SignCount);
        }
    }
}

/// Both were begun from the same count; each is judged by the count as it is when it is finished.
#[tokio::test]
async fn two_ceremonies_must_finish_in_the_order_of_their_counts() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let alice = account("alice");
    let (mut key, _) = enrolled(&keys, "alice").await;
    let (one, two) = (
        keys.begin_authentication(&alice).await.unwrap(),
        keys.begin_authentication(&alice).await.unwrap(),
    );
    let (first, second) = (used(&mut key, &one), used(&mut key, &two));
    let _verified = keys.finish_authentication(&alice, &two.id, second).await.unwrap();
    assert_eq!(
        refused(keys.finish_authentication(&alice, &one.id, first).await),
        Refusal::SignCount
    );

    // At the same time, in two processes, the lower one may win or lose; the higher one is taken in
    // any case.
    let other = keys_of(&world.verifier_on(world.store()));
    for _ in 0..20 {
        let (one, two) = (
            keys.begin_authentication(&alice).await.unwrap(),
            other.begin_authentication(&alice).await.unwrap(),
        );
        let (first, second) = (used(&mut key, &one), used(&mut key, &two));
        let (first, second) = tokio::join!(
            other.finish_authentication(&alice, &one.id, first),
            keys.finish_authentication(&alice, &two.id, second)
        );
        assert!(second.is_ok(), "{second:?}");
        assert!(first.is_ok() || refused(first) == Refusal::SignCount);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_finished_many_times_at_once_is_finished_once() {
    let world = World::new();
    let alice = account("alice");
    let all = [keys_of(&world.verifier), keys_of(&world.verifier_on(world.store()))];
    let (mut key, _) = enrolled(&all[0], "alice").await;
    for _ in 0..10 {
        let begun = all[0].begin_authentication(&alice).await.unwrap();
        let answer = used(&mut key, &begun);
        let mut tries = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (keys, alice, id, answer) =
                (all[number % 2].clone(), alice.clone(), begun.id.clone(), answer.clone());
            tries.spawn(async move { keys.finish_authentication(&alice, &id, answer).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) =
            tries.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(|lost| refused(lost) == REPLAYED));
    }
    assert_eq!(world.audited("key.accepted").await.len(), 10);
}
