//! Revocation as others are told of it: a list that says what introspection says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use test_support::forge::{Forge, opened};
use test_support::stored;
use twostep::id::AccountId;
use twostep::session::{
    AnyContext, BadList, Invalid, JwkSet, KeySource, Lifetime, RevocationFeed, RevocationList,
    RevocationSource, SignedContext, SigningAlgorithm, Validator,
};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error};

use super::revocation::{Node, Presser};
use super::{Desk, alive};

/// Documents that a remote validator has fetched.
#[derive(Default)]
struct Fetched {
    keys: Mutex<JwkSet>,
    list: Mutex<Option<Arc<RevocationList>>>,
}

impl KeySource for Fetched {
    fn keys(&self) -> JwkSet {
        self.keys.lock().unwrap().clone()
    }
}

impl RevocationSource for Fetched {
    fn current(&self) -> Option<Arc<RevocationList>> {
        self.list.lock().unwrap().clone()
    }
}

/// A desk whose revocations are published, and a validator that hears of them when it fetches.
struct Abroad {
    desk: Desk,
    feed: RevocationFeed,
    fetched: Arc<Fetched>,
    validator: Validator,
}

impl Abroad {
    async fn new() -> Abroad {
        let (desk, fetched) = (Desk::new().await, Arc::<Fetched>::default());
        let feed = RevocationFeed::new(desk.issuer.clone(), desk.world.verifier.clone())
            .looking_after(Duration::ZERO);
        let validator = Validator::new(Arc::clone(&fetched), "twostep", "twostep")
            .with_clock(Arc::new(desk.world.clock.clone()));
        let validator = validator.with_revocations(Arc::<Fetched>::clone(&fetched));
        Abroad { desk, feed, fetched, validator }
    }

    async fn fetch(&self) -> String {
        let (keys, list) =
            (self.desk.issuer.jwks().await.unwrap(), self.feed.current().await.unwrap());
        let read =
            RevocationList::verify(&list.text, &keys, "twostep", self.desk.world.now()).unwrap();
        (*self.fetched.keys.lock().unwrap(), *self.fetched.list.lock().unwrap()) =
            (keys, Some(Arc::new(read)));
        list.text.clone()
    }

    /// A context without MFA that lives as long as any may.
    async fn longest(&self) -> SignedContext {
        let lifetime = Lifetime::try_from(Lifetime::LONGEST).unwrap();
        let issuer = self.desk.issuer.clone().lifetime(lifetime);
        issuer.issue_without_mfa(&self.desk.alice.account, "twostep").await.unwrap().0
    }

    fn node(&self) -> Node {
        let (verifier, issuer) = (self.desk.world.verifier.clone(), self.desk.issuer.clone());
        Node { verifier, issuer, introspector: self.desk.introspector() }
    }
}

/// Numbers that look random, and are the same for the same history.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// `TWOSTEP_HISTORIES` says how many histories there are (6).
#[tokio::test]
async fn the_list_always_agrees_with_introspection() {
    let histories = std::env::var("TWOSTEP_HISTORIES")
        .ok()
        .map_or(6, |number| number.parse().unwrap());
    let mut answers = BTreeMap::<String, usize>::new();
    for history in 0..histories {
        let (abroad, mut dice, mut tokens) =
            (Abroad::new().await, Dice(history), Vec::<SignedContext>::new());
        let (node, world) = (abroad.node(), &abroad.desk.world);
        let mut people = Vec::new();
        for name in ["alice", "alice", "bob"] {
            people.push(Presser::new(&node.verifier, name).await);
        }
        for step in 0..60 {
            let what = happens(&abroad, &node, &mut people, &mut dice, &mut tokens).await;
            world.pass(
                [0, 0, 0, 1, 40, 4_000, 50_000]
                    [usize::try_from(dice.below(if step % 10 == 9 { 7 } else { 5 })).unwrap()],
            );
            abroad.fetch().await;
            for signed in &tokens {
                let (here, there) = (
                    alive(&node.introspector, signed).await,
                    abroad.validator.validate_any(signed),
                );
                assert_eq!(
                    here,
                    there.is_ok(),
                    "history {history}, step {step}, after {what}: {there:?} {}",
                    opened(signed)[1]
                );
                *answers
                    .entry(
                        there.map_or_else(|invalid| format!("{invalid:?}"), |_| "alive".to_owned()),
                    )
                    .or_default() += 1;
            }
        }
    }
    println!("{answers:?}");
    for answer in ["alive", "Revoked", "Expired", "Key"] {
        assert!(answers.contains_key(answer), "nothing was ever {answer}: {answers:?}");
    }
}

