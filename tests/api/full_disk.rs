//! A disk that fills up while the agent runs, and has room again: no code is spent, lost or
//! accepted twice, and the agent recovers without a restart. The disk is a small one in memory,
//! which only root can mount.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, add, enrol};
use test_support::tools;

use super::admin;

/// A file system of its own, unmounted with this.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts the disk; none if that is not allowed, which fails where all tests must run.
    fn mount() -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "none"])
            .arg(folder.path())
            .output()
            .unwrap();
        // A container may not be allowed to mount.
        assert!(mounted.status.success() || !tools::all(), "{mounted:?}");
        mounted.status.success().then_some(Disk { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves not one byte.
    fn fill(&self) {
        let mut filler =
            File::options().append(true).create(true).open(self.path("filler")).unwrap();
        for size in [65_536, 4_096, 1] {
            while filler.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }

    /// An agent whose store is on this disk, and whose other files are not.
    fn config(&self) -> String {
        format!(
            "[sessions]\nrefusal_interval_ms = 1\n\
             [store]\nurl = \"sqlite:{}\"\nkey_file = \"sealing.key\"\n",
            self.path("store.db").display()
        )
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn open(client: &Client, account: &str, token: &Token, code: &str) -> test_support::http::Answer {
    client.post("/v1/sessions", json!({"account": account, "serial": token.serial, "code": code}))
}

#[track_caller]
fn is_full(problem: &Value) {
    assert_eq!(problem["reason"], "store", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("disk is full"), "{problem}");
}

/// Opens sessions until the disk has no room for one; returns the accepted codes, and the one that
/// was not.
fn until_full(client: &Client, account: &str, token: &mut Token) -> (Vec<String>, String) {
    let mut accepted = Vec::new();
    for _ in 0..2_000 {
        let code = token.code();
        let answer = open(client, account, token, &code);
        if answer.status != 201 {
            is_full(&answer.refused(503, "ServiceUnavailable"));
            return (accepted, code);
        }
        accepted.push(code);
    }
    panic!("the disk never fills up");
}

/// Waits for a line of the log that is there more often than before.
fn logged(agent: &Agent, text: &str, before: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while agent.log().matches(text).count() <= before {
        assert!(Instant::now() < deadline, "no {text:?} in {}", agent.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_disk_refuses_and_refused_codes_work_again_with_room() {
    if !tools::have("mount,umount,root") {
        return;
    }
    let Some(disk) = Disk::mount() else { return };
    let mut agent = Agent::start(&disk.config());
    let client = admin(&agent);
    let (mut token, mut other) = (enrol(&client, "alice"), enrol(&client, "bob"));
    let (mut accepted, mut refused) = (Vec::new(), String::new());
    for round in 0..3 {
        disk.fill();
        let ready = agent.log().matches("ready again").count();
        let (more, last) = until_full(&client, "alice", &mut token);
        accepted.extend(more);
        refused = last;
        // Later requests are refused alike, for every kind of change.
        for _ in 0..20 {
            is_full(&open(&client, "alice", &token, &refused).refused(503, "ServiceUnavailable"));
        }
        let wrong = json!({"account": "bob", "serial": other.serial, "code": other.wrong()});
        is_full(&client.post("/v1/sessions", wrong).refused(503, "ServiceUnavailable"));
        is_full(
            &client
                .post("/v1/devices", json!({"account": "carol", "kind": "hotp"}))
                .refused(503, "ServiceUnavailable"),
        );
        is_full(&client.get("/readyz").refused(503, "ServiceUnavailable"));
        assert!(client.get("/metrics").text().contains("twostep_store_ok 0"));
        client.get("/healthz").is(200);
        client.get("/v1/devices").is(200);
        // A backup that finds no room leaves no file.
        let copy = disk.path("backup.db");
        client
            .post("/v1/store/backup", json!({"path": copy.to_str().unwrap()}))
            .refused(503, "ServiceUnavailable");
        assert!(!copy.exists() && !copy.with_file_name("backup.db.partial").exists());
        if round == 0 {
            logged(&agent, "\"not ready\"", 0);
        }
        disk.make_room();
        if round == 0 {
            // The agent recovers by itself.
            logged(&agent, "ready again", ready);
        } else {
            wait_until_ready(&client);
        }
        client.get("/readyz").is(200);
        assert!(client.get("/metrics").text().contains("twostep_store_ok 1"));
        open(&client, "alice", &token, &refused).is(201);
        assert_eq!(
            open(&client, "alice", &token, &refused).refused(403, "AccessDenied")["reason"],
            "replayed"
        );
        accepted.push(refused.clone());
        add(&client, "carol");
    }
    other.session(&client, "bob");
    // Further back a counter is no replay but a wrong code, and three of those make its owner wait.
    for code in accepted.iter().rev().take(2) {
        open(&client, "alice", &token, code).refused(403, "AccessDenied");
    }
    assert_eq!(client.get("/v1/audit/verify").is(200)["ok"], true);

    // On a full disk the agent ends as usual, and loses nothing.
    disk.fill();
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(10)).code(), Some(0), "{}", agent.log());
    let folder = agent.into_folder();
    // Started on it, the agent waits for room, or says that there is none and is started again by
    // the service manager.
    let mut agent = Agent::spawn(folder, &disk.config(), |_| {});
    let deadline = Instant::now() + Duration::from_secs(20);
    while !agent.log().contains("\"message\":\"ready\"") && !agent.log().contains("refused:") {
        assert!(Instant::now() < deadline, "{}", agent.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    if agent.log().contains("refused:") {
        assert!(
            agent.log().contains("no room") || agent.log().contains("disk is full"),
            "{}",
            agent.log()
        );
        assert_eq!(agent.ended_within(Duration::from_secs(10)).code(), Some(3));
        disk.make_room();
        agent = Agent::start_in(agent.into_folder(), &disk.config());
    } else {
        disk.make_room();
    }
    let client = admin(&agent);
    wait_until_ready(&client);
    assert_eq!(
        open(&client, "alice", &token, &refused).refused(403, "AccessDenied")["reason"],
        "replayed"
    );
    token.session(&client, "alice");
    assert_eq!(client.get("/v1/audit/verify").is(200)["ok"], true);
    assert!(Path::new(&disk.path("store.db")).exists());
}

/// Limits the size of files of this process; raised again, it may write on (prlimit(1)).
fn limit_files(agent: &Agent, bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &agent.pid().to_string(), &format!("--fsize={bytes}:")])
        .status()
        .unwrap();
    assert!(limited.success());
}

#[test]
fn a_file_size_limit_refuses_as_a_full_disk_does() {
    if !test_support::tools::have("prlimit") {
        return;
    }
    let mut agent = Agent::start("[sessions]\nrefusal_interval_ms = 1\n");
    let client = admin(&agent);
    let mut token = enrol(&client, "alice");
    token.session(&client, "alice");
    // Below what the log has already: the next page is beyond it.
    limit_files(&agent, "16384");
    let refused = token.code();
    for _ in 0..5 {
        assert_eq!(
            open(&client, "alice", &token, &refused).refused(503, "ServiceUnavailable")["reason"],
            "store"
        );
        client.get("/readyz").refused(503, "ServiceUnavailable");
        client.get("/healthz").is(200);
    }
    limit_files(&agent, "unlimited");
    client.get("/readyz").is(200);
    open(&client, "alice", &token, &refused).is(201);
    assert_eq!(
        open(&client, "alice", &token, &refused).refused(403, "AccessDenied")["reason"],
        "replayed"
    );
    assert_eq!(client.get("/v1/audit/verify").is(200)["ok"], true);
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(10)).code(), Some(0), "{}", agent.log());
}

fn wait_until_ready(client: &Client) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.get("/readyz").status != 200 {
        assert!(Instant::now() < deadline, "{}", client.get("/readyz").text());
        std::thread::sleep(Duration::from_millis(100));
    }
}
