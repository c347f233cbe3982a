//! One contract for both ends: the typed client reaches each route of the OpenAPI document, each
//! type goes to JSON and back, and request bodies refuse unknown members.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http;
use test_support::people::enrol;
use twostep::client::Client;
use twostep::device::{DeviceState, MfaKind};
use twostep::id::AccountId;
use twostep::wire::*;

use super::access_keys::ask_about_access_keys;
use super::console::{CONSOLE, ask_about_console};
use super::documents::{answer, body};
use super::files::ask_about_files;

fn device() -> Value {
    json!({
        "serial": "GAHT12345678", "account": "alice", "kind": "totp", "name": null,
        "state": "active", "created_at": TIME, "activated_at": TIME, "last_used_at": TIME,
        "throttled_until": null, "codes_used_until": TIME, "algorithm": "SHA1", "digits": 6,
        "period": 30, "drift_steps": -1, "drift_seconds": -30, "drift_ppm": 1.5,
        "drift_ppm_doubt": 0.5, "window_steps": 1, "guess_odds": 0.000003,
        "expected_to_work_until": TIME,
    })
}

fn key() -> Value {
    json!({
        "serial": "KEY-12345678", "kind": "security_key", "name": "blue", "state": "disabled",
        "throttled_until": TIME, "credential_id": "AAAA", "aaguid": "0", "sign_count": 3,
        "user_verified": true, "backup_eligible": false, "discoverable": true,
        "transports": ["usb"], "attestation": "self",
    })
}

fn context() -> Value {
    json!({
        "account": "alice", "asked_as": "Alice", "mfa_present": true, "mfa_time": TIME,
        "mfa_age_seconds": 3, "serial": "GAHT12345678", "kind": "bypass", "amr": ["otp"],
        "user_verified": false, "phishing_resistant": false, "hardware_bound": false,
        "session_id": "s", "issued_at": TIME, "expires_at": TIME, "audience": "shop",
    })
}

fn bare() -> Value {
    json!({
        "account": "alice", "mfa_present": false, "session_id": "s", "issued_at": TIME,
        "expires_at": TIME, "audience": "shop",
    })
}

fn problem() -> Value {
    json!({
        "type": "urn:twostep:problem:Throttled", "title": "t", "status": 429,
        "code": "Throttled", "detail": "d", "reason": "pairs_spent", "retry_after_seconds": 9,
    })
}

