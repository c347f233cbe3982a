//! Administration of the agent, and two agents on one store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{alive, enrol, now, text};
use test_support::{restore, stored};
use twostep::store::SqliteStore;
use twostep::time::{Clock, Reading, SystemClock, UnixTime};

use super::{TCP, admin, edit};

/// The system's clock, off by the seconds in the file `clock` of the agent's folder, and
/// synchronised for as long as there is a file `synchronised`.
struct Kept(PathBuf);

impl Clock for Kept {
    fn read(&self) -> Reading {
        let off = std::fs::read_to_string(self.0.join("clock")).unwrap_or_default();
        let Reading { wall, boot } = SystemClock.read();
        let wall = wall.0.saturating_add_signed(off.trim().parse().unwrap_or(0));
        Reading { wall: UnixTime(wall), boot }
    }

    fn synchronised(&self) -> Option<UnixTime> {
        self.0.join("synchronised").exists().then(|| self.read().wall)
    }
}

/// The clock of an agent that keeps everything in this folder.
pub(crate) fn clock(folder: &Path) -> Arc<dyn Clock> {
    Arc::new(Kept(folder.to_owned()))
}

/// Revocations in one agent, each asked for in another.
fn rounds() -> usize {
    std::env::var("TWOSTEP_REVOCATIONS").map_or(1_000, |rounds| rounds.parse().unwrap())
}

/// An agent of its own on the store of another one.
fn beside(agent: &Agent, config: &str) -> Agent {
    let key = agent.folder.path().join("sealing.key");
    let store = stored::table_in(agent.folder.path());
    let store = store.replace("\"sealing.key\"", &format!("\"{}\"", key.display()));
    Agent::start(&format!("{config}{store}"))
}

