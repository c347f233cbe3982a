//! Ceremonies: each ends with its first answer, and all wrong answers look and cost the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use test_support::keyring::{
    account, enrol, enrolled, forged, keys_of, made, origin, used, verify,
};
use test_support::world::{World, nowhere, refused};
use twostep::device::{DeviceState, Refusal};
use twostep::otp::compressions;
use twostep::secret::Secret;
use twostep::store::Keyring;
use twostep::testing::{SimulatedSecurityKey, Use};
use twostep::time::Clock;
use twostep::verifier::{Authority, CeremonyId, Error};
use twostep::webauthn::{Criterion, RequestOptions};

const SIGNATURE: Refusal = Refusal::Unproved(Criterion::Signature);
const REPLAYED: Refusal = Refusal::Replayed { next_code_at: None };

fn no_ceremony() -> CeremonyId {
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

    let audited = world.audited("key.refused").await;
    let reasons: Vec<_> = audited
        .iter()
        .map(|event| (event.reason.as_ref().unwrap().name(), event.serial.is_some()))
        .collect();
    let replayed = ("replayed", false);
    assert_eq!(
        reasons,
        [replayed, replayed, replayed, ("signature", true), replayed, ("challenge", true)]
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

#[tokio::test]
async fn eight_ceremonies_of_an_account_are_open_and_five_minutes_long() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let ((mut key, _), (mut his, _)) =
        (enrolled(&keys, "alice").await, enrolled(&keys, "bob").await);
    let (alice, bob) = (account("alice"), account("bob"));
    let of_bob = keys.begin_authentication(&bob).await.unwrap();
    let mut all = Vec::new();
    for number in 0..10 {
        if number % 3 == 0 {
            keys.begin_registration(&alice, None, &Authority::Admin).await.unwrap();
        }
        all.push(keys.begin_authentication(&alice).await.unwrap());
    }
    // Fourteen began; the sign-ins among the last eight are 4 to 9.
    for (number, begun) in all.iter().enumerate() {
        let finished = keys.finish_authentication(&alice, &begun.id, used(&mut key, begun)).await;
        match finished {
            Ok(_) => assert!(number >= 4, "{number}"),
            finished => assert!(refused(finished) == Refusal::NoCeremony && number < 4, "{number}"),
        }
    }
    let _verified = keys
        .finish_authentication(&bob, &of_bob.id, used(&mut his, &of_bob))
        .await
        .unwrap();

    for (seconds, open) in [(299, true), (300, false)] {
        let begun = keys.begin_authentication(&alice).await.unwrap();
        world.pass(seconds);
        let finished = keys.finish_authentication(&alice, &begun.id, used(&mut key, &begun)).await;
        assert_eq!(finished.is_ok(), open, "{seconds} {finished:?}");
    }
    // Unfinished ceremonies expire.
    world.verifier.expire(Duration::from_secs(86_400)).await.unwrap();
    assert_eq!(rows(&world, "1"), 0);
}

/// Counts the single-use items that meet this condition.
fn rows(world: &World, condition: &str) -> u32 {
    let store = rusqlite::Connection::open(world.path()).unwrap();
    store
        .query_row(&format!("SELECT count(*) FROM single_use WHERE {condition}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[tokio::test]
async fn an_account_without_a_key_gets_the_same_kind_of_options() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    world.active("carol").await;
    let asked = async |name: &str| {
        let begun = keys.begin_authentication(&account(name)).await.unwrap();
        begun
            .options
            .allow_credentials
            .into_iter()
            .map(|credential| credential.id)
            .collect::<Vec<_>>()
    };
    let hidden = async |name: &str| {
        let begun = keys.begin_hidden_authentication(&account(name)).await.unwrap();
        begun
            .options
            .allow_credentials
            .into_iter()
            .map(|credential| credential.id)
            .collect::<Vec<_>>()
    };
    let mut all = BTreeSet::new();
    for name in ["nobody", "somebody", "carol"] {
        let ids = asked(name).await;
        assert_eq!(ids, asked(name).await, "{name}: the same every time");
        assert_eq!(ids, hidden(name).await, "{name}: who may not know of it is told the same");
        assert_eq!(ids.len(), 1);
        assert!(all.insert(ids));
    }
    assert_ne!(
        hidden("alice").await,
        asked("alice").await,
        "who may not know of a key does not hear its id"
    );
    // The options differ in ids and challenge only.
    let plain = |begun: twostep::verifier::Begun<twostep::webauthn::RequestOptions>| {
        let mut options = serde_json::to_value(begun.options).unwrap();
        options["challenge"] = options["challenge"].as_str().unwrap().len().into();
        options["allowCredentials"][0]["id"] = true.into();
        options
    };
    let [real, decoy] = [
        keys.begin_authentication(&account("alice")).await.unwrap(),
        keys.begin_authentication(&account("dave")).await.unwrap(),
    ];
    assert_eq!(plain(real), plain(decoy));

    for number in 0..50 {
        asked(&format!("nobody-{number}")).await;
    }
    assert_eq!(rows(&world, "kind = 'decoy'"), 8, "what is kept for nobody does not grow");
    // An account of the name that they are kept for is another.
    let begun = keys.begin_authentication(&account("nobody")).await.unwrap();
    enrolled(&keys, "nobody").await;
    let mut options = begun.options.clone();
    options.allow_credentials = keys
        .begin_authentication(&account("alice"))
        .await
        .unwrap()
        .options
        .allow_credentials;
    let answer = key.get(&options, &test_support::keyring::origin()).unwrap().response();
    assert_eq!(
        refused(keys.finish_authentication(&account("nobody"), &begun.id, answer).await),
        Refusal::KeyNotRegistered
    );
}

#[tokio::test]
async fn a_ceremony_outlives_a_replaced_sealing_key() {
    let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
    let world = World::sealed_with(Keyring::new(&old, &[]).unwrap());
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let [one, two] = [
        keys.begin_authentication(&account("alice")).await.unwrap(),
        keys.begin_authentication(&account("alice")).await.unwrap(),
    ];
    world
        .verifier
        .rotate_sealing_keys(Keyring::new(&new, &[old]).unwrap())
        .await
        .unwrap();
    let _verified = keys
        .finish_authentication(&account("alice"), &one.id, used(&mut key, &one))
        .await
        .unwrap();
    world
        .verifier
        .rotate_sealing_keys(Keyring::new(&new, &[]).unwrap())
        .await
        .unwrap();
    assert_eq!(
        refused(
            keys.finish_authentication(&account("alice"), &two.id, used(&mut key, &two))
                .await
        ),
        Refusal::NoMatch
    );
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_not_trusted_decides_nothing() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    world.verifier.note_time().await.unwrap();
    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    let answer = used(&mut key, &begun);
    let before = world.clock.read().wall;
    world.clock.set_wall(before.minus(Duration::from_secs(3_600)));
    for finished in [
        keys.finish_authentication(&account("alice"), &begun.id, answer.clone())
            .await
            .map(drop),
        keys.begin_authentication(&account("alice")).await.map(drop),
        keys.begin_registration(&account("bob"), None, &Authority::Admin)
            .await
            .map(drop),
    ] {
        assert!(matches!(finished, Err(Error::Clock(_))), "{finished:?}");
    }
    world.clock.set_wall(before);
    let _verified = keys.finish_authentication(&account("alice"), &begun.id, answer).await.unwrap();
}

/// Neither keeps the other out.
#[tokio::test]
async fn codes_do_not_throttle_keys_nor_keys_codes() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let token = world.active("alice").await;
    let (mut key, _) = enrolled(&keys, "alice").await;
    for _ in 0..70 {
        let begun = keys.begin_authentication(&account("alice")).await.unwrap();
        assert_eq!(
            refused(
                keys.finish_authentication(&account("alice"), &begun.id, forged(&mut key, &begun))
                    .await
            ),
            SIGNATURE
        );
    }
    let _verified = world
        .verifier
        .verify_code(&token.account, &token.serial, token.code(world.now()))
        .await
        .unwrap();
    for _ in 0..60 {
        refused(
            world
                .verifier
                .verify_code(&token.account, &nowhere(), token.wrong(world.now()))
                .await,
        );
    }
    world.pass(30);
    let throttled = refused(
        world
            .verifier
            .verify_code(&token.account, &token.serial, token.code(world.now()))
            .await,
    );
    assert!(matches!(throttled, Refusal::Throttled { .. }), "{throttled:?}");
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

#[tokio::test]
async fn an_account_that_was_removed_takes_its_ceremonies_along() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    let answer = used(&mut key, &begun);
    world.verifier.remove_account(&account("alice")).await.unwrap();
    assert_eq!(
        refused(keys.finish_authentication(&account("alice"), &begun.id, answer).await),
        Refusal::KeyNotRegistered
    );
}

#[tokio::test]
async fn every_refusal_of_a_key_costs_what_that_of_a_code_does() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let token = world.active("carol").await;
    let ((mut key, _), (mut his, of_bob)) =
        (enrolled(&keys, "alice").await, enrolled(&keys, "bob").await);
    let mut copy = key.clone();
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
    let (alice, bob, nobody) = (account("alice"), account("bob"), account("nobody-at-all"));
    let begin = async |account| keys.begin_authentication(account).await.unwrap();
    let (spent, disabled, wrong, cloned, foreign, mixed, unknown) = (
        begin(&alice).await,
        begin(&bob).await,
        begin(&alice).await,
        begin(&alice).await,
        begin(&alice).await,
        begin(&alice).await,
        begin(&nobody).await,
    );
    let enrolment = keys.begin_registration(&alice, None, &Authority::Admin).await.unwrap();
    let replayed = used(&mut key, &spent);
    let _verified = keys.finish_authentication(&alice, &spent.id, replayed.clone()).await.unwrap();
    world.verifier.deactivate(&of_bob.serial, &Authority::Admin).await.unwrap();
    let begun_for_nobody = used(&mut key, &mixed);
    let cases = [
        ("replayed", &alice, &spent.id, replayed),
        ("signature", &alice, &wrong.id, forged(&mut key, &wrong)),
        ("no_match", &alice, &enrolment.id, used(&mut key, &mixed)),
        ("sign_count", &alice, &cloned.id, used(&mut copy, &cloned)),
        ("not_active", &bob, &disabled.id, used(&mut his, &disabled)),
        ("key_not_registered", &alice, &foreign.id, used(&mut his, &disabled)),
        ("no_ceremony", &alice, &no_ceremony(), used(&mut key, &mixed)),
        ("no_ceremony", &bob, &mixed.id, used(&mut key, &mixed)),
        ("unknown_device", &nobody, &unknown.id, begun_for_nobody),
    ];
    let mut costs: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (reason, account, id, answer) in cases {
        let (counted, real) = (world.verifier.counts().compressions, compressions());
        assert_eq!(refused(keys.finish_authentication(account, id, answer).await).name(), reason);
        let cost = compressions() - real;
        assert_eq!(
            world.verifier.counts().compressions - counted,
            cost,
            "{reason}: what is counted is what was done"
        );
        costs.entry(cost).or_default().push(reason);
    }
    let real = compressions();
    refused(
        world
            .verifier
            .verify_code(&token.account, &token.serial, token.wrong(world.now()))
            .await,
    );
    costs.entry(compressions() - real).or_default().push("a wrong code");
    assert_eq!(costs.len(), 1, "compressions by class: {costs:#?}");
}