#[test]
fn request_bodies_round_trip_and_refuse_unknown_members() {
    body::<CreateDevice>(json!({
        "account": "a", "kind": "totp", "name": "n", "serial": "GAHT12345678", "secret": "MFRGG",
        "algorithm": "SHA1", "digits": 6, "period": 30, "t0": 946684800, "counter": 7,
        "clock_set": "2024-03-01",
    }));
    body::<CreateDevice>(json!({"account": "a", "kind": "totp"}));
    body::<CreateDevice>(json!({"kind": "totp"}));
    body::<ActivateDevice>(
        json!({"codes": ["1", "2"], "account": "a", "counter": 7, "client": "d"}),
    );
    body::<ListDevices>(json!({
        "account": "a", "state": "active", "kind": "totp", "unused_since": TIME, "drift_above": 2,
        "search": "x", "limit": 1, "after": "b",
    }));
    body::<ImportDevices>(json!({"format": "csv", "dry_run": true, "expired": "import"}));
    body::<Assign>(json!({"account": "a"}));
    body::<Rename>(json!({"name": "n"}));
    body::<TwoCodes>(json!({"codes": ["1", "2"], "client": "d"}));
    body::<ListAccounts>(json!({"without_mfa": true, "search": "x", "limit": 1, "after": "b"}));
    body::<MakeBypass>(json!({"ttl_seconds": 60}));
    body::<Recover>(json!({"serial": "GAHT12345678", "ttl_seconds": 60}));
    body::<OpenSession>(json!({
        "account": "a", "duration_seconds": 900, "audience": "x", "serial": "GAHT12345678",
        "code": "1", "codes": ["1", "2"], "ceremony_id": "c", "credential": {"any": 1},
        "client": "d",
    }));
    body::<Introspect>(json!({"token": "t", "audience": "x"}));
    body::<RevokeSession>(json!({"token": "t"}));
    body::<RevokeSessions>(json!({"issued_before": TIME, "serial": "GAHT12345678"}));
    body::<BeginRegistration>(json!({"account": "a", "name": "n", "client": "d"}));
    body::<FinishRegistration>(
        json!({"ceremony_id": "c", "credential": {"any": 1}, "client": "d"}),
    );
    body::<BeginAuthentication>(json!({"account": "a", "client": "d"}));
    body::<ListEvents>(json!({
        "after": "1.57-2.13", "newest": true, "account": "a", "serial": "GAHT12345678",
        "action": "device.added", "since": TIME, "until": TIME, "limit": 1,
    }));
    body::<MakeApiKey>(json!({
        "role": "admin", "name": "n", "accounts": ["a*"], "explain": true, "forward": false,
    }));
    body::<MakeConsoleLink>(json!({"account": "a", "ttl_seconds": 60, "recover": true}));
    body::<ListConsoleLinks>(json!({"limit": 1, "after": "b"}));
    body::<StartSignIn>(json!({"account": "a", "return_to": "https://a.example/", "state": "s"}));
    body::<MakeSigningKey>(json!({"algorithm": "ES256"}));
    body::<MakeBackup>(json!({"path": "/p", "keep": 3}));
    body::<BeginKeyCeremony>(json!({
        "account": "a", "service": "sudo", "audience": "x", "wait_seconds": 3,
        "bind_to_key": true,
    }));
    body::<GivePin>(json!({"pin": "1234"}));
    body::<AskFresh>(place());
    let mut kept = place();
    kept["token"] = json!("t");
    body::<KeepFresh>(kept);
}

fn place() -> Value {
    json!({
        "account": "a", "uid": 1, "service": "sudo", "tty": "/dev/pts/1", "leader_pid": 2,
        "leader_started": 3, "boot_id": "b",
    })
}

#[test]
fn recoveries_round_trip_and_skip_members_of_a_newer_agent() {
    answer::<Recovery>(json!({"removed": "GAHT12345678", "code": "c", "expires_at": TIME}));
}

#[test]
fn diagnoses_round_trip_and_skip_members_of_a_newer_agent() {
    let cause = json!({
        "cause": "clock", "period": 60, "algorithm": "SHA1", "digits": 6, "t0": 946684800,
        "clock_seconds": -90, "counter": 7, "reach": "admin", "reading": "misread",
        "read_as": "hex", "encoding": "ascii", "serial": "GAHT12345678",
    });
    for causes in [json!([]), json!([cause, {"cause": "of tomorrow"}])] {
        answer::<Diagnosis>(json!({
            "serial": "GAHT12345678", "causes": causes, "says": "s", "command": "c",
        }));
    }
}