#[test]
fn a_rotated_key_verifies_and_a_dropped_one_does_not() {
    let agent = Agent::start("");
    let (first, second) = (admin(&agent), beside(&agent, ""));
    let second = admin(&second);
    let open = |client: &Client| {
        text(&client.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"])
    };
    let old = open(&first);
    let made = first.post("/v1/signing-keys", json!({"algorithm": "ES256"})).is(201);
    assert_eq!((&made["algorithm"], &made["retired_at"]), (&"ES256".into(), &json!(null)));
    // The other agent signs with the new key too, and both keys verify in both.
    let new = open(&second);
    let kid = |token: &str| {
        use base64::Engine;
        let head = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(token.split('.').next().unwrap())
            .unwrap();
        text(&serde_json::from_slice::<serde_json::Value>(&head).unwrap()["kid"])
    };
    assert_eq!(kid(&new), text(&made["kid"]));
    assert_ne!(kid(&old), kid(&new));
    for client in [&first, &second] {
        assert!(alive(client, &old) && alive(client, &new));
        assert_eq!(
            client.get("/.well-known/jwks.json").is(200)["keys"].as_array().unwrap().len(),
            2
        );
    }
    second.delete(&format!("/v1/signing-keys/{}", kid(&old))).is(204);
    for client in [&first, &second] {
        assert!(!alive(client, &old) && alive(client, &new));
        assert_eq!(
            client.get("/.well-known/jwks.json").is(200)["keys"].as_array().unwrap().len(),
            1
        );
    }
    // The one that signs may be dropped as well; the next session makes another.
    first.delete(&format!("/v1/signing-keys/{}", kid(&new))).is(204);
    let newest = open(&second);
    assert!(alive(&first, &newest) && !alive(&second, &new));
    second
        .delete(&format!("/v1/signing-keys/{}", kid(&new)))
        .refused(404, "NoSuchEntity");
}

#[test]
fn a_configured_algorithm_signs_at_once_and_older_contexts_stay() {
    let signed_by = |client: &Client| {
        let keys = client.get("/v1/signing-keys").is(200);
        let name = text(&keys["signing_keys"][0]["algorithm"]);
        let kid = &keys["signing_keys"][0]["kid"];
        let published = client.get("/.well-known/jwks.json").is(200);
        let jwk = published["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["kid"] == *kid)
            .unwrap()
            .clone();
        assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(name), &json!("sig")));
        (name, keys["signing_keys"].as_array().unwrap().len())
    };
    let open = |client: &Client| {
        text(&client.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"])
    };
    let mut agent = Agent::start("");
    let mut sessions = vec![open(&admin(&agent))];
    let mut count = 1;
    // Each start with another one makes a key, and one with the same, or with none, makes no other.
    for (config, name, makes) in [
        ("[sessions]\nalgorithm = \"Ed25519\"\n", "Ed25519", true),
        ("[sessions]\nalgorithm = \"Ed25519\"\n", "Ed25519", false),
        ("", "Ed25519", false),
        ("[sessions]\nalgorithm = \"ES256\"\n", "ES256", true),
        ("[sessions]\nalgorithm = \"EdDSA\"\n", "EdDSA", true),
    ] {
        agent = Agent::start_in(agent.into_folder(), config);
        let client = admin(&agent);
        count += usize::from(makes);
        sessions.push(open(&client));
        assert_eq!(signed_by(&client), (name.to_owned(), count), "{config}");
        for session in &sessions {
            assert!(alive(&client, session), "{config}");
        }
    }
    let agent = Agent::start("[sessions]\nalgorithm = \"Ed25519\"\n");
    let client = admin(&agent);
    open(&client);
    assert_eq!(signed_by(&client), ("Ed25519".to_owned(), 1), "the first key");
    for (body, name) in [
        (json!({}), "Ed25519"),
        (json!({"algorithm": "EdDSA"}), "EdDSA"),
        (json!({"algorithm": "Ed25519"}), "Ed25519"),
    ] {
        assert_eq!(client.post("/v1/signing-keys", body).is(201)["algorithm"], name);
    }
    for other in ["eddsa", "RS256", "", "none"] {
        client
            .post("/v1/signing-keys", json!({"algorithm": other}))
            .refused(400, "InvalidInput");
    }
}

#[test]
fn a_context_revoked_in_one_agent_ends_in_another() {
    let agent = Agent::start("[limits]\nburst = 100000\n");
    let other = beside(&agent, "[limits]\nburst = 100000\n");
    let (here, there) = (admin(&agent), admin(&other));
    let mut token = enrol(&here, "alice");
    let (mut refused, mut device_revoked) = (0, Instant::now());
    for round in 0..rounds() {
        // With MFA or without, for the account, the device or the one context.
        let with_mfa = round % 8 == 0;
        let session = match with_mfa {
            true => token.session(&here, "alice"),
            false => text(&here.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]),
        };
        assert!(alive(&there, &session), "round {round}");
        // A device's contexts are dated above its last mark, and those of the future are refused:
        // once a second is enough.
        if with_mfa && device_revoked.elapsed() > Duration::from_secs(1) {
            here.post("/v1/accounts/alice/revoke-sessions", json!({"serial": token.serial}))
                .is(200);
            device_revoked = Instant::now();
        } else if round % 3 == 1 {
            here.post("/v1/sessions/revoke", json!({"token": session})).is(204);
        } else {
            here.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
        }
        refused += usize::from(!alive(&there, &session));
    }
    assert_eq!(refused, rounds());
    // API keys and signing keys take effect at once, too.
    let key = test_support::people::api_key(&here, json!({"role": "verifier"}));
    let third = beside(&agent, TCP);
    let caller = Client::tcp(third.address()).bearing(&key);
    caller.get("/v1/devices?account=alice").is(200);
    here.delete(&format!("/v1/api-keys/{}", key.split('_').nth(1).unwrap())).is(204);
    caller.get("/v1/devices?account=alice").refused(401, "Unauthorized");
}

