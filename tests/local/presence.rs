//! Sessions that last only as long as their key stays plugged in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::enrol_key;
use test_support::http::Client;
use test_support::people::{alive, text};

use super::ceremony::Ceremony;
use super::plugged::{plug, pull};
use super::{admin, verify_socket};

/// An agent with a hook that writes down its variables, and an account with a key that is plugged
/// in.
fn start() -> Agent {
    let folder = tempfile::tempdir().unwrap();
    let hook = folder.path().join("hook");
    fs::write(&hook, "#!/bin/sh\nenv | grep ^TWOSTEP_ | sort > \"$1.new\"\nmv \"$1.new\" \"$1\"\n")
        .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let agent = Agent::start_in(folder, "");
    let folder = agent.into_folder();
    let agent = again(folder);
    enrol_key(&admin(&agent), "alice", "a");
    plug(&agent, "a", "");
    agent
}

fn again(folder: tempfile::TempDir) -> Agent {
    let (hook, told) = (folder.path().join("hook"), folder.path().join("told"));
    let config = format!(
        "[presence]\nenabled = true\nhook = [\"{}\", \"{}\"]\n",
        hook.display(),
        told.display()
    );
    Agent::start_in(folder, &config)
}

fn told(agent: &Agent) -> PathBuf {
    agent.folder.path().join("told")
}

/// The variables of the hook, once it has run.
#[track_caller]
fn hears(agent: &Agent) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !told(agent).exists() {
        assert!(Instant::now() < deadline, "the hook was not run: {}", agent.log());
        sleep(Duration::from_millis(10));
    }
    fs::read_to_string(told(agent)).unwrap()
}

fn bound() -> Value {
    json!({"account": "alice", "service": "login", "wait_seconds": 10, "bind_to_key": true})
}

#[track_caller]
fn bound_session(agent: &Agent) -> Value {
    let mut ceremony = Ceremony::begin(&verify_socket(agent), &bound());
    ceremony.hears("need_touch");
    ceremony.ends("done")
}

#[test]
fn a_key_that_is_pulled_ends_its_session_and_no_other() {
    let agent = start();
    let done = bound_session(&agent);
    let mut ceremony =
        Ceremony::begin(&verify_socket(&agent), &json!({"account": "alice", "service": "login"}));
    ceremony.hears("need_touch");
    let other = text(&ceremony.ends("done")["token"]);
    let token = text(&done["token"]);
    sleep(Duration::from_millis(600));
    assert!(
        alive(&admin(&agent), &token) && !told(&agent).exists(),
        "it lasts as long as the key is there"
    );

    pull(&agent, "a");
    let pulled = Instant::now();
    while alive(&admin(&agent), &token) {
        assert!(pulled.elapsed() < Duration::from_secs(2), "{}", agent.log());
        sleep(Duration::from_millis(20));
    }
    assert!(alive(&admin(&agent), &other));
    let context = &done["context"];
    let expected = format!(
        "TWOSTEP_ACCOUNT=alice\nTWOSTEP_EVENT=key_gone\nTWOSTEP_REASON=pulled\n\
         TWOSTEP_SERIAL={}\nTWOSTEP_SESSION_ID={}\n",
        text(&context["serial"]),
        text(&context["session_id"])
    );
    assert_eq!(hears(&agent), expected);
}

#[test]
fn another_key_at_the_same_path_counts_as_pulled() {
    let agent = start();
    let token = text(&bound_session(&agent)["token"]);
    // Between two looks: the name is the same, the node is not.
    let keys = agent.folder.path().join("keys");
    fs::write(keys.with_file_name("key"), "").unwrap();
    fs::rename(keys.with_file_name("key"), keys.join("a")).unwrap();
    assert!(hears(&agent).contains("TWOSTEP_REASON=pulled"));
    agent.logs("a session ended with its key");
    assert!(!alive(&admin(&agent), &token));
}

#[test]
fn an_agent_ends_at_its_start_the_sessions_it_had_bound() {
    let agent = start();
    let token = text(&bound_session(&agent)["token"]);
    // Kill the agent, and leave the key where it is.
    let agent = again(agent.into_folder());
    assert!(!alive(&admin(&agent), &token));
    assert!(hears(&agent).contains("TWOSTEP_REASON=restarted"));

    fs::remove_file(told(&agent)).unwrap();
    let mut agent = agent;
    let token = text(&bound_session(&agent)["token"]);
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(10)).code(), Some(0));
    hears(&agent);
    fs::remove_file(told(&agent)).unwrap();
    let agent = again(agent.into_folder());
    assert!(!alive(&admin(&agent), &token));
    // A session that has ended is not ended again.
    sleep(Duration::from_millis(500));
    assert!(!told(&agent).exists());
}

#[test]
fn a_key_that_is_gone_already_opens_no_session() {
    let agent = start();
    plug(&agent, "a", "pulled-when-touched");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &bound());
    ceremony.hears("need_touch");
    let ended = ceremony.next();
    assert_eq!((&ended["event"], ended.get("token")), (&"failed".into(), None), "{ended}");
}

#[test]
fn it_is_off_unless_the_configuration_says_so() {
    let agent = Agent::start("");
    let root = Client::unix(agent.socket());
    let problem = root.post("/v1/local/key-ceremonies", bound()).refused(400, "InvalidInput");
    assert!(problem["detail"].as_str().unwrap().contains("presence.enabled"), "{problem}");
}

#[test]
fn a_hook_that_others_could_change_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let hook = folder.path().join("hook");
    fs::write(&hook, "#!/bin/sh\n").unwrap();
    let with = |mode, path: &str| {
        fs::set_permissions(&hook, fs::Permissions::from_mode(mode)).unwrap();
        Agent::fails(
            tempfile::tempdir().unwrap(),
            &format!("[presence]\nenabled = true\nhook = [\"{path}\"]\n"),
        )
        .1
    };
    let path = hook.to_str().unwrap();
    assert!(with(0o777, path).contains("others may change"));
    assert!(with(0o644, path).contains("cannot be run"));
    assert!(with(0o755, "hook").contains("named by its whole path"));
    assert!(with(0o755, "/nowhere/hook").contains("is not there"));
}