#[test]
fn answers_round_trip_and_skip_members_of_a_newer_agent() {
    for device in [device(), key()] {
        answer::<Device>(device.clone());
        answer::<CreatedDevice>(json!({
            "device": device, "recovery_codes": ["AAAA"],
            "provisioning": {"secret": "MFRGG", "uri": "otpauth://", "qr_svg": "<svg/>"},
        }));
        answer::<Devices>(json!({"devices": [device], "next": null}));
        answer::<Resynced>(json!({"device": device, "drift_steps": -3}));
        answer::<RegisteredKey>(json!({"device": device}));
    }
    for context in [context(), bare()] {
        answer::<Context>(context.clone());
        answer::<OpenedSession>(json!({"token": "t", "context": context}));
        answer::<Introspected>(json!({"active": true, "context": context}));
        answer::<FreshAnswer>(json!({"fresh": true, "context": context}));
        answer::<KeyCeremonyEvent>(json!({"event": "done", "token": "t", "context": context}));
    }
    answer::<Accounts>(json!({"next": "b", "accounts": [{
        "account": "a", "created_at": TIME, "protected": true, "devices": 2,
        "active_devices": 1, "throttled_until": null,
    }]}));
    answer::<Bypass>(json!({"code": "c", "expires_at": TIME}));
    answer::<MadeConsoleLink>(json!({"id": "i", "url": "u", "expires_at": TIME}));
    answer::<StartedSignIn>(json!({"url": "u", "expires_at": TIME}));
    answer::<ConsoleLinks>(json!({"next": "b", "links": [{
        "id": "i", "account": "a", "made_by": "uid:0", "created_at": TIME, "expires_at": TIME,
        "recover": true,
    }]}));
    answer::<RevokedSessions>(json!({"revoked_before": TIME, "generation": 2}));
}

#[test]
fn answers_about_the_agent_round_trip() {
    answer::<BegunRegistration>(json!({"ceremony_id": "c", "public_key": {}}));
    answer::<BegunAuthentication>(json!({"ceremony_id": "c", "public_key": {}}));
    answer::<RelatedOrigins>(json!({"origins": ["https://a.example"]}));
    answer::<MadeApiKey>(json!({"key": "k", "api_key": {
        "id": "i", "name": null, "role": "admin", "accounts": null, "explain": true,
        "forward": false, "created_at": TIME,
    }}));
    answer::<ApiKeys>(json!({"api_keys": []}));
    answer::<MadeAccessKey>(json!({"access_key_id": "i", "secret_access_key": "s"}));
    answer::<AccessKeys>(json!({"access_keys": [
        {"access_key_id": "i", "account": "a", "active": true, "created_at": TIME},
        {"access_key_id": "j", "active": false, "created_at": TIME},
    ]}));
    answer::<SigningKeys>(json!({"signing_keys": [
        {"kid": "k", "algorithm": "EdDSA", "created_at": TIME, "retired_at": null},
    ]}));
    answer::<AuditCheckpoint>(json!({"at": TIME, "rows": 3, "checkpoint": "j.w.s"}));
    answer::<AuditReport>(json!({
        "ok": false, "authenticated": true, "rows": 3, "head": "h", "broken_at": 2, "chains": [
            {"chain": 1, "ok": false, "rows": 3, "closed": 0, "head": "h", "broken_at": 2},
        ],
    }));
    answer::<Backup>(json!({"path": "/p", "removed": ["/q"]}));
    answer::<ClockReading>(json!({"now": TIME}));
    answer::<Alive>(json!({"status": "alive"}));
    answer::<Ready>(json!({"status": "ready", "now": TIME, "older_sealing_keys": [
        {"key": "0123456789abcdef", "secrets": 3},
    ]}));
    answer::<Problem>(problem());
    for event in [
        json!({"event": "begun", "ceremony_id": "c"}),
        json!({"event": "waiting_for_key"}),
        json!({"event": "need_touch"}),
        json!({"event": "choose_by_touch", "keys": 2}),
        json!({"event": "need_pin", "retries": 3, "wrong_before": false}),
        json!({"event": "refused", "problem": problem()}),
        json!({"event": "failed", "code": "not_asked", "detail": "d", "key": "k"}),
    ] {
        answer::<KeyCeremonyEvent>(event);
    }
}

#[test]
fn half_a_proof_is_no_context() {
    for member in ["mfa_time", "serial", "kind", "amr", "user_verified", "hardware_bound"] {
        let mut half = context();
        half.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<Context>(half).is_err(), "{member}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let session = OpenSession {
        code: Some("123456".into()),
        codes: Some(["123456".into(), "123456".into()]),
        ..OpenSession::default()
    };
    let pin = GivePin { pin: "123456".into() };
    assert!(!format!("{session:?}{pin:?}").contains("123456"));
}

