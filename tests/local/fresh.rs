//! A session that stands in for a new proof: where it does, and everything that ends it.

use std::fs;
use std::process::{Child, Command};

use serde_json::{Value, json};
use test_support::http::Client;
use test_support::others::{NOBODY, ask};
use test_support::people::{enrol, text};
use test_support::tools;

use super::{admin, start, verify_socket};

const FIVE_MINUTES: &str = "[local]\nreuse = { sudo = 5, su = 1 }\n";

/// A process that leads a session, as a login shell does. It is killed when this is dropped.
struct Shell(Child);

impl Shell {
    fn begin() -> Shell {
        let shell = Shell(Command::new("setsid").args(["sleep", "60"]).spawn().unwrap());
        while !shell.stat().contains("(sleep)") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        shell
    }

    fn stat(&self) -> String {
        fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap()
    }

    /// The terminal at which Alice asks.
    fn place(&self) -> Value {
        let started: u64 = self
            .stat()
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .nth(19)
            .unwrap()
            .parse()
            .unwrap();
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let (pid, boot_id) = (self.0.id(), boot_id.trim_end());
        json!({
            "account": "alice", "uid": 1000, "service": "sudo", "tty": "pts/1",
            "leader_pid": pid, "leader_started": started, "boot_id": boot_id,
        })
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn with(place: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut place = place.clone();
    place[member] = value.into();
    place
}

#[track_caller]
fn is_fresh(client: &Client, place: &Value) -> bool {
    let answer = client.post("/v1/local/fresh", place.clone()).is(200);
    assert_eq!(answer["fresh"] == true, answer.get("context").is_some(), "{answer}");
    answer["fresh"].as_bool().unwrap()
}

#[test]
fn a_proof_is_good_at_its_own_terminal_alone() {
    if !tools::have("root") {
        return;
    }
    let agent = start(FIVE_MINUTES);
    let (client, root) = (Client::unix(verify_socket(&agent)), admin(&agent));
    let (shell, other) = (Shell::begin(), Shell::begin());
    let place = shell.place();
    assert!(!is_fresh(&client, &place));
    let token = enrol(&root, "alice").session(&client, "alice");
    client.put("/v1/local/fresh", with(&place, "token", &*token)).is(204);
    let answer = client.post("/v1/local/fresh", place.clone()).is(200);
    assert_eq!((&answer["fresh"], &answer["context"]["account"]), (&true.into(), &"alice".into()));
    assert!(is_fresh(&root, &place), "on either socket, and more than once");
    let audited = root.get("/v1/audit?limit=1000").text();
    assert_eq!(audited.matches("session.reused").count(), 2, "{audited}");

    for (member, value) in [
        ("account", "bob".into()),
        ("uid", 1001.into()),
        ("service", "su".into()),
        ("service", "login".into()),
        ("tty", "pts/2".into()),
        ("leader_pid", other.place()["leader_pid"].clone()),
        ("leader_started", 1.into()),
        ("boot_id", "00000000-0000-0000-0000-000000000000".into()),
    ] {
        assert!(!is_fresh(&client, &with(&place, member, value)), "{member}");
    }
    assert!(is_fresh(&client, &place), "another place takes nothing from it");
}

#[test]
fn it_ends_with_its_leader_its_session_and_its_device() {
    if !tools::have("root") {
        return;
    }
    let agent = start(FIVE_MINUTES);
    let root = admin(&agent);
    let mut device = enrol(&root, "alice");
    let mut spare = enrol(&root, "alice");
    let shell = Shell::begin();
    let place = shell.place();
    let keep = |token: &str| root.put("/v1/local/fresh", with(&place, "token", token)).is(204);

    let token = device.session(&root, "alice");
    keep(&token);
    assert!(is_fresh(&root, &place));
    root.post("/v1/sessions/revoke", json!({"token": token})).is(204);
    assert!(!is_fresh(&root, &place));

    keep(&device.session(&root, "alice"));
    assert!(is_fresh(&root, &place));
    root.delete(&device.path("")).is(204);
    assert!(!is_fresh(&root, &place));

    keep(&spare.session(&root, "alice"));
    assert!(is_fresh(&root, &place));
    root.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    assert!(!is_fresh(&root, &place));

    keep(&spare.session(&root, "alice"));
    assert!(is_fresh(&root, &place));
    drop(shell);
    assert!(!is_fresh(&root, &place));
}

#[test]
fn nothing_is_kept_unless_the_configuration_says_so() {
    if !tools::have("root") {
        return;
    }
    let agent = start("");
    let root = admin(&agent);
    let shell = Shell::begin();
    let token = enrol(&root, "alice").session(&root, "alice");
    root.put("/v1/local/fresh", with(&shell.place(), "token", token)).is(204);
    assert!(!is_fresh(&root, &shell.place()));
}

#[test]
fn a_context_that_is_no_living_proof_is_refused() {
    if !tools::have("root") {
        return;
    }
    let agent = start(&format!("audiences = [\"mail\"]\n{FIVE_MINUTES}"));
    let root = admin(&agent);
    let shell = Shell::begin();
    let keep = |token: &str| {
        root.put("/v1/local/fresh", with(&shell.place(), "token", token))
            .refused(403, "AccessDenied")
    };
    let mut device = enrol(&root, "alice");
    keep(&enrol(&root, "bob").session(&root, "bob"));
    keep("none");
    // Without MFA, and for another account.
    keep(&text(&root.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]));
    let code = device.code();
    let body =
        json!({"account": "alice", "serial": device.serial, "code": code, "audience": "mail"});
    keep(&text(&root.post("/v1/sessions", body).is(201)["token"]));
    assert!(!is_fresh(&root, &shell.place()));
    for (member, value) in [
        ("tty", json!("")),
        ("service", json!("")),
        ("boot_id", json!("../../etc")),
        ("uid", json!(-1)),
    ] {
        root.post("/v1/local/fresh", with(&shell.place(), member, value))
            .refused(400, "InvalidInput");
    }
    root.post("/v1/local/fresh", with(&shell.place(), "token", "x"))
        .refused(400, "InvalidInput");
}

#[test]
fn only_root_asks_or_keeps() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start(&format!("local_users = true\n{FIVE_MINUTES}"));
    let root = admin(&agent);
    let token = enrol(&root, "nobody").session(&root, "nobody");
    let shell = Shell::begin();
    let place = with(&with(&shell.place(), "account", "nobody"), "uid", NOBODY);
    for (method, body) in [("POST", place.clone()), ("PUT", with(&place, "token", token))] {
        let (status, problem) =
            ask(&verify_socket(&agent), NOBODY, method, "/v1/local/fresh", &body);
        assert_eq!((status, &problem["detail"]), (403, &"only root may ask for this".into()));
    }
}