/// One thing that happens, at random.
async fn happens(
    abroad: &Abroad,
    node: &Node,
    people: &mut [Presser],
    dice: &mut Dice,
    tokens: &mut Vec<SignedContext>,
) -> &'static str {
    let (world, verifier, issuer) = (&abroad.desk.world, &node.verifier, &node.issuer);
    let index = usize::try_from(dice.below(3)).unwrap();
    let account = people[index].account.clone();
    let person = &mut people[index];
    match dice.below(24) {
        0..=9 => {
            let lifetime = Lifetime::try_from(Duration::from_secs(
                [900, 3_600, 129_600][usize::try_from(dice.below(3)).unwrap()],
            ))
            .unwrap();
            let node = Node { issuer: issuer.clone().lifetime(lifetime), ..node.clone() };
            tokens.push(person.open(&node).await.0);
            "a sign-in"
        }
        10 => {
            tokens.push(issuer.issue_without_mfa(&account, "twostep").await.unwrap().0);
            "a sign-in without MFA"
        }
        11 => {
            let bypass = verifier.bypass(&account, Duration::from_secs(60)).await.unwrap();
            let verified = verifier
                .verify_code(
                    &account,
                    None,
                    bypass.code.to_text().parse::<twostep::verifier::Passcode>().unwrap(),
                )
                .await;
            tokens.push(issuer.issue(verified.unwrap(), "twostep").await.unwrap());
            "a sign-in with a bypass code"
        }
        12 | 13 => {
            verifier.revoke_sessions(&account, None, None).await.unwrap();
            "a revocation of an account"
        }
        14 => {
            let back = world.now().minus(Duration::from_secs(dice.below(10_000)));
            verifier.revoke_sessions(&account, Some(back), None).await.unwrap();
            "a revocation up to a time"
        }
        15 | 16 => {
            verifier.revoke_sessions(&account, None, Some(&person.serial)).await.unwrap();
            "a revocation of a device"
        }
        17 | 18 => {
            let Some(signed) = tokens.get(
                usize::try_from(dice.below(u64::try_from(tokens.len().max(1)).unwrap())).unwrap(),
            ) else {
                return "nothing";
            };
            let claims = &opened(signed)[1];
            let account: AccountId = claims["sub"].as_str().unwrap().parse().unwrap();
            let expires_at = UnixTime(claims["exp"].as_u64().unwrap());
            verifier
                .revoke_session(&account, claims["jti"].as_str().unwrap(), expires_at)
                .await
                .unwrap();
            "a revocation of one context"
        }
        19 => {
            verifier.deactivate(&person.serial, &Authority::Admin).await.unwrap();
            person.activate(verifier).await;
            "a device put away and back"
        }
        20 => {
            verifier.remove(&person.serial, &Authority::Admin).await.unwrap();
            *person = Presser::new(verifier, account.as_str()).await;
            "a device replaced by another"
        }
        21 => {
            verifier.remove_account(&account).await.unwrap();
            for person in people.iter_mut().filter(|person| person.account == account) {
                *person = Presser::new(verifier, account.as_str()).await;
            }
            "an account removed and made again"
        }
        22 => {
            issuer.rotate_keys(SigningAlgorithm::EdDsa).await.unwrap();
            "a new signing key"
        }
        _ => {
            let oldest = issuer.signing_keys().await.unwrap().pop().unwrap();
            issuer.drop_key(&oldest.kid).await.unwrap();
            verifier.expire(Duration::from_secs(86_400)).await.unwrap();
            "a signing key dropped"
        }
    }
}