#[tokio::test]
async fn the_typed_client_reaches_each_route_of_the_description() {
    let agent = Agent::start(&format!("{CONSOLE}[aws]\nlisten = [\"127.0.0.1:0\"]\n"));
    let admin = http::Client::unix(agent.socket());
    let token = enrol(&admin, "bob");
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&asked);
    let client = Client::unix(agent.socket()).observed(move |call, _| {
        seen.lock().unwrap().insert(call.to_owned());
    });
    let document = client.openapi().await.unwrap();
    ask_everything(&client, &token.serial).await;
    let asked: Vec<(String, String)> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|call| {
            let (method, target) = call.split_once(' ').unwrap();
            let path = target.split('?').next().unwrap();
            (method.to_lowercase(), path.to_owned())
        })
        .collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Proxies ask these for the requests that they forward.
        if path.starts_with("/v1/authz") {
            continue;
        }
        for method in operations.as_object().unwrap().keys() {
            let reached = asked.iter().any(|(asked, target)| asked == method && fits(path, target));
            assert!(reached, "{method} {path}");
        }
    }
}

/// Matches a target with a path that may have `{parts}`.
fn fits(path: &str, target: &str) -> bool {
    let (path, target): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), target.split('/').collect());
    path.len() == target.len()
        && path
            .iter()
            .zip(&target)
            .all(|(part, text)| part.starts_with('{') || part == text)
}

/// Calls each method of the client; whether it is refused does not matter here.
async fn ask_everything(client: &Client, serial: &str) {
    let (alice, bob): (AccountId, AccountId) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let serial = serial.parse().unwrap();
    let made = client.add_device(&CreateDevice::new(&alice, MfaKind::Totp)).await.unwrap();
    assert_eq!(made.device.state, DeviceState::Pending);
    let _ = client
        .activate_device(&made.device.serial, ["123456", "654321"])
        .await
        .unwrap_err();
    let _ = client.resync_device(&serial, ["123456", "654321"]).await.unwrap_err();
    let _ = client.diagnose_device(&serial, ["123456", "654321"]).await;
    ask_about_files(client, &alice).await;
    ask_about_console(client).await;
    client.device(&serial).await.unwrap();
    client.rename_device(&serial, &"n".parse().unwrap()).await.unwrap();
    client.all_devices(None, Some(DeviceState::Active)).await.unwrap();
    client.unlock_device(&serial).await.unwrap();
    client.all_accounts(true).await.unwrap();
    let bypass = client.bypass(&bob, None).await.unwrap();
    let session = OpenSession::new(&bob, Proof::Code(bypass.code, None));
    let opened = client.open_session(&session).await.unwrap();
    client.introspect(opened.token.as_str(), None).await.unwrap().unwrap();
    client.revoke_session(opened.token.as_str(), None).await.unwrap();
    client.revoke_sessions(&bob, &RevokeSessions::default()).await.unwrap();
    let begun = client.begin_registration(&alice, None).await.unwrap();
    let _ = client.finish_registration(&begun.ceremony_id, json!({})).await.unwrap_err();
    client.begin_authentication(&bob).await.unwrap();
    let _ = client.begin_usernameless().await;
    let _ = client.related_origins().await;
    let key = client.make_api_key(&MakeApiKey::new(Role::Verifier)).await.unwrap();
    assert_eq!(client.api_keys().await.unwrap().api_keys, std::slice::from_ref(&key.api_key));
    client.revoke_api_key(&key.api_key.id).await.unwrap();
    ask_about_access_keys(client, &bob).await;
    let signing = client.rotate_signing_keys(&MakeSigningKey::default()).await.unwrap();
    assert!(client.signing_keys().await.unwrap().signing_keys.contains(&signing));
    client.drop_signing_key(&signing.kid).await.unwrap();
    client.audit(&ListEvents::default()).await.unwrap();
    assert!(client.verify_audit().await.unwrap().ok);
    assert!(client.audit_checkpoint().await.unwrap().rows > 0);
    client.backup(None).await.unwrap();
    client.accept_clock().await.unwrap();
    let fleet = client.fleet_drift(&AskFleet { within_days: Some(90) }).await.unwrap();
    assert_eq!((fleet.within_days, fleet.alarms), (90, Vec::new()));
    assert_eq!(client.accept_restore().await.unwrap().restored_at, None);
    assert_eq!(client.alive().await.unwrap().status, "alive");
    let _ = client.recover(&"carol".parse().unwrap(), None, None).await;
    client.ready().await.unwrap();
    client.jwks().await.unwrap();
    client.revocations().await.unwrap();
    assert!(client.metrics().await.unwrap().contains("twostep_"));
    local(client, opened.token).await;
    client.deactivate_device(&serial).await.unwrap();
    client.remove_device(&serial).await.unwrap();
    client.remove_account(&bob).await.unwrap();
}