#[test]
fn a_session_opened_between_two_revocations_is_dead() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    for _ in 0..3 {
        // Issued in the second of the account's mark, and so dated after it.
        admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
        let session = token.session(&admin, "alice");
        admin
            .post("/v1/accounts/alice/revoke-sessions", json!({"serial": token.serial}))
            .is(200);
        assert!(!alive(&admin, &session), "the device's contexts were revoked");
        admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
        let session = token.session(&admin, "alice");
        admin.post(&token.path("/deactivate"), json!({})).is(200);
        admin.post(&token.path("/activate"), json!({"codes": token.pair()})).is(200);
        assert!(!alive(&admin, &session), "the device was out of use meanwhile");
    }
    admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    let session = token.session(&admin, "alice");
    admin.delete(&token.path("")).is(204);
    admin
        .post("/v1/devices", json!({"account": "alice", "kind": "hotp", "serial": token.serial}))
        .is(201);
    assert!(!alive(&admin, &session), "another device has the serial number");
}

#[test]
fn a_backup_is_not_served_until_it_is_restored() {
    let agent = Agent::start("");
    let first = admin(&agent);
    let mut token = enrol(&first, "alice");
    let session = token.session(&first, "alice");
    let copy = agent.folder.path().join("copy.db");
    assert_eq!(first.post("/v1/store/backup", json!({"path": copy})).is(201)["path"], json!(copy));
    first
        .post("/v1/store/backup", json!({"path": copy}))
        .refused(400, "InvalidInput");
    // The copy does not know codes that were accepted after it was made.
    let code = token.code();
    first
        .post("/v1/sessions", json!({"account": "alice", "serial": token.serial, "code": code}))
        .is(201);
    let key = agent.folder.path().join("sealing.key");
    let store =
        format!("[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n", copy.display(), key.display());
    let (_, log) = Agent::fails(tempfile::tempdir().unwrap(), &store);
    assert!(log.contains("this store is a copy: run `twostep store restore /"), "{log}");
    let restored = restore::with_file(&copy, now(), &key);
    assert_eq!((restored.devices, restored.accounts, restored.disabled), (1, 1, 1));
    let second = Agent::start(&store);
    let second = admin(&second);
    assert!(!alive(&second, &session));
    let why = second
        .post("/v1/sessions", json!({"account": "alice", "serial": token.serial, "code": code}))
        .refused(403, "AccessDenied");
    assert_eq!(why["reason"], "not_active");
    second.post(&token.path("/activate"), json!({"codes": token.pair()})).is(200);
    token.session(&second, "alice");
    assert_eq!(second.get("/v1/audit/verify").is(200)["ok"], true);
    assert!(second.get("/v1/audit").is(200).to_string().contains("store.restored"));
    // Without a path it goes beside the store, and what was there before stays.
    let beside = first.post("/v1/store/backup", json!({})).is(201);
    assert_eq!(Path::new(beside["path"].as_str().unwrap()).parent(), copy.parent());
}

#[test]
fn an_administrator_can_accept_a_clock_that_went_back() {
    let agent = Agent::start("");
    let mut token = enrol(&admin(&agent), "alice");
    let folder = agent.into_folder();
    // After the kill: close the store, as a tool that ignores its log would not.
    drop(SqliteStore::open(folder.path().join("store.db")).unwrap());
    edit(folder.path(), "UPDATE control SET highest_time = highest_time + 86400");
    let agent = Agent::start_in(folder, "");
    let admin = admin(&agent);
    let code = token.code();
    let open = || {
        admin
            .post("/v1/sessions", json!({"account": "alice", "serial": token.serial, "code": code}))
    };
    assert_eq!(open().refused(503, "ServiceUnavailable")["reason"], "clock");
    assert_eq!(
        admin
            .post("/v1/sessions", json!({"account": "alice"}))
            .refused(503, "ServiceUnavailable")["reason"],
        "clock"
    );
    admin.get("/readyz").refused(503, "ServiceUnavailable");
    admin.get("/healthz").is(200);
    assert!(admin.get("/metrics").text().contains("twostep_clock_ok 0"));
    admin.post("/v1/clock/accept", json!({})).is(200);
    admin.get("/readyz").is(200);
    open().is(201);
    assert!(admin.get("/v1/audit").is(200).to_string().contains("clock.accepted"));
}

