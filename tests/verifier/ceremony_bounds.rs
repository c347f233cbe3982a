//! Bounds of ceremonies: their number, their time, their keys, and the cost of refusals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use test_support::keyring::{account, enrol, enrolled, forged, keys_of, made, used, verify};
use test_support::restore;
use test_support::world::{World, nowhere, refused};
use twostep::device::Refusal;
use twostep::id::ClientId;
use twostep::otp::compressions;
use twostep::secret::Secret;
use twostep::store::Keyring;
use twostep::testing::SimulatedSecurityKey;
use twostep::time::Clock;
use twostep::verifier::{Authority, Error};

use super::ceremonies::{SIGNATURE, no_ceremony};

/// Strangers begin one sign-in and enrolment after the other, by any client and caller.
#[tokio::test]
async fn no_number_of_ceremonies_ends_another_or_takes_room() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let before = world.rows("single_use", "TRUE");
    let alice = account("alice");
    let mut new = SimulatedSecurityKey::new("new");
    let owner = keys.with_client("owner".parse::<ClientId>().unwrap());
    let sign_in = owner.begin_authentication(&alice).await.unwrap();
    let enrolment = owner.begin_registration(&alice, None, &Authority::Admin).await.unwrap();
    for number in 0..500 {
        let client: ClientId = format!("stranger-{}", number % 20).parse().unwrap();
        let strangers = keys.with_client((number % 2 == 0).then_some(client));
        strangers.begin_authentication(&alice).await.unwrap();
        strangers.begin_registration(&alice, None, &Authority::Admin).await.unwrap();
        strangers
            .begin_authentication(&account(&format!("none-{number}")))
            .await
            .unwrap();
    }
    assert_eq!(world.rows("single_use", "TRUE"), before, "ceremonies that begin are not stored");
    let answer = used(&mut key, &sign_in);
    let _verified = owner.finish_authentication(&alice, &sign_in.id, answer).await.unwrap();
    let answer = made(&mut new, &enrolment.options);
    owner
        .finish_registration(&enrolment.id, answer, &Authority::Admin)
        .await
        .unwrap();
    assert_eq!(world.rows("single_use", "consumed"), before + 2, "each leaves its mark");
}

#[tokio::test]
async fn a_ceremony_is_five_minutes_long() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let alice = account("alice");
    for (seconds, open) in [(299, true), (300, false)] {
        let begun = keys.begin_authentication(&alice).await.unwrap();
        world.pass(seconds);
        let finished = keys.finish_authentication(&alice, &begun.id, used(&mut key, &begun)).await;
        assert_eq!(finished.is_ok(), open, "{seconds} {finished:?}");
    }
    // Marks of finished ceremonies expire a day later.
    world.pass(86_400);
    world.verifier.expire(Duration::from_secs(86_400)).await.unwrap();
    assert_eq!(world.rows("single_use", "TRUE"), 0);
}

/// A clock that ran ahead for a while, and housekeeping meanwhile, bring no ceremony back.
#[tokio::test]
async fn a_finished_ceremony_stays_finished_when_the_clock_goes_back() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let alice = account("alice");
    let begun = keys.begin_authentication(&alice).await.unwrap();
    let answer = used(&mut key, &begun);
    let _verified = keys.finish_authentication(&alice, &begun.id, answer.clone()).await.unwrap();
    let before = world.now();
    world.pass(3_000);
    world.verifier.expire(Duration::from_secs(86_400)).await.unwrap();
    world.clock.set_wall(before);
    world.verifier.accept_clock().await.unwrap();
    let again = keys.finish_authentication(&alice, &begun.id, answer).await;
    assert_eq!(refused(again).name(), "replayed");
}

/// A restore drops the marks of finished ceremonies, and ends all that began before it.
#[tokio::test]
async fn a_restore_ends_the_ceremonies_that_began_before() {
    let mut world = World::in_file();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let alice = account("alice");
    let begun = keys.begin_authentication(&alice).await.unwrap();
    let answer = used(&mut key, &begun);
    let copy = world.path().with_file_name("copy.db");
    world.store().backup(copy.clone()).await.unwrap();
    let _verified = keys.finish_authentication(&alice, &begun.id, answer.clone()).await.unwrap();
    world.pass(1);
    restore::with(&copy, world.now(), &world.keyring).unwrap();
    world.move_to(&copy);
    let keys = keys_of(&world.verifier);
    let again = keys.finish_authentication(&alice, &begun.id, answer).await;
    assert_eq!(refused(again), Refusal::NoCeremony);
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

/// The id of a ceremony tells neither keys nor account to its holder.
#[tokio::test]
async fn ids_of_known_and_unknown_accounts_are_of_one_length() {
    let world = World::in_file();
    let keys = keys_of(&world.verifier);
    let (mut hers, _) = enrolled(&keys, "alice").await;
    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    let answer = used(&mut hers, &begun);
    for number in 0..4 {
        let mut key = SimulatedSecurityKey::new(&format!("key-{number}"));
        enrol(&keys, "bobby", &mut key, &Authority::Admin).await.unwrap();
    }
    let mut lengths = BTreeSet::new();
    for name in ["alice", "bobby", "carol"] {
        let begun = keys.begin_authentication(&account(name)).await.unwrap();
        lengths.insert(begun.id.as_str().len());
        let again = keys.begin_authentication(&account(name)).await.unwrap();
        assert_ne!(begun.id, again.id);
        let text = begun.id.as_str().to_owned();
        let end = text.len() - 20;
        let other = if text.ends_with('A') { "B" } else { "A" };
        let spoiled = [&text[..end], other, &text[end + 1..]].concat();
        if spoiled != text {
            let spoiled = spoiled.parse().unwrap();
            let finished = keys.finish_usernameless(&spoiled, answer.clone(), |_| true).await;
            assert_eq!(refused(finished), Refusal::NoCeremony);
        }
    }
    assert_eq!(lengths.len(), 1, "{lengths:?}");
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
        assert!((1..=3).contains(&ids.len()), "as many as people have");
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
        options["allowCredentials"].as_array_mut().unwrap().truncate(1);
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
    assert_eq!(
        world.rows("single_use", "kind = 'decoy'"),
        0,
        "nothing is kept for unknown accounts"
    );
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
        Refusal::NoCeremony
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

/// Codes and keys are counted apart.
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
async fn refusals_of_keys_cost_as_much_as_refusals_of_codes() {
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
