//! The typed client: it never has a code judged twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::{HeldKey, made};
use test_support::people::{Token, api_key, enrol};
use test_support::{http, tools};
use twostep::client::{
    Client, CreateDevice, Error, ListDevices, OpenSession, Proof, RevokeSessions,
};
use twostep::device::{DeviceState, MfaKind};
use twostep::http::{Cause, Endpoint, Roots};
use twostep::id::{AccountId, SerialNumber};
use twostep::testing::SimulatedSecurityKey;

use super::between::{Between, Fate};

fn alice() -> AccountId {
    "alice".parse().unwrap()
}

fn by_code(token: &mut Token) -> OpenSession {
    OpenSession::new(
        &alice(),
        Proof::Code(token.code().into(), Some(token.serial.parse().unwrap())),
    )
}

fn problem(error: Error) -> (u16, String) {
    match error {
        Error::Problem(problem) => (problem.status, problem.code.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_routes_have_types() {
    let agent = Agent::start("");
    let (client, alice) = (Client::unix(agent.socket()), alice());
    let added = client
        .add_device(&CreateDevice::new(&alice, MfaKind::Hotp).named(&"a token".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(
        (added.device.state, added.device.kind, added.recovery_codes.is_none()),
        (DeviceState::Pending, MfaKind::Hotp, true)
    );
    let secret = added.provisioning.as_ref().unwrap().secret.clone();
    assert!(!format!("{added:?}").contains(secret.as_str()));
    let serial = added.device.serial;
    let mut token = Token::new(serial.as_str(), secret.as_str());
    let pair = token.pair();
    let active = client.activate_device(&serial, [&pair[0], &pair[1]]).await.unwrap();
    assert_eq!((active.state, active.account), (DeviceState::Active, Some(alice.clone())));
    sessions(&client, &mut token).await;

    let pair = token.pair();
    assert_eq!(
        client.resync_device(&serial, [&pair[0], &pair[1]]).await.unwrap().device.serial,
        serial
    );
    let sheet = client.add_device(&CreateDevice::new(&alice, MfaKind::Recovery)).await.unwrap();
    let codes = sheet.recovery_codes.unwrap();
    assert_eq!((codes.len(), format!("{:?}", codes[0])), (10, "SecretText(..)".to_owned()));
    security_key(&client).await;
    lists_and_removal(&client, &serial).await;
}

async fn sessions(client: &Client, token: &mut Token) {
    let alice = alice();
    let opened = client
        .open_session(&by_code(token).lasting(Duration::from_secs(900)))
        .await
        .unwrap();
    let mfa = opened.context.mfa.clone().unwrap();
    assert_eq!(
        (&mfa.serial, mfa.kind, mfa.amr),
        (&token.serial.parse().unwrap(), MfaKind::Hotp, vec!["otp".to_owned()])
    );
    assert_eq!(opened.context.expires_at.since(*opened.context.issued_at).as_secs(), 900);
    let seen = client.introspect(opened.token.as_str(), None).await.unwrap().unwrap();
    assert_eq!((seen.session_id, seen.mfa.is_some()), (opened.context.session_id, true));
    assert_eq!(
        client.introspect(opened.token.as_str(), Some("somebody else")).await.unwrap(),
        None
    );
    let without = client.open_session(&OpenSession::new(&alice, Proof::Nothing)).await.unwrap();
    assert_eq!(without.context.mfa, None);
    client.revoke_session(without.token.as_str(), None).await.unwrap();
    assert_eq!(client.introspect(without.token.as_str(), None).await.unwrap(), None);
    let revoked = client.revoke_sessions(&alice, &RevokeSessions::default()).await.unwrap();
    assert!(revoked.generation > 1 && revoked.revoked_before >= opened.context.issued_at);
    assert_eq!(client.introspect(opened.token.as_str(), None).await.unwrap(), None);
}

async fn security_key(client: &Client) {
    let alice = alice();
    let mut key = SimulatedSecurityKey::new("alice");
    let begun = client.begin_registration(&alice, None).await.unwrap();
    let made =
        made(&mut key, &json!({"ceremony_id": begun.ceremony_id, "public_key": begun.public_key}));
    let enrolled = client
        .finish_registration(&begun.ceremony_id, made["credential"].clone())
        .await
        .unwrap();
    assert_eq!(enrolled.kind, MfaKind::SecurityKey);
    let begun = client.begin_authentication(&alice).await.unwrap();
    let mut held = HeldKey { serial: enrolled.serial.to_string(), key };
    let answer = held.answers(
        "alice",
        &json!({"ceremony_id": begun.ceremony_id, "public_key": begun.public_key}),
    )["credential"]
        .clone();
    let opened = client
        .open_session(&OpenSession::new(&alice, Proof::SecurityKey(begun.ceremony_id, answer)))
        .await
        .unwrap();
    assert!(opened.context.mfa.unwrap().phishing_resistant);
}

async fn lists_and_removal(client: &Client, serial: &SerialNumber) {
    let alice = alice();
    assert_eq!(client.all_devices(Some(&alice), None).await.unwrap().len(), 3);
    let first = ListDevices { limit: Some(2), ..ListDevices::default() };
    let page = client.devices(&first).await.unwrap();
    assert_eq!((page.devices.len(), page.next.is_some()), (2, true));
    assert_eq!(
        client.rename_device(serial, &"another".parse().unwrap()).await.unwrap().name,
        Some("another".parse().unwrap())
    );
    assert_eq!(client.unlock_device(serial).await.unwrap().state, DeviceState::Active);
    assert_eq!(client.deactivate_device(serial).await.unwrap().state, DeviceState::Disabled);
    client.remove_device(serial).await.unwrap();
    assert_eq!(problem(client.device(serial).await.unwrap_err()), (404, "NoSuchEntity".to_owned()));
    let bypass = client.bypass(&alice, Some(Duration::from_secs(60))).await.unwrap();
    let opened = client
        .open_session(&OpenSession::new(&alice, Proof::Code(bypass.code, None)))
        .await
        .unwrap();
    assert_eq!(opened.context.mfa.unwrap().kind, MfaKind::Bypass);
    assert_eq!(client.all_accounts(false).await.unwrap()[0].account, alice);
    client.remove_account(&alice).await.unwrap();
    assert!(client.all_accounts(false).await.unwrap().is_empty());
}

/// The number of codes that the agent judged, by its own log.
fn judged(admin: &http::Client) -> usize {
    let events = admin.get("/v1/audit?limit=1000").is(200)["events"].as_array().unwrap().clone();
    let of_a_code = |event: &&Value| {
        ["code.accepted", "code.refused"]
            .iter()
            .any(|action| event["action"] == *action)
    };
    events.iter().filter(of_a_code).count()
}

#[tokio::test]
async fn a_cut_answer_never_has_a_code_judged_twice() {
    let agent = Agent::start("");
    let admin = http::Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    for bytes in [0, 1, 12, 100, 400] {
        let before = judged(&admin);
        let between = Between::new(agent.folder.path(), agent.socket(), &[Fate::CutAfter(bytes)]);
        let client = Client::unix(&between.socket).trying(5);
        let session = by_code(&mut token);
        let lost = client.open_session(&session).await.unwrap_err();
        assert!(matches!(lost, Error::Lost(_)), "{bytes}: {lost:?}");
        assert_eq!(
            (between.passed.load(SeqCst), judged(&admin)),
            (1, before + 1),
            "cut after {bytes} bytes"
        );
        // The code was spent, whether its answer arrived or not.
        let again = Client::unix(agent.socket()).open_session(&session).await.unwrap_err();
        assert_eq!(problem(again), (403, "AccessDenied".to_owned()));

        // Requests that only read are sent again.
        let fates = [Fate::CutAfter(bytes), Fate::ClosedAtOnce, Fate::Whole];
        let between = Between::new(agent.folder.path(), agent.socket(), &fates);
        let client = Client::unix(&between.socket).trying(5);
        assert_eq!(client.all_devices(Some(&alice()), None).await.unwrap().len(), 1);
        assert_eq!(between.passed.load(SeqCst), 2);
        let once = Client::unix(&Between::new(agent.folder.path(), agent.socket(), &fates).socket)
            .all_devices(Some(&alice()), None)
            .await;
        assert!(matches!(once, Err(Error::Lost(_))), "{once:?}");
    }
}

#[tokio::test]
async fn a_request_that_was_surely_not_sent_is_tried_again() {
    let agent = Agent::start("");
    let admin = http::Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    let path = agent.folder.path().join("late.sock");
    let (socket, late) = (agent.socket(), path.clone());
    let client = Client::unix(&path);
    let none = client.open_session(&by_code(&mut token)).await.unwrap_err();
    assert!(matches!(&none, Error::Unreachable { cause: Cause::NotThere, .. }), "{none:?}");
    assert_eq!(
        none.to_string(),
        format!("no agent is running: there is no socket {}", path.display())
    );
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(250)).await;
        symlink(socket, late).unwrap();
    });
    let before = judged(&admin);
    assert!(client.trying(5).open_session(&by_code(&mut token)).await.is_ok());
    assert_eq!(judged(&admin), before + 1);
    // A refusal is decided: it is not asked for again.
    let (client, wrong) = (Client::unix(&path).trying(5), Proof::Code(token.wrong().into(), None));
    let refused = client.open_session(&OpenSession::new(&alice(), wrong)).await.unwrap_err();
    assert_eq!(problem(refused), (403, "AccessDenied".to_owned()));
    assert_eq!(judged(&admin), before + 2);
}

#[tokio::test]
async fn a_remote_agent_is_reached_by_api_key_and_certificate() {
    if !tools::have("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let agent = Agent::start_in(
        folder,
        "listen = [\"127.0.0.1:0\"]\n[tls]\ncert = \"tls.crt\"\nkey = \"tls.key\"\n",
    );
    let admin = http::Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    let key = api_key(&admin, json!({"role": "verifier"}));
    let port = agent.address().rsplit(':').next().unwrap().to_owned();
    let roots = Roots::from_pem(&fs::read(agent.folder.path().join("tls.crt")).unwrap()).unwrap();
    let at = |roots: &Roots, host: &str| {
        Client::at(Endpoint::url(&format!("https://{host}:{port}"), roots).unwrap())
    };
    let client = at(&roots, "localhost").api_key(&key).unwrap();
    assert!(client.open_session(&by_code(&mut token)).await.unwrap().context.mfa.is_some());
    assert_eq!(
        problem(client.all_accounts(false).await.unwrap_err()),
        (403, "AccessDenied".to_owned())
    );
    assert_eq!(
        problem(at(&roots, "localhost").all_devices(Some(&alice()), None).await.unwrap_err()),
        (401, "Unauthorized".to_owned())
    );
    for client in [at(&Roots::none(), "localhost"), at(&roots, "127.0.0.1")] {
        let refused = client
            .api_key(&key)
            .unwrap()
            .trying(3)
            .all_devices(Some(&alice()), None)
            .await
            .unwrap_err();
        assert!(
            matches!(&refused, Error::Unreachable { cause: Cause::NotTrusted(_), .. }),
            "{refused:?}"
        );
    }
}

fn certificate(folder: &Path) {
    let run = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
