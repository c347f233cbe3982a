//! A validator that follows its issuer: what it hears of, how soon, and what it does when it hears
//! nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, enrol, now, text};
use test_support::world::World;
use twostep::http::{Endpoint, Roots};
use twostep::session::{
    Following, Invalid, Issuer, JwkSet, KeyError, RemoteFault, RemoteIssuer, RevocationFeed,
    SignedContext,
};
use twostep::testing::FixedClock;

use super::{BOUND, until};

/// A session that lasts as long as one can.
fn long_session(admin: &Client, token: &mut Token) -> SignedContext {
    let (serial, code) = (token.serial.clone(), token.code());
    let body = json!({
        "account": "alice", "serial": serial, "code": code, "duration_seconds": 129_600,
    });
    SignedContext::new(text(&admin.post("/v1/sessions", body).is(201)["token"]))
}

async fn follow(issuer: RemoteIssuer) -> Following {
    let following = issuer.follow();
    following.ready(BOUND).await.unwrap();
    following
}

#[tokio::test]
async fn a_decision_reaches_a_validator_within_five_seconds() {
    let agent = Agent::start("");
    let admin = Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    let following = follow(RemoteIssuer::new(Endpoint::unix(agent.socket()), "twostep")).await;
    let validator = following.validator("twostep");
    let signed = SignedContext::new(token.session(&admin, "alice"));
    assert_eq!(validator.validate(&signed).unwrap().account().as_str(), "alice");

    admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    let revoked =
        until("the account is revoked", || validator.validate(&signed) == Err(Invalid::Revoked))
            .await;
    let signed = SignedContext::new(token.session(&admin, "alice"));
    assert!(validator.validate(&signed).is_ok(), "what was opened afterwards lives");
    admin.post("/v1/sessions/revoke", json!({"token": signed.as_str()})).is(204);
    let one =
        until("the session is revoked", || validator.validate(&signed) == Err(Invalid::Revoked))
            .await;

    let signed = SignedContext::new(token.session(&admin, "alice"));
    let old = text(&admin.get("/v1/signing-keys").is(200)["signing_keys"][0]["kid"]);
    admin.post("/v1/signing-keys", json!({"algorithm": "ES256"})).is(201);
    let new = SignedContext::new(token.session(&admin, "alice"));
    let rotated = until("the new key is known", || validator.validate(&new).is_ok()).await;
    assert!(validator.validate(&signed).is_ok());
    admin.delete(&format!("/v1/signing-keys/{old}")).is(204);
    let dropped =
        until("the old key is gone", || validator.validate(&signed) == Err(Invalid::Key)).await;

    admin.post(&token.path("/deactivate"), json!({})).is(200);
    let device =
        until("the device is put away", || validator.validate(&new) == Err(Invalid::Revoked)).await;
    println!(
        "account {revoked:?}, session {one:?}, new key {rotated:?}, dropped key {dropped:?}, \
         device {device:?}"
    );
    assert_eq!(following.standing().fault, None);
}

#[tokio::test]
async fn without_the_agent_contexts_stay_valid_for_a_while() {
    let agent = Agent::start("");
    let admin = Client::unix(agent.socket());
    let (mut token, clock) = (enrol(&admin, "alice"), FixedClock::at(now()));
    let issuer = RemoteIssuer::new(Endpoint::unix(agent.socket()), "twostep")
        .with_clock(Arc::new(clock.clone()));
    let following = follow(issuer.every(Duration::from_millis(100))).await;
    let (validator, patient) = (
        following.validator("twostep"),
        following.validator("twostep").max_staleness(Duration::from_secs(86_400)),
    );
    let short = SignedContext::new(token.session(&admin, "alice"));
    let long = long_session(&admin, &mut token);
    let socket = agent.socket();
    drop(agent);
    until("the agent is missed", || following.standing().fault.is_some()).await;
    assert!(
        matches!(following.standing().fault, Some(RemoteFault::Unreachable(_))),
        "{:?}",
        following.standing()
    );
    assert!(!socket.exists() || validator.validate(&short).is_ok());
    for signed in [&short, &long] {
        assert!(validator.validate(signed).is_ok() && patient.validate(signed).is_ok());
    }
    clock.advance(Duration::from_secs(3_500));
    assert!(validator.validate(&short).is_ok() && validator.validate(&long).is_ok());
    clock.advance(Duration::from_secs(110));
    assert_eq!(validator.validate(&short), Err(Invalid::Expired));
    assert_eq!(validator.validate(&long), Err(Invalid::RevocationsStale), "an hour was declared");
    assert!(patient.validate(&long).is_ok(), "a day was declared");
}

