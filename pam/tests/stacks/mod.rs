//! The module in real hosts, pamtester, su and sudo, with a real agent. Their stacks are in a mount
//! namespace of their own: the machine's own files stay unchanged, and no real password is used.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::enrol;
use test_support::tools;

use crate::support::stage::Stage;

#[test]
fn a_code_opens_once_and_a_recovery_code_too() {
    if !tools::have("pamtester,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "alice");
    let sheet = client
        .post("/v1/devices", json!({"account": "alice", "kind": "recovery"}))
        .is(201);
    let spare = sheet["recovery_codes"][0].as_str().unwrap().to_lowercase();
    let stage = Stage::new(&agent.socket());
    let code = phone.code();
    stage.pamtester("alice", &[&code]).is("successfully authenticated");
    stage.pamtester("alice", &[&code]).is("Authentication failure");
    stage.pamtester("alice", &[phone.wrong()]).is("Authentication failure");
    stage.pamtester("alice", &[&spare]).is("successfully authenticated");
    stage.pamtester("alice", &[&spare]).is("Authentication failure");
    stage.pamtester("mallory", &[&phone.code()]).is("Authentication failure");
    stage.pamtester("alice", &["not a code"]).is("Authentication failure");
    assert_eq!(opened(&client), ["alice", "alice"]);
}

#[test]
fn without_an_agent_logins_fail_within_the_timeout() {
    if !tools::have("pamtester,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "alice");
    let stage = Stage::new(&agent.socket());
    agent.signal("STOP");
    let started = Instant::now();
    stage
        .pamtester("alice", &[&phone.code()])
        .is("Authentication service cannot retrieve authentication info");
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    agent.signal("CONT");
    stage.pamtester("alice", &[&phone.code()]).is("successfully authenticated");
    let _folder = agent.into_folder();
    stage
        .pamtester("alice", &[&phone.code()])
        .is("Authentication service cannot retrieve authentication info");
}

#[test]
fn an_invalid_line_in_the_stack_fails_every_login() {
    if !tools::have("pamtester,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "alice");
    let stage = Stage::with_options(&agent.socket(), "failmode=safe");
    stage.pamtester("alice", &[&phone.code()]).is("Error in service module");
    assert!(opened(&client).is_empty());
}

#[test]
fn su_asks_for_a_code_and_lets_its_owner_through() {
    if !tools::have("su,setpriv,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "root");
    let stage = Stage::new(&agent.socket());
    let su = ["su", "root", "-c", "id -un"];
    let entered = stage.as_unprivileged(&su, &[&phone.code()]);
    assert_eq!((entered.status, entered.stdout.as_str()), (0, "root\n"), "{}", entered.stderr);
    let refused = stage.as_unprivileged(&su, &[phone.wrong()]);
    assert!(refused.status != 0 && refused.stdout.is_empty(), "{}", refused.stdout);
    agent.signal("STOP");
    let refused = stage.as_unprivileged(&su, &[&phone.code()]);
    agent.signal("CONT");
    assert!(refused.status != 0 && refused.stdout.is_empty(), "{}", refused.stdout);
    assert_eq!(opened(&client), ["root"]);
}

#[test]
fn sudo_asks_for_a_code_and_lets_its_owner_through() {
    if !tools::have("sudo,setpriv,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "nobody");
    let stage = Stage::new(&agent.socket());
    let sudo = ["sudo", "-S", "id", "-un"];
    let entered = stage.as_unprivileged(&sudo, &[&phone.code()]);
    assert_eq!((entered.status, entered.stdout.as_str()), (0, "root\n"), "{}", entered.stderr);
    assert!(entered.stderr.contains("Code of nobody for sudo: "), "{}", entered.stderr);
    let refused = stage.as_unprivileged(&sudo, &[phone.wrong()]);
    assert!(refused.status != 0 && refused.stdout.is_empty(), "{}", refused.stdout);
    let _folder = agent.into_folder();
    let refused = stage.as_unprivileged(&sudo, &[&phone.code()]);
    assert!(refused.status != 0 && refused.stdout.is_empty(), "{}", refused.stdout);
}

#[test]
fn files_that_a_user_could_write_are_never_opened() {
    if !tools::have("pamtester,strace,unshare,mount,root") {
        return;
    }
    let (agent, client) = running();
    let mut phone = enrol(&client, "root");
    let stage = Stage::with_options(&agent.socket(), "reuse");
    let trace = stage.folder().join("trace");
    let home = stage.folder().join("home");
    std::fs::create_dir_all(home.join(".config/twostep")).unwrap();
    let shown = home.display();
    let command = format!(
        "HOME={shown} XDG_CONFIG_HOME={shown}/.config XDG_RUNTIME_DIR={shown} \
         TWOSTEP_SOCKET={shown}/agent.sock PATH={shown}:$PATH \
         exec strace -f -y -e trace=%file,connect -o {} pamtester -I tty=pts/1 probe root \
         authenticate",
        trace.display()
    );
    stage
        .run(&["sh", "-c", &command], &[&phone.code()])
        .is("successfully authenticated");
    let text = std::fs::read_to_string(&trace).unwrap();
    let after = text.lines().skip_while(|line| !line.contains("libpam_twostep.so")).skip(1);
    let paths: Vec<&str> = after
        .filter_map(|line| line.split('"').nth(1))
        .filter(|path| path.starts_with('/'))
        .collect();
    let socket = agent.socket();
    assert!(paths.contains(&socket.to_str().unwrap()), "{paths:?}");
    let folder = socket.parent().unwrap();
    for path in paths
        .iter()
        .filter(|path| ![socket.as_path(), folder].contains(&Path::new(path)))
    {
        let kept = [
            "/proc/",
            "/run/systemd/",
            "/etc/",
            "/usr/lib/",
            "/lib/",
            "/dev/log",
            "/var/run/nscd/",
            "/run/utmp",
            "/var/run/utmp",
        ];
        assert!(kept.iter().any(|folder| path.starts_with(folder)), "{path}");
    }
}

/// A running agent, and its administrator.
fn running() -> (Agent, Client) {
    let agent = Agent::start("");
    let client = Client::unix(agent.socket());
    (agent, client)
}

/// The accounts of sessions with MFA in the agent's audit log, oldest first.
fn opened(client: &Client) -> Vec<String> {
    let events = client.get("/v1/audit?limit=1000").is(200);
    let events = events["events"].as_array().unwrap().clone();
    let accepted = events.iter().filter(|event| {
        event["action"].as_str().is_some_and(|action| action.ends_with(".accepted"))
    });
    accepted
        .filter_map(|event| event["account"].as_str())
        .map(str::to_owned)
        .collect()
}
