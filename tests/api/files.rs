//! The files of an agent: what a stop leaves, what a start refuses, and what ends an agent that
//! runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use test_support::agent::Agent;
use test_support::people::{alive, enrol, now};
use test_support::restore;

use super::admin;

const SOON: Duration = Duration::from_secs(20);

/// A store after a clean stop, and its locks.
const FILES: [&str; 6] = [
    "store.db",
    "store.db.chain-1",
    "store.db.lock",
    "store.db.task-chores",
    "store.db.turn",
    "store.db.witness",
];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("store"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_stopped_agent_leaves_its_store_in_one_file() {
    for signal in ["TERM", "INT"] {
        let mut agent = Agent::start("");
        let client = admin(&agent);
        let mut token = enrol(&client, "alice");
        let session = token.session(&client, "alice");
        // Open while it is told to stop.
        let idle = agent.connect();
        agent.signal(signal);
        assert_eq!(agent.ended_within(SOON).code(), Some(0), "{}", agent.log());
        drop(idle);
        let folder = agent.into_folder();
        assert_eq!(names(folder.path()), FILES, "{signal}");
        let copy = tempfile::tempdir().unwrap();
        for name in ["store.db", "sealing.key"] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let agent = Agent::start_in(copy, "");
        assert!(alive(&admin(&agent), &session), "{signal}: the file alone is the store");
    }
}

#[test]
fn an_agent_that_cannot_start_leaves_its_store_in_one_file() {
    let mut agent = Agent::start("");
    enrol(&admin(&agent), "alice");
    agent.signal("TERM");
    agent.ended_within(SOON);
    let folder = agent.into_folder();
    let key = folder.path().join("sealing.key");
    let right = fs::read(&key).unwrap();
    fs::write(&key, format!("{}\n", *twostep::store::Keyring::new_key().unwrap())).unwrap();
    let (folder, log) = Agent::fails(folder, "");
    assert!(log.contains("sealed under another key"), "{log}");
    assert_eq!(names(folder.path()), FILES);
    fs::write(&key, right).unwrap();
    fs::create_dir(folder.path().join("agent.sock")).unwrap();
    let (folder, _) = Agent::fails(folder, "");
    assert_eq!(names(folder.path()), FILES);
}

#[test]
fn no_new_key_takes_the_place_of_one_that_is_missing() {
    let mut agent = Agent::start("");
    let mut token = enrol(&admin(&agent), "alice");
    agent.signal("TERM");
    agent.ended_within(SOON);
    let folder = agent.into_folder();
    let (key, away) = (folder.path().join("sealing.key"), folder.path().join("away"));
    fs::rename(&key, &away).unwrap();
    let (folder, log) = Agent::fails(folder, "");
    assert!(
        log.contains(&format!("sealing key {} is not there: put its backup back", key.display())),
        "{log}"
    );
    assert!(!key.exists(), "no key is made");
    fs::rename(&away, &key).unwrap();
    let agent = Agent::start_in(folder, "");
    token.session(&admin(&agent), "alice");
}

/// As a crash may leave a file that was written in place: no new key replaces it.
#[test]
fn an_empty_key_is_named_and_not_replaced() {
    let agent = Agent::start("");
    enrol(&admin(&agent), "alice");
    let folder = agent.into_folder();
    let key = folder.path().join("sealing.key");
    let kept = fs::read(&key).unwrap();
    for empty in ["", "\n"] {
        fs::write(&key, empty).unwrap();
    }
    let (folder, log) = Agent::fails(folder, "");
    assert!(log.contains("sealing.key is empty") && log.contains("from your copy"), "{log}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "\n");
    fs::write(&key, kept).unwrap();
    Agent::start_in(folder, "");
}

#[test]
fn a_store_that_lost_its_contents_is_not_created_again() {
    for left in
        ["nothing", "0 bytes", "a header", "0 bytes without witness", "a header without witness"]
    {
        let mut agent = Agent::start("");
        enrol(&admin(&agent), "alice");
        agent.signal("TERM");
        agent.ended_within(SOON);
        let folder = agent.into_folder();
        let store = folder.path().join("store.db");
        fs::remove_file(&store).unwrap();
        if left.contains("0 bytes") {
            fs::write(&store, "").unwrap();
        } else if left.contains("a header") {
            rusqlite::Connection::open(&store)
                .unwrap()
                .execute_batch("PRAGMA journal_mode = WAL")
                .unwrap();
        }
        if left.contains("without witness") {
            fs::remove_file(folder.path().join("store.db.witness")).unwrap();
        }
        let key = fs::read(folder.path().join("sealing.key")).unwrap();
        for _ in 0..2 {
            let before = fs::read(&store).ok();
            let mut agent =
                Agent::spawn(tempfile::tempdir().unwrap(), &places(folder.path()), |_| {});
            assert_eq!(agent.ended_within(SOON).code(), Some(3), "{left}");
            assert!(
                agent.log().contains("back"),
                "{left}: it says what to put back: {}",
                agent.log()
            );
            assert_eq!(fs::read(&store).ok(), before, "{left}: nothing is begun");
        }
        assert_eq!(fs::read(folder.path().join("sealing.key")).unwrap(), key);
    }
}

#[test]
fn an_operators_key_without_a_store_is_a_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("sealing.key");
    fs::write(&key, format!("{}\n", *twostep::store::Keyring::new_key().unwrap())).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let given = fs::read(&key).unwrap();
    let agent = Agent::start_in(folder, "");
    enrol(&admin(&agent), "alice");
    assert_eq!(fs::read(&key).unwrap(), given);
}

fn places(folder: &Path) -> String {
    format!(
        "[store]\nurl = \"sqlite:{0}/store.db\"\nkey_file = \"{0}/sealing.key\"\n",
        folder.display()
    )
}

#[test]
fn a_restored_backup_in_the_stores_place_is_served() {
    for how in ["TERM", "KILL"] {
        let mut agent = Agent::start("");
        let client = admin(&agent);
        for number in 0..3 {
            enrol(&client, &format!("before-{number}"));
        }
        let copy = agent.folder.path().join("copy.db");
        client.post("/v1/store/backup", json!({"path": copy})).is(201);
        let mut later = enrol(&client, "later");
        let session = later.session(&client, "later");
        agent.signal(how);
        agent.ended_within(SOON);
        let folder = agent.into_folder();
        restore::with_file(&copy, now(), &folder.path().join("sealing.key"));
        fs::rename(&copy, folder.path().join("store.db")).unwrap();
        let folder = if how == "KILL" {
            let (folder, log) = Agent::fails(folder, "");
            assert!(
                log.contains("store.db-wal is of another restore")
                    && log.contains("move the log away"),
                "{log}"
            );
            fs::remove_file(folder.path().join("store.db-wal")).unwrap();
            folder
        } else {
            folder
        };
        let agent = Agent::start_in(folder, "");
        let client = admin(&agent);
        client.get("/readyz").is(200);
        assert_eq!(
            client.get("/v1/accounts").is(200)["accounts"].as_array().unwrap().len(),
            3,
            "{how}"
        );
        assert!(!alive(&client, &session), "{how}: what the restore ended stays ended");
    }
}

#[test]
fn an_agent_whose_store_is_replaced_ends_and_says_so() {
    let replaced = |path: &Path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    };
    let removed = |path: &Path| fs::remove_file(path).unwrap();
    let without_log = |path: &Path| fs::remove_file(path.with_extension("db-wal")).unwrap();
    type Change = fn(&Path);
    let ways: [(&str, Change); 3] =
        [("replaced", replaced), ("removed", removed), ("its log is removed", without_log)];
    for (way, change) in ways {
        for asked in ["/readyz", "a login"] {
            let mut agent = Agent::start("");
            let client = admin(&agent);
            let mut token = enrol(&client, "alice");
            let store = agent.folder.path().join("store.db");
            change(&store);
            match asked {
                "a login" => {
                    let code = token.code();
                    client
                        .post(
                            "/v1/sessions",
                            json!({"account": "alice", "serial": token.serial, "code": code}),
                        )
                        .refused(503, "ServiceUnavailable");
                }
                path => drop(client.get(path).refused(503, "ServiceUnavailable")),
            }
            assert_eq!(agent.ended_within(SOON).code(), Some(3), "{way}, {asked}");
            let log = agent.log();
            let said = log.lines().any(|line| {
                line.starts_with("refused: ")
                    && line.contains("store.db")
                    && line.contains("store restore")
            });
            assert!(said, "{way}, {asked}: the file and what to do: {log}");
        }
    }
}

#[test]
fn a_tool_may_empty_the_log_of_a_killed_agent() {
    let mut agent = Agent::start("");
    let mut token = enrol(&admin(&agent), "alice");
    let session = token.session(&admin(&agent), "alice");
    agent.signal("KILL");
    agent.ended_within(SOON);
    let folder = agent.into_folder();
    let (store, log) = (folder.path().join("store.db"), folder.path().join("store.db-wal"));
    assert!(fs::metadata(&log).unwrap().len() > 0);
    // SQLite empties the log into the file and removes it when the last connection is closed.
    let tool = rusqlite::Connection::open(&store).unwrap();
    let devices: u32 =
        tool.query_row("SELECT count(*) FROM devices", [], |row| row.get(0)).unwrap();
    tool.close().unwrap();
    assert!(devices == 1 && !log.exists());
    let agent = Agent::start_in(folder, "");
    assert!(alive(&admin(&agent), &session));
}