#[tokio::test]
async fn a_day_without_the_keys_changes_nothing_but_rotation() {
    let agent = Agent::start("");
    let admin = Client::unix(agent.socket());
    let (mut token, clock) = (enrol(&admin, "alice"), FixedClock::at(now()));
    let issuer = RemoteIssuer::new(Endpoint::unix(agent.socket()), "twostep")
        .with_clock(Arc::new(clock.clone()))
        .without_revocations();
    let following = follow(issuer).await;
    let validator = following.validator("twostep");
    let old = long_session(&admin, &mut token);
    assert!(validator.validate(&old).is_ok());

    let folder = agent.into_folder();
    until("the agent is missed", || following.standing().fault.is_some()).await;
    let known = following.standing().keys_at;
    // Time is paused: the runtime jumps from one timer to the next.
    tokio::time::pause();
    for _ in 0..24 {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        clock.advance(Duration::from_secs(3_600));
        assert!(validator.validate(&old).is_ok());
    }
    tokio::time::resume();
    assert!(following.standing().keys_at == known && following.standing().fault.is_some());
    let agent = Agent::start_in(folder, "");
    let admin = Client::unix(agent.socket());
    admin.post("/v1/signing-keys", json!({})).is(201);
    // A day of it is over by the clock that this validator goes by.
    let new = long_session(&admin, &mut token);
    until("the new key is known", || validator.validate(&new).is_ok()).await;
    assert!(validator.validate(&old).is_ok());
}

#[tokio::test]
async fn a_validator_can_begin_with_given_keys() {
    let agent = Agent::start("");
    let admin = Client::unix(agent.socket());
    let signed = SignedContext::new(enrol(&admin, "alice").session(&admin, "alice"));
    let keys = JwkSet::from_json(admin.get("/.well-known/jwks.json").text().as_bytes()).unwrap();
    let nowhere = RemoteIssuer::new(Endpoint::unix("/nowhere"), "twostep").starting_with(keys);
    let following = nowhere.clone().without_revocations().follow();
    assert!(following.validator("twostep").validate(&signed).is_ok());
    assert!(following.ready(Duration::from_millis(100)).await.is_err());
    let following = nowhere.follow();
    assert_eq!(
        following.validator("twostep").validate(&signed),
        Err(Invalid::RevocationsStale),
        "it was never told"
    );
}

/// Keys that an issuer no longer publishes are not its keys.
#[tokio::test]
async fn an_issuer_that_takes_its_keys_back_is_heard() {
    let agent = Agent::start("");
    let admin = Client::unix(agent.socket());
    let signed = SignedContext::new(enrol(&admin, "alice").session(&admin, "alice"));
    let published = admin.get("/.well-known/jwks.json").text();
    let theirs = concat!(
        r#"{"kty":"RSA","n":"0vx7","e":"AQAB","kid":"theirs","use":"sig","alg":"RS256"},"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
    );
    let mixed = published.replacen('[', &format!("[{theirs},"), 1);
    let now_published = Arc::new(Mutex::new(mixed));
    let said = Arc::clone(&now_published);
    let endpoint = answering(move |stream| {
        let said = said.lock().unwrap().clone();
        let _ = stream.write_all(
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()).as_bytes(),
        );
    });
    let issuer = RemoteIssuer::new(endpoint, "twostep")
        .without_revocations()
        .every(Duration::from_millis(50));
    let following = follow(issuer).await;
    let validator = following.validator("twostep");
    assert!(validator.validate(&signed).is_ok(), "keys that are not ours to use change nothing");
    let publish = |text: &str| *now_published.lock().unwrap() = text.to_owned();
    for none in [r#"{"keys":[]}"#.to_owned(), format!(r#"{{"keys":[{theirs}]}}"#)] {
        publish(&none);
        until("the keys are gone", || validator.validate(&signed) == Err(Invalid::Key)).await;
        until("the fault is told", || {
            matches!(following.standing().fault, Some(RemoteFault::Keys(KeyError::NoneUsable(_))))
        })
        .await;
        publish(&published);
        until("the keys are back", || validator.validate(&signed).is_ok()).await;
    }
    publish("no set");
    until("the fault is told", || {
        matches!(following.standing().fault, Some(RemoteFault::Keys(KeyError::Malformed(_))))
    })
    .await;
    assert!(validator.validate(&signed).is_ok(), "what is no set says nothing of the keys");
}