#[tokio::test]
async fn the_list_is_signed_anonymous_and_forgets_expired_contexts() {
    let abroad = Abroad::new().await;
    let (world, alice) = (&abroad.desk.world, &abroad.desk.alice);
    let (signed, context) = abroad.desk.open("twostep").await;
    world.verifier.revoke_sessions(&alice.account, None, None).await.unwrap();
    world
        .verifier
        .revoke_sessions(&alice.account, None, Some(&alice.serial))
        .await
        .unwrap();
    world
        .verifier
        .revoke_session(&alice.account, &context.common().session_id, context.common().expires_at)
        .await
        .unwrap();
    let text = abroad.fetch().await;
    let now = world.now().0;
    let digest = |texts: &[&str]| URL_SAFE_NO_PAD.encode(Sha256::digest(texts.join("\0")));
    let [header, claims] = opened(&SignedContext::new(text.clone()));
    let mut named = claims.clone();
    let place = named.as_object_mut().unwrap().remove("place");
    assert_eq!(place.is_some(), stored::on_postgres(), "lists of one file go by its clock");
    assert_eq!(
        header,
        json!({ "alg": "EdDSA", "kid": opened(&signed)[0]["kid"], "typ": "mfa-revocations+jwt" })
    );
    let expected = json!({
        "iss": "twostep", "iat": now, "exp": now + 129_600,
        "accounts": { digest(&["twostep", "alice"]): [now, 2] },
        "devices": { digest(&["twostep", "alice", alice.serial.as_str()]): now },
        "device_generations": { digest(&["twostep", "alice", alice.serial.as_str()]): 1 },
        "sessions": { (&context.common().session_id): context.common().expires_at.0 },
    });
    assert_eq!(named, expected);

    // A list is none for contexts, and a context is no list.
    assert_eq!(
        abroad.validator.validate_any(&SignedContext::new(text.clone())),
        Err(Invalid::Type)
    );
    let keys = abroad.desk.issuer.jwks().await.unwrap();
    let verify = |text: &str, issuer: &str, now| {
        RevocationList::verify(text, &keys, issuer, UnixTime(now)).err()
    };
    assert_eq!(verify(&text, "twostep", now), None);
    assert_eq!(verify(signed.as_str(), "twostep", now), Some(BadList::Unsigned(Invalid::Type)));
    assert_eq!(verify(&text, "another", now), Some(BadList::Issuer));
    assert_eq!(verify(&text, "twostep", now - 6), Some(BadList::Date));
    assert_eq!(verify(&text, "twostep", now + 129_600), Some(BadList::Date));
    let forge = Forge::of(&abroad.desk.issuer, &world.verifier).await;
    let foreign = Forge::foreign(&forge.kid);
    assert_eq!(
        verify(foreign.sign(&header, &claims).as_str(), "twostep", now),
        Some(BadList::Unsigned(Invalid::Signature))
    );
    for (member, value) in [
        ("accounts", Value::Null),
        ("accounts", json!({ "x": [1, 2] })),
        ("devices", json!([])),
        ("iat", json!("1")),
    ] {
        let mut other = claims.clone();
        other[member] = value;
        assert_eq!(
            verify(forge.sign(&header, &other).as_str(), "twostep", now),
            Some(BadList::Malformed),
            "{other}"
        );
    }

    // As long as the longest context lives, and an hour for clocks that were ahead.
    world.pass(129_600 + 3_599);
    abroad.fetch().await;
    let entries =
        |text: String| opened(&SignedContext::new(text))[1]["accounts"].as_object().unwrap().len();
    assert_eq!(entries(abroad.fetch().await), 1);
    world.pass(1);
    assert_eq!(entries(abroad.fetch().await), 0);
}

#[tokio::test]
async fn the_list_changes_by_revocations_and_is_signed_each_minute() {
    let abroad = Abroad::new().await;
    let (world, issuer) = (&abroad.desk.world, &abroad.desk.issuer);
    let feed = RevocationFeed::new(issuer.clone(), world.verifier.clone());
    let first = feed.current().await.unwrap();
    world.pass(59);
    assert_eq!(feed.current().await.unwrap(), first);
    world.pass(1);
    let second = feed.current().await.unwrap();
    assert!(second.etag != first.etag && second.text != first.text);
    // The store is asked once a second.
    world
        .verifier
        .revoke_sessions(&abroad.desk.alice.account, None, None)
        .await
        .unwrap();
    assert_eq!(feed.current().await.unwrap(), second);
    world.pass(1);
    let third = feed.current().await.unwrap();
    assert_ne!(third, second);
    // Another key signs: the list does not wait.
    let key = issuer.rotate_keys(SigningAlgorithm::Es256).await.unwrap();
    let fourth = feed.current().await.unwrap();
    assert_eq!(opened(&SignedContext::new(fourth.text.clone()))[0]["kid"], key.kid);
}

#[tokio::test]
async fn a_list_says_nothing_after_its_end_to_the_most_patient() {
    let abroad = Abroad::new().await;
    abroad.fetch().await;
    let patient = abroad.validator.clone().max_staleness(Duration::from_secs(31_536_000));
    let world = &abroad.desk.world;
    // A context that outlives the list.
    world.pass(3_600);
    let long = abroad.longest().await;
    world.pass(129_600 - 3_601);
    assert!(patient.validate_any(&long).is_ok(), "the last second of the list");
    world.pass(1);
    assert_eq!(patient.validate_any(&long).err(), Some(Invalid::RevocationsStale));
}

