//! A validator by itself: where its keys come from, and what it remembers.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use test_support::forge::{Forge, opened};
use test_support::scratch;
use twostep::session::{
    Invalid, JwkSet, JwksFile, KeySource, RevocationFeed, RevocationList, SigningAlgorithm,
    Validator,
};

use super::Desk;

/// Keys that change during a test.
#[derive(Default)]
struct Changing {
    keys: Mutex<JwkSet>,
}

impl KeySource for Changing {
    fn keys(&self) -> JwkSet {
        self.keys.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_valid_token_is_judged_anew_every_time() {
    let desk = Desk::new().await;
    let source = Arc::new(Changing::default());
    *source.keys.lock().unwrap() = desk.issuer.jwks().await.unwrap();
    let validator = Validator::new(Arc::clone(&source), "twostep", "twostep")
        .with_clock(Arc::new(desk.world.clock.clone()));
    let (signed, issued) = desk.open("twostep").await;
    for _ in 0..3 {
        assert_eq!(validator.validate(&signed).as_ref(), Ok(&issued));
    }
    // A clock that was set back.
    desk.world.clock.jump(-36);
    assert_eq!(validator.validate(&signed), Err(Invalid::NotYet));
    desk.world.clock.jump(36);
    assert_eq!(validator.validate(&signed).as_ref(), Ok(&issued));

    // A key that was dropped, and another that is called like it.
    let kid = opened(&signed)[0]["kid"].as_str().unwrap().to_owned();
    let keys = std::mem::take(&mut *source.keys.lock().unwrap());
    assert_eq!(validator.validate(&signed), Err(Invalid::Key));
    let impostor = Desk::new().await.issuer.jwks().await.unwrap().to_json();
    let mut impostor: serde_json::Value = serde_json::from_str(&impostor).unwrap();
    impostor["keys"][0]["kid"] = json!(kid);
    *source.keys.lock().unwrap() = JwkSet::from_json(impostor.to_string().as_bytes()).unwrap();
    assert_eq!(validator.validate(&signed), Err(Invalid::Signature));
    // The same key, read anew.
    *source.keys.lock().unwrap() = JwkSet::from_json(keys.to_json().as_bytes()).unwrap();
    assert_eq!(validator.validate(&signed).as_ref(), Ok(&issued));

    desk.world.pass(3_600);
    assert_eq!(validator.validate(&signed), Err(Invalid::Expired));
}

/// One signature is verified in tens of microseconds. What is remembered does without.
#[tokio::test]
async fn garbage_does_not_displace_remembered_tokens() {
    let desk = Desk::new().await;
    let (signed, _) = desk.open("twostep").await;
    let looks = Arc::new(Changing::default());
    *looks.keys.lock().unwrap() = desk.issuer.jwks().await.unwrap();
    let validator = Validator::new(Arc::clone(&looks), "twostep", "twostep")
        .with_clock(Arc::new(desk.world.clock.clone()))
        .remembering(4);
    assert!(validator.validate(&signed).is_ok());
    assert_eq!(validator.remembered(), 1);
    let forge = Forge::of(&desk.issuer, &desk.world.verifier).await;
    let (other, [header, claims]) = (Forge::foreign(&forge.kid), opened(&signed));
    for round in 0..100 {
        let mut claims = claims.clone();
        claims["jti"] = json!(format!("{round}"));
        assert_eq!(validator.validate(&other.sign(&header, &claims)), Err(Invalid::Signature));
        // Well signed, and not for us.
        claims["aud"] = json!("payments");
        assert_eq!(validator.validate(&forge.sign(&header, &claims)), Err(Invalid::Audience));
    }
    assert_eq!(validator.remembered(), 1, "only what was valid");
    for round in 0..100 {
        let mut claims = claims.clone();
        claims["jti"] = json!(format!("{round}"));
        assert!(validator.validate(&forge.sign(&header, &claims)).is_ok());
        assert!(validator.validate(&signed).is_ok());
        assert!(validator.remembered() <= 4, "and not more than it may");
    }
}

#[tokio::test]
async fn a_changed_key_file_is_read_and_a_broken_one_ignored() {
    let (desk, folder) = (Desk::new().await, scratch::folder());
    let path = folder.path().join("jwks.json");
    assert!(JwksFile::open(&path).is_err(), "no file");
    fs::write(&path, "{}").unwrap();
    assert!(JwksFile::open(&path).unwrap_err().to_string().contains("no JWK Set"));
    let publish = async || fs::write(&path, desk.issuer.jwks().await.unwrap().to_json()).unwrap();
    publish().await;
    let file = Arc::new(JwksFile::open(&path).unwrap());
    let validator = Validator::new(Arc::clone(&file), "twostep", "twostep")
        .with_clock(Arc::new(desk.world.clock.clone()));
    let (old, _) = desk.open("twostep").await;
    desk.issuer.rotate_keys(SigningAlgorithm::Es256).await.unwrap();
    let (new, _) = desk.open("twostep").await;
    publish().await;
    file.reload().unwrap();
    assert!(validator.validate(&old).is_ok() && validator.validate(&new).is_ok());

    desk.issuer.drop_key(opened(&old)[0]["kid"].as_str().unwrap()).await.unwrap();
    publish().await;
    sleep(Duration::from_millis(1_050));
    assert_eq!(validator.validate(&old), Err(Invalid::Key), "nobody had to ask");
    fs::write(&path, "{\"keys\":[{\"kty\":\"OKP\"").unwrap();
    sleep(Duration::from_millis(1_050));
    assert!(validator.validate(&new).is_ok() && file.reload().is_err());
    fs::remove_file(&path).unwrap();
    sleep(Duration::from_millis(1_050));
    assert!(validator.validate(&new).is_ok());
}

#[tokio::test]
async fn a_clock_set_back_revives_no_context() {
    let desk = Desk::new().await;
    let (world, clock) = (&desk.world, Arc::new(desk.world.clock.clone()));
    let keys = desk.issuer.jwks().await.unwrap();
    let feed = RevocationFeed::new(desk.issuer.clone(), world.verifier.clone());
    let (signed, _) = desk.open("twostep").await;
    let validator = Validator::new(keys.clone(), "twostep", "twostep").with_clock(clock.clone());
    world.pass(3_600);
    let list = feed.current().await.unwrap();
    let list = RevocationList::verify(&list.text, &keys, "twostep", world.now()).unwrap();
    assert_eq!(validator.validate(&signed), Err(Invalid::Expired));
    world.clock.jump(-3_000);
    for validator in [validator.clone(), validator.clone().remembering(0)] {
        assert_eq!(validator.validate(&signed), Err(Invalid::Clock));
    }
    // A validator that is made now knows the time of its list.
    let later = Validator::new(keys, "twostep", "twostep").with_clock(clock);
    let later = later.with_revocations(Arc::new(Arc::new(list)));
    assert_eq!(later.validate(&signed), Err(Invalid::RevocationsStale));

    // Right again; ahead and back; and a step back that is a correction.
    world.clock.jump(3_000);
    assert_eq!(validator.validate(&signed), Err(Invalid::Expired));
    world.clock.jump(86_400);
    assert_eq!(validator.validate(&signed), Err(Invalid::Expired));
    world.clock.jump(-86_400);
    let (signed, issued) = desk.open("twostep").await;
    assert_eq!(validator.validate(&signed), Ok(issued.clone()));
    world.clock.jump(-62);
    assert_eq!(validator.validate(&signed), Err(Invalid::Clock));
    world.clock.set_synchronised(true);
    world.pass(40);
    assert_eq!(validator.validate(&signed), Ok(issued));
}
