//! The second socket: who is who there, what is there, and what is not.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::agent::{Agent, exchange};
use test_support::http::Client;
use test_support::others::{NOBODY, ask, shell};
use test_support::people::enrol;
use test_support::tools;

use super::{admin, start, verify_socket as socket};

#[test]
fn all_users_may_connect_and_the_file_goes_with_its_agent() {
    let mut agent = start("");
    assert_eq!(std::fs::metadata(socket(&agent)).unwrap().mode() & 0o777, 0o666);
    let rival = format!("[verify_socket]\npath = \"{}\"\n", socket(&agent).display());
    let (_, log) = Agent::fails(tempfile::tempdir().unwrap(), &rival);
    assert!(log.contains("another agent listens"), "{log}");
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(5)).code(), Some(0));
    assert!(!socket(&agent).exists() && !agent.socket().exists());
}

#[test]
fn the_socket_is_optional_and_needs_a_path_of_its_own() {
    let agent = Agent::start("[verify_socket]\nenabled = false\n");
    assert!(!socket(&agent).exists());
    let (_, log) =
        Agent::fails(tempfile::tempdir().unwrap(), "[verify_socket]\npath = \"agent.sock\"\n");
    assert!(log.contains("it is the agent's own socket"), "{log}");
}

#[test]
fn root_may_verify_anybody_there_and_do_nothing_else() {
    let agent = start("metrics = \"open\"\n");
    let (root, verify) = (admin(&agent), Client::unix(socket(&agent)));
    let mut token = enrol(&root, "alice");
    verify.get("/v1/devices?account=alice").is(200);
    let session = token.session(&verify, "alice");
    assert_eq!(
        verify.post("/v1/sessions/introspect", json!({"token": session})).is(200)["active"],
        true
    );
    let refused = verify.post(
        "/v1/sessions",
        json!({"account": "alice", "serial": token.serial, "code": token.wrong()}),
    );
    assert_eq!(refused.refused(403, "AccessDenied")["reason"], "no_match");
    verify
        .post("/v1/security-keys/authenticate/begin", json!({"account": "alice"}))
        .is(200);
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        verify.get(path).is(200);
    }

    let serial = token.path("");
    verify.get("/v1/devices").refused(403, "AccessDenied");
    verify
        .post("/v1/devices", json!({"account": "alice", "kind": "hotp"}))
        .refused(405, "InvalidInput");
    for (method, path) in [
        ("GET", "/v1/accounts"),
        ("POST", "/v1/accounts/alice/bypass"),
        ("POST", "/v1/accounts/alice/revoke-sessions"),
        ("DELETE", "/v1/accounts/alice"),
        ("GET", &serial),
        ("PATCH", &serial),
        ("DELETE", &serial),
        ("POST", &token.path("/deactivate")),
        ("POST", &token.path("/resync")),
        ("POST", "/v1/security-keys/register/begin"),
        ("POST", "/v1/sessions/revoke"),
        ("GET", "/v1/audit"),
        ("GET", "/v1/api-keys"),
        ("POST", "/v1/signing-keys"),
        ("POST", "/v1/store/backup"),
        ("POST", "/v1/clock/accept"),
        ("GET", "/v1/fleet/drift"),
        ("POST", "/v1/store/accept"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ] {
        verify
            .send(method, path, (method != "GET").then(|| json!({})))
            .refused(404, "NoSuchEntity");
    }
    assert_eq!(root.get("/v1/accounts").is(200)["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn others_may_verify_their_own_account_and_no_other_is_there() {
    if !tools::have("curl,root") {
        return;
    }
    // Rules for the other socket change nothing here.
    let agent =
        start(&format!("local_users = true\n[[peer]]\nuid = {NOBODY}\nrole = \"enroller\"\n"));
    let (root, door) = (admin(&agent), socket(&agent));
    let (mut own, mut foreign) = (enrol(&root, "nobody"), enrol(&root, "alice"));
    let as_nobody = |method: &str, path: &str, body: &Value| ask(&door, NOBODY, method, path, body);
    let open = |account: &str, serial: &str, code: &str| {
        as_nobody(
            "POST",
            "/v1/sessions",
            &json!({"account": account, "serial": serial, "code": code}),
        )
    };
    let (status, opened) = open("nobody", &own.serial.clone(), &own.code());
    assert_eq!((status, &opened["context"]["account"]), (201, &"nobody".into()), "{opened}");
    let (status, listed) = as_nobody("GET", "/v1/devices?account=nobody", &json!({}));
    assert_eq!((status, listed["devices"].as_array().unwrap().len()), (200, 1));

    let code = foreign.code();
    assert_eq!(open("alice", &foreign.serial, &code), open("not-there", &foreign.serial, &code));
    assert_eq!(open("alice", &foreign.serial, &code).0, 403);
    let list =
        |account: &str| as_nobody("GET", &format!("/v1/devices?account={account}"), &json!({}));
    assert_eq!(list("alice"), list("not-there"));
    assert_eq!(as_nobody("POST", "/v1/sessions", &json!({"account": "alice"})).0, 403);
    let token = root
        .post("/v1/sessions", json!({"account": "alice", "serial": foreign.serial, "code": code}))
        .is(201)["token"]
        .clone();
    assert_eq!(
        as_nobody("POST", "/v1/sessions/introspect", &json!({"token": token})).1,
        json!({"active": false})
    );
    for (method, path) in
        [("GET", "/v1/accounts"), ("POST", &own.path("/deactivate")), ("DELETE", &own.path(""))]
    {
        assert_eq!(as_nobody(method, path, &json!({})).0, 404, "{method} {path}");
    }
    // A user without a login name has no account, not even one named by the user's number.
    assert_eq!(ask(&door, 12_345, "POST", "/v1/sessions", &json!({"account": "12345"})).0, 403);
}

#[test]
fn however_many_others_connect_root_is_let_in() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start("[limits]\nconnections = 16\nheader_timeout_seconds = 600\n");
    // Each holds a connection open for as long as there may be something to send.
    let one =
        format!("curl -s --unix-socket {} -T - http://agent/ <&3 &", socket(&agent).display());
    let script = format!("exec 3<&0; for n in $(seq 20); do {one} done; wait");
    let crowds = [NOBODY, 12_345].map(|uid| shell(uid, &script));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    let held = || admin(&agent).get("/metrics").text().contains("twostep_connections 4");
    while !held() {
        assert!(std::time::Instant::now() < deadline, "{}", admin(&agent).get("/metrics").text());
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..20 {
        let stream = UnixStream::connect(socket(&agent)).unwrap();
        assert!(exchange(stream, "GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
    }
    for mut crowd in crowds {
        drop(crowd.stdin.take());
        crowd.wait().unwrap();
    }
}

#[test]
fn two_users_keep_neither_root_nor_a_third_out() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start(
        "[socket]\npath = \"agent.sock\"\nmode = \"0666\"\n\
         [limits]\nconnections = 16\nheader_timeout_seconds = 600\n",
    );
    let one =
        format!("curl -s --unix-socket {} -T - http://agent/ <&3 &", agent.socket().display());
    let script = format!("exec 3<&0; for n in $(seq 20); do {one} done; wait");
    let crowds = [NOBODY, 12_345].map(|uid| shell(uid, &script));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    // Of 16 each user leaves as many free as it has: together they have 11 or 12. One is root's.
    let held = |metrics: &str| {
        [12, 13].iter().any(|n| metrics.contains(&format!("twostep_connections {n}\n")))
    };
    while !held(&admin(&agent).get("/metrics").text()) {
        assert!(std::time::Instant::now() < deadline, "{}", admin(&agent).get("/metrics").text());
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..20 {
        let stream = UnixStream::connect(agent.socket()).unwrap();
        assert!(exchange(stream, "GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
        assert_eq!(ask(&agent.socket(), 4_321, "GET", "/healthz", &json!({})).0, 200);
    }
    for mut crowd in crowds {
        drop(crowd.stdin.take());
        let _ = crowd.wait();
    }
}

/// A service may let people choose the name of an account on this machine.
#[test]
fn login_names_with_a_prefix_reach_no_account_of_a_service() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start(
        "local_users = true\n[[peer]]\nuid = 12345\nrole = \"verifier\"\naccounts = [\"$user\"]\n\
         [local]\naccount_prefix = \"host:\"\n\
         [socket]\npath = \"agent.sock\"\nmode = \"0666\"\n",
    );
    let root = admin(&agent);
    let mut tokens = ["host:nobody", "nobody"].map(|account| (account, enrol(&root, account)));
    for (account, token) in &mut tokens {
        let body = json!({"account": account, "serial": token.serial, "code": token.code()});
        let (status, answer) = ask(&socket(&agent), NOBODY, "POST", "/v1/sessions", &body);
        let expected = if *account == "nobody" { 403 } else { 201 };
        assert_eq!(status, expected, "{account}: {answer}");
    }
    let enrols = |account: &str| {
        let body = json!({"account": account, "kind": "hotp"});
        ask(&agent.socket(), NOBODY, "POST", "/v1/devices", &body).0
    };
    // The one is protected, and the other does not exist for this user.
    assert_eq!((enrols("host:nobody"), enrols("nobody"), enrols("root")), (403, 404, 404));
}