#[tokio::test]
async fn a_validator_refuses_without_a_recent_list() {
    let abroad = Abroad::new().await;
    let (signed, _) = abroad.desk.open("twostep").await;
    *abroad.fetched.keys.lock().unwrap() = abroad.desk.issuer.jwks().await.unwrap();
    assert_eq!(
        abroad.validator.validate(&signed),
        Err(Invalid::RevocationsStale),
        "there never was a list"
    );
    abroad.fetch().await;
    let patient = abroad.validator.clone().max_staleness(Duration::from_secs(86_400));
    let hasty = abroad.validator.clone().max_staleness(Duration::from_secs(10));
    let long = abroad.longest().await;
    let read = |validator: &Validator| {
        validator
            .validate_any(&long)
            .map(|context| matches!(context, AnyContext::WithoutMfa(_)))
    };
    for (seconds, hasty_says) in [
        (10, Ok(true)),
        (1, Err(Invalid::RevocationsStale)),
        (3_589, Err(Invalid::RevocationsStale)),
    ] {
        abroad.desk.world.pass(seconds);
        assert_eq!(
            (read(&hasty), read(&abroad.validator)),
            (hasty_says, Ok(true)),
            "{seconds} seconds more"
        );
    }
    abroad.desk.world.pass(1);
    assert_eq!(
        (read(&abroad.validator), read(&patient)),
        (Err(Invalid::RevocationsStale), Ok(true)),
        "an hour by default"
    );
    // Contexts on the list are dead, however old the list is.
    abroad
        .desk
        .world
        .verifier
        .revoke_sessions(&abroad.desk.alice.account, None, None)
        .await
        .unwrap();
    abroad.fetch().await;
    abroad.desk.world.pass(3_601);
    assert_eq!(
        (read(&abroad.validator), read(&patient)),
        (Err(Invalid::Revoked), Err(Invalid::Revoked))
    );
}

#[tokio::test]
async fn an_overfull_list_revokes_more_and_revives_nothing() {
    let abroad = Abroad::new().await;
    let abroad = Abroad { feed: abroad.feed.holding(2), ..abroad };
    let (node, world) = (abroad.node(), &abroad.desk.world);
    let bystander: AccountId = "bystander".parse().unwrap();
    let (mut dead, mut early) = (Vec::new(), None);
    for number in 0..4 {
        let account = format!("person {number}").parse().unwrap();
        dead.push(node.issuer.issue_without_mfa(&account, "twostep").await.unwrap().0);
        early =
            early.or(Some(node.issuer.issue_without_mfa(&bystander, "twostep").await.unwrap().0));
        node.verifier.revoke_sessions(&account, None, None).await.unwrap();
        world.pass(10);
    }
    let late = node.issuer.issue_without_mfa(&bystander, "twostep").await.unwrap().0;
    abroad.fetch().await;
    for signed in &dead {
        assert_eq!(abroad.validator.validate_any(signed), Err(Invalid::Revoked));
    }
    assert_eq!(
        abroad.validator.validate_any(&early.unwrap()),
        Err(Invalid::Revoked),
        "issued before the latest that did not fit"
    );
    assert!(abroad.validator.validate_any(&late).is_ok());

    // Single contexts that do not fit end what their account has so far.
    let mut dead = Vec::new();
    for number in 1..=4 {
        let lifetime = Lifetime::try_from(Duration::from_secs(1_000 * number)).unwrap();
        let (signed, context) = node
            .issuer
            .clone()
            .lifetime(lifetime)
            .issue_without_mfa(&bystander, "twostep")
            .await
            .unwrap();
        node.verifier
            .revoke_session(&bystander, &context.common().session_id, context.common().expires_at)
            .await
            .unwrap();
        dead.push(signed);
    }
    let other = "another".parse().unwrap();
    let other = node.issuer.issue_without_mfa(&other, "twostep").await.unwrap().0;
    abroad.fetch().await;
    for signed in dead.iter().chain([&late]) {
        assert_eq!(abroad.validator.validate_any(signed), Err(Invalid::Revoked));
    }
    assert!(abroad.validator.validate_any(&other).is_ok());
    assert!(matches!(
        node.verifier.revoke_sessions(&bystander, Some(UnixTime(u64::MAX)), None).await,
        Err(Error::BadInput(_))
    ));
}