/// Calls the requests of this machine.
async fn local(client: &Client, token: SecretText) {
    let place: AskFresh = serde_json::from_value(place()).unwrap();
    let _ = client.ask_fresh(&place).await;
    let _ = client.keep_fresh(&place.keep(token)).await;
    let ceremony = BeginKeyCeremony {
        account: "bob".to_owned(),
        service: "sudo".to_owned(),
        audience: None,
        wait_seconds: Some(1),
        bind_to_key: None,
    };
    let mut ceremony = client.begin_key_ceremony(&ceremony).await.unwrap();
    let mut last = None;
    while let Some(event) = ceremony.next().await.unwrap() {
        last = Some(event);
    }
    assert!(matches!(last, Some(KeyCeremonyEvent::Failed { .. })), "{last:?}");
    let _ = client.give_pin("none", "123456".into()).await.unwrap_err();
}

#[tokio::test]
async fn each_type_has_its_row_in_the_description() {
    let agent = Agent::start("");
    let document = Client::unix(agent.socket()).openapi().await.unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in TYPES {
        let schema = schemas.get(*name).unwrap_or_else(|| panic!("{name} is not described"));
        assert!(schema.is_object(), "{name}");
    }
    for name in BODIES {
        assert_eq!(schemas[*name]["additionalProperties"], false, "{name}");
    }
}

const TIME: &str = "2026-11-22T09:30:00Z";

const BODIES: &[&str] = &[
    "ActivateDevice",
    "CreateDevice",
    "Rename",
    "TwoCodes",
    "MakeBypass",
    "Recover",
    "OpenSession",
    "Introspect",
    "RevokeSession",
    "RevokeSessions",
    "BeginRegistration",
    "FinishRegistration",
    "BeginAuthentication",
    "MakeApiKey",
    "MakeSigningKey",
    "MakeBackup",
    "BeginKeyCeremony",
    "GivePin",
    "AskFresh",
    "KeepFresh",
];

const TYPES: &[&str] = &[
    "Account",
    "Accounts",
    "Alive",
    "ApiKey",
    "ApiKeys",
    "Attestation",
    "AuditCheckpoint",
    "AuditReport",
    "Backup",
    "BegunAuthentication",
    "BegunRegistration",
    "Bypass",
    "Recovery",
    "ClockReading",
    "Context",
    "CreatedDevice",
    "Device",
    "DeviceState",
    "Devices",
    "Event",
    "Events",
    "FailureCode",
    "FreshAnswer",
    "Introspected",
    "KeyCeremonyEvent",
    "MadeApiKey",
    "MfaKind",
    "OlderSealingKey",
    "OpenedSession",
    "Problem",
    "ProblemCode",
    "Provisioning",
    "Ready",
    "RegisteredKey",
    "RelatedOrigins",
    "Resynced",
    "RevokedSessions",
    "SigningKey",
    "SigningKeys",
    "Timestamp",
];