/// A server on this machine that answers everything with this text, for ever.
fn answering(text: impl Fn(&mut dyn Write) + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            text(&mut stream);
        }
    });
    Endpoint::url(&url, &Roots::none()).unwrap()
}

#[tokio::test]
async fn other_answers_are_not_believed() {
    let fault = async |text: &'static str| {
        let endpoint = answering(move |stream| drop(stream.write_all(text.as_bytes())));
        let following =
            RemoteIssuer::new(endpoint, "twostep").every(Duration::from_millis(50)).follow();
        let fault = following.ready(Duration::from_millis(500)).await.unwrap_err();
        assert!(following.standing().keys_at.is_none());
        fault
    };
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(fault(redirect).await, RemoteFault::Status(302));
    assert_eq!(fault("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").await.to_string(), {
        let error = JwkSet::from_json(b"[]").unwrap_err();
        RemoteFault::Keys(error).to_string()
    });
    for text in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
    ] {
        assert!(matches!(fault(text).await, RemoteFault::Unreachable(_)), "{text:?}");
    }
    // An answer that never ends is not waited for, nor kept.
    let endless = answering(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream
            .write_all(format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes())
            .is_ok()
        {}
    });
    let fault = RemoteIssuer::new(endless, "twostep").follow().ready(BOUND).await.unwrap_err();
    assert!(matches!(fault, RemoteFault::Unreachable(_)), "{fault}");
}

/// An older list is signed as well: an attacker in the issuer's place could replay it.
#[tokio::test]
async fn an_older_list_does_not_replace_a_newer_one() {
    let world = World::new();
    let issuer = Issuer::new(world.verifier.clone(), "twostep");
    let feed = RevocationFeed::new(issuer.clone(), world.verifier.clone());
    let alice = "alice".parse().unwrap();
    let (signed, _) = issuer.issue_without_mfa(&alice, "twostep").await.unwrap();
    let old = feed.current().await.unwrap().text.clone();
    world.pass(2);
    world.verifier.revoke_sessions(&alice, None, None).await.unwrap();
    let new = feed.current().await.unwrap().text.clone();

    let (keys, lists) = (issuer.jwks().await.unwrap().to_json(), Arc::new(Mutex::new(old.clone())));
    let served = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (answers, count) = (Arc::clone(&lists), Arc::clone(&served));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 4_096]);
            let read = stream.read(&mut request).unwrap_or(0);
            let keys_asked = String::from_utf8_lossy(&request[..read]).contains("jwks.json");
            let body = if keys_asked { keys.clone() } else { answers.lock().unwrap().clone() };
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
            count.fetch_add(usize::from(!keys_asked), SeqCst);
        }
    });
    let issuer = RemoteIssuer::new(Endpoint::url(&url, &Roots::none()).unwrap(), "twostep")
        .with_clock(Arc::new(world.clock.clone()))
        .every(Duration::from_millis(20));
    let following = follow(issuer).await;
    let validator = following.validator("twostep");
    assert!(validator.validate_any(&signed).is_ok());
    lists.lock().unwrap().clone_from(&new);
    let revoked = || validator.validate_any(&signed) == Err(Invalid::Revoked);
    until("the newer list is read", revoked).await;
    lists.lock().unwrap().clone_from(&old);
    let seen = served.load(SeqCst);
    until("the older list was served", || served.load(SeqCst) > seen + 3).await;
    assert!(revoked(), "a replay of the older list revives nothing");
    assert_eq!(following.standing().fault, None);
}