#[test]
fn a_synchronised_clock_is_believed_and_metrics_are_current() {
    let agent = Agent::start("");
    let mut token = enrol(&admin(&agent), "alice");
    let used = token.code();
    let folder = agent.into_folder();
    edit(folder.path(), "UPDATE control SET highest_time = highest_time + 86400");
    let agent = Agent::start_in(folder, "");
    let admin = admin(&agent);
    let open = || {
        admin
            .post("/v1/sessions", json!({"account": "alice", "serial": token.serial, "code": used}))
    };
    assert_eq!(open().refused(503, "ServiceUnavailable")["reason"], "clock");
    assert!(admin.get("/metrics").text().contains("twostep_clock_ok 0"));
    std::fs::write(agent.folder.path().join("synchronised"), "").unwrap();
    assert!(admin.get("/metrics").text().contains("twostep_clock_ok 1"));
    open().is(201);
    assert_eq!(open().refused(403, "AccessDenied")["reason"], "replayed");
    admin.get("/readyz").is(200);
    let audit = admin.get("/v1/audit").is(200);
    let steps: Vec<_> = audit["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "clock.stepped")
        .collect();
    assert_eq!(steps.len(), 1, "{audit}");
    assert_eq!(steps[0]["caller"], "agent");
    let seconds: i64 = steps[0]["reason"].as_str().unwrap().trim_end_matches(" s").parse().unwrap();
    assert!((-86_400..-86_300).contains(&seconds), "{seconds}");
}

#[test]
fn readiness_and_metrics_name_the_sealing_keys_that_are_needed() {
    let agent = Agent::start("");
    let client = admin(&agent);
    assert_eq!(client.get("/readyz").is(200)["older_sealing_keys"], json!([]));
    enrol(&client, "alice");
    let file = agent.folder.path().join("sealing.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let new = twostep::store::Keyring::new_key().unwrap();
    // Secrets sealed by another process, with the new key first, need that key here.
    let beside = agent.folder.path().join("beside.key");
    std::fs::write(&beside, format!("{old}{}\n", *new)).unwrap();
    std::fs::write(&file, format!("{}\n{old}", *new)).unwrap();
    for keys in [&file, &beside] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let ids = |path: &Path| twostep::store::Keyring::from_file(path).unwrap().ids();
    let (first, older) = (ids(&file)[0], ids(&beside)[0]);
    assert_ne!(first, older);
    agent.signal("HUP");
    let line = agent.logs("the sealing keys were read again");
    assert!(line.contains("\"resealed\":2") || line.contains("\"resealed\":3"), "{line}");
    assert!(
        agent.log().contains(&format!("\"first\":\"{first}\",\"others\":\"{older}\"")),
        "{}",
        agent.log()
    );
    assert_eq!(client.get("/readyz").is(200)["older_sealing_keys"], json!([]));
    // The old key seals again: its line is the first one of another agent.
    let config = format!(
        "[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n",
        agent.folder.path().join("store.db").display(),
        beside.display()
    );
    let second = Agent::start(&config);
    second.logs("no secret needs an older sealing key any more");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let needed = client.get("/readyz").is(200)["older_sealing_keys"].clone();
        let metrics = client.get("/metrics").text();
        if needed[0]["secrets"].as_u64().is_some_and(|secrets| secrets >= 2) {
            assert_eq!(needed[0]["key"], older.to_string());
            let sample = format!(
                "twostep_secrets_under_older_keys{{key=\"{older}\"}} {}",
                needed[0]["secrets"]
            );
            assert!(metrics.contains(&sample), "no {sample} in {metrics}");
            break;
        }
        assert!(Instant::now() < deadline, "{needed}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_caller_that_is_too_fast_waits_alone() {
    let agent = Agent::start(&format!("{TCP}[limits]\nrequests_per_second = 2\nburst = 20\n"));
    let [fast, slow] = ["admin", "admin"].map(|role| super::caller(&agent, role));
    let (mut passed, began) = (0, Instant::now());
    let refused = loop {
        match fast.get("/v1/api-keys") {
            answer if answer.status == 200 => passed += 1,
            answer => break answer,
        }
    };
    assert!(
        (20..=20 + 1 + 2 * usize::try_from(began.elapsed().as_secs()).unwrap()).contains(&passed),
        "{passed}"
    );
    let wait = refused.refused(429, "Throttled")["retry_after_seconds"].as_u64().unwrap();
    assert_eq!(wait, 1);
    slow.get("/v1/api-keys").is(200);
    std::thread::sleep(Duration::from_secs(wait));
    fast.get("/v1/api-keys").is(200);
}

#[test]
fn metrics_count_without_names() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice-the-owner");
    token.session(&admin, "alice-the-owner");
    admin
        .post(
            "/v1/sessions",
            json!({"account": "alice-the-owner", "serial": token.serial, "code": token.wrong()}),
        )
        .refused(403, "AccessDenied");
    admin.post("/v1/sessions", json!({"account": "alice-the-owner"})).is(201);
    admin.get("/v1/not/a/route/of-alice-the-owner").refused(404, "NoSuchEntity");
    let answer = admin.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let metrics = answer.text();
    for line in [
        "twostep_requests_total{route=\"/v1/sessions\",status=\"201\"} 2",
        "twostep_requests_total{route=\"/v1/sessions\",status=\"403\"} 1",
        "twostep_requests_total{route=\"none\",status=\"404\"} 1",
        "twostep_request_duration_seconds_count{route=\"/v1/sessions\"} 3",
        "twostep_sessions_issued_total{mfa=\"true\",kind=\"hotp\"} 1",
        "twostep_sessions_issued_total{mfa=\"false\",kind=\"none\"} 1",
        "twostep_panics_total 0",
        "twostep_clock_ok 1",
        "twostep_store_ok 1",
    ] {
        assert!(metrics.lines().any(|known| known == line), "no {line} in:\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    assert!(
        !metrics.contains("alice") && !metrics.contains(&token.serial) && !metrics.contains("uid:"),
        "{metrics}"
    );
}

#[test]
fn the_audit_log_holds_every_decision_and_shows_a_change() {
    let agent = Agent::start("");
    let client = admin(&agent);
    let mut token = enrol(&client, "alice");
    token.session(&client, "alice");
    client
        .post(
            "/v1/sessions",
            json!({"account": "alice", "serial": token.serial, "code": token.wrong()}),
        )
        .refused(403, "AccessDenied");
    client.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    client.delete(&token.path("")).is(204);
    let log = client.get("/v1/audit?limit=1000").is(200);
    let events: Vec<(String, String)> = log["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (text(&e["action"]), text(&e["caller"])))
        .collect();
    let uid = format!("uid:{}", nix::unistd::Uid::effective());
    for action in [
        "device.added",
        "device.activated",
        "code.accepted",
        "code.refused",
        "sessions.revoked",
        "device.removed",
    ] {
        assert_eq!(
            events
                .iter()
                .filter(|event| **event == (action.to_owned(), uid.clone()))
                .count(),
            1,
            "{action}: {events:?}"
        );
    }
    let verified = client.get("/v1/audit/verify").is(200);
    let rows = verified["rows"].as_u64().unwrap();
    assert_eq!(
        (&verified["ok"], rows, &verified["broken_at"]),
        (&true.into(), u64::try_from(events.len()).unwrap(), &json!(null))
    );
    assert_eq!(verified["head"], log["events"].as_array().unwrap().last().unwrap()["hash"]);

    let store = rusqlite::Connection::open(agent.folder.path().join("store.db")).unwrap();
    store
        .execute("UPDATE audit SET body = replace(body, 'code.refused', 'code.accepted')", [])
        .unwrap();
    let verified = client.get("/v1/audit/verify").is(200);
    let broken = log["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["action"] == "code.refused")
        .unwrap();
    assert_eq!((&verified["ok"], &verified["broken_at"]), (&false.into(), &broken["number"]));
}
