//! The agent as a process: its sockets, its refusals before a handler runs, and its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod http;
mod systemd;
mod tls;

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use test_support::agent::{self, Agent};
use test_support::tools;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn the_socket_has_its_mode_before_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if UnixStream::connect(&socket).is_ok() {
                    return fs::metadata(&socket).unwrap().mode() & 0o777;
                }
            }
            0
        });
        let agent = Agent::start_in(
            folder_of(folder.path()),
            "[socket]\npath = \"agent.sock\"\nmode = \"0602\"\n",
        );
        done.store(true, Ordering::Relaxed);
        assert_eq!(watcher.join().unwrap(), 0o602);
        drop(agent);
    });
}

/// A second handle of the folder, which removes nothing.
fn folder_of(path: &std::path::Path) -> tempfile::TempDir {
    let mut folder = tempfile::Builder::new().tempdir_in(path).unwrap();
    folder.disable_cleanup(true);
    fs::remove_dir(folder.path()).unwrap();
    symlink(path, folder.path()).unwrap();
    folder
}

#[test]
fn mode_and_owner_are_set_between_bind_and_listen() {
    if !tools::have("strace") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let group = fs::metadata(folder.path()).unwrap().gid();
    let agent = Agent::spawn(
        folder,
        &format!("[socket]\npath = \"agent.sock\"\ngroup = {group}\n"),
        |command| {
            let program = command.get_program().to_owned();
            let mut strace = Command::new("strace");
            strace
                .args(["-f", "-o"])
                .arg(&trace)
                .args(["-e", "trace=bind,listen,chmod,fchmodat,chown,lchown,fchownat"])
                .arg(program);
            strace.args(command.get_args()).stdout(std::process::Stdio::null());
            strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            strace.stderr(fs::File::create(trace.with_file_name("log")).unwrap());
            *command = strace;
        },
    );
    agent.logs("\"message\":\"ready\"");
    let trace = fs::read_to_string(trace).unwrap();
    let calls: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains("agent.sock\"") || line.contains("listen("))
        .collect();
    let order: Vec<bool> = ["bind(", "chown", "chmod", "listen("]
        .iter()
        .zip(&calls)
        .map(|(call, line)| line.contains(call))
        .collect();
    assert_eq!(order, [true; 4], "{calls:?}");
}

#[test]
fn only_a_dead_agents_socket_is_taken_over() {
    let first = Agent::start("");
    let folder = first.into_folder();
    assert!(fs::metadata(folder.path().join("agent.sock")).unwrap().file_type().is_socket());
    let second = Agent::start_in(folder, "");
    let (rival, log) = Agent::fails(
        tempfile::tempdir().unwrap(),
        &format!("[socket]\npath = \"{}\"\n", second.socket().display()),
    );
    assert!(log.contains("another agent listens"), "{log}");
    drop(rival);
    // The same without the lock file.
    fs::remove_file(second.socket().with_extension("sock.lock")).unwrap();
    let (_, log) = Agent::fails(
        tempfile::tempdir().unwrap(),
        &format!("[socket]\npath = \"{}\"\n", second.socket().display()),
    );
    assert!(log.contains("another agent listens"), "{log}");
    assert!(second.exchange("GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
}

#[test]
fn other_files_are_never_replaced_by_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    fs::write(&socket, "precious").unwrap();
    let (folder, log) = Agent::fails(folder, "");
    assert!(log.contains("is no socket"), "{log}");
    assert_eq!(fs::read(&socket).unwrap(), b"precious");
    fs::remove_file(&socket).unwrap();

    // A symbolic link could lead to another user's socket.
    let elsewhere = folder.path().join("elsewhere");
    drop(UnixListener::bind(&elsewhere).unwrap());
    symlink(&elsewhere, &socket).unwrap();
    let (folder, log) = Agent::fails(folder, "");
    assert!(log.contains("is no socket"), "{log}");
    assert!(elsewhere.exists());
    fs::remove_file(&socket).unwrap();

    // In a world-writable folder, any user could replace the socket.
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    let (_, log) = Agent::fails(folder, "[socket]\npath = \"shared/agent.sock\"\n");
    assert!(log.contains("others may replace files"), "{log}");
}

#[test]
fn other_machines_are_served_only_with_tls() {
    let (folder, log) = Agent::fails(tempfile::tempdir().unwrap(), "listen = [\"0.0.0.0:0\"]\n");
    assert!(log.contains("can be reached from other machines"), "{log}");
    drop(folder);
    let agent = Agent::start("listen = [\"0.0.0.0:0\"]\ninsecure_listen = true\n");
    assert!(agent.address().starts_with("0.0.0.0:"));
}

#[test]
fn a_running_request_is_finished_before_the_agent_ends() {
    let mut agent = Agent::start("");
    let idle = agent.connect();
    let mut slow = agent.connect();
    use std::io::Write;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    agent.signal("TERM");
    agent.logs("\"message\":\"stopping\"");
    thread::sleep(Duration::from_millis(300));
    assert!(UnixStream::connect(agent.socket()).is_err());
    slow.write_all(b"cd").unwrap();
    let answer = agent::read_to_end(slow);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close"),
        "{answer}"
    );
    // The idle connection does not delay the end.
    assert_eq!(agent.ended_within(SOON).code(), Some(0));
    assert!(!agent.socket().exists());
    drop(idle);
}

#[test]
fn an_interrupt_ends_the_agent_and_cuts_endless_requests() {
    let mut agent = Agent::start("");
    let mut stuck = agent.connect();
    use std::io::Write;
    stuck
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    agent.signal("INT");
    assert_eq!(agent.ended_within(Duration::from_secs(15)).code(), Some(0));
    assert!((Duration::from_secs(9)..Duration::from_secs(13)).contains(&asked.elapsed()));
}

#[test]
fn the_wrong_sealing_key_refuses_to_start() {
    let folder = Agent::start("").into_folder();
    fs::write(
        folder.path().join("sealing.key"),
        format!("{}\n", *twostep::store::Keyring::new_key().unwrap()),
    )
    .unwrap();
    let (_, log) = Agent::fails(folder, "");
    assert!(log.contains("sealed under another key"), "{log}");
}

#[test]
fn sealing_keys_are_read_again_on_sighup() {
    let agent = Agent::start("");
    let file = agent.folder.path().join("sealing.key");
    let old = fs::read_to_string(&file).unwrap();
    let new = twostep::store::Keyring::new_key().unwrap();
    fs::write(&file, format!("{}\n{old}", *new)).unwrap();
    agent.signal("HUP");
    let line = agent.logs("the sealing keys were read again");
    assert!(line.contains("\"resealed\":1"), "{line}");
    // Keys that do not open the store change nothing. Secrets that were sealed again no longer need
    // the old key.
    fs::write(&file, format!("{}\n", *twostep::store::Keyring::new_key().unwrap())).unwrap();
    agent.signal("HUP");
    agent.logs("the old sealing keys stay");
    fs::write(&file, format!("{}\n", *new)).unwrap();
    drop(Agent::start_in(agent.into_folder(), ""));
}

/// Writes a key file with these lines.
fn write_keys(folder: &std::path::Path, lines: &[&str]) {
    let file = folder.join("sealing.key");
    fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_log_says_when_an_old_sealing_key_is_unneeded() {
    let keys: Vec<_> = (0..4).map(|_| twostep::store::Keyring::new_key().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    write_keys(folder.path(), &[&keys[0]]);
    let mut folder = Agent::start_in(folder, "").into_folder();
    for pair in keys.windows(2) {
        write_keys(folder.path(), &[&pair[1], &pair[0]]);
        let agent = Agent::start_in(folder, "");
        let line = agent.logs("no secret needs an older sealing key any more");
        assert!(line.contains("\"resealed\":1"), "{line}");
        folder = agent.into_folder();
        write_keys(folder.path(), &[&pair[1]]);
        folder = Agent::start_in(folder, "").into_folder();
    }
}

#[test]
fn a_removed_sealing_key_that_secrets_need_is_reported() {
    let keys: Vec<_> = (0..2).map(|_| twostep::store::Keyring::new_key().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    write_keys(folder.path(), &[&keys[0]]);
    let folder = Agent::start_in(folder, "").into_folder();
    let old = twostep::store::Keyring::from_file(folder.path().join("sealing.key"))
        .unwrap()
        .ids()[0];
    // A device that was added after the new key, before the pepper was sealed again.
    write_keys(folder.path(), &[&keys[1], &keys[0]]);
    let keyring = twostep::store::Keyring::from_file(folder.path().join("sealing.key")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = twostep::store::SqliteStore::open(folder.path().join("store.db")).unwrap();
        let verifier = twostep::verifier::Verifier::new(store, keyring);
        let parameters = twostep::otp::Hotp::default();
        let factor = twostep::verifier::NewFactor::Hotp {
            parameters,
            counter: twostep::otp::Counter(0),
            seed: None,
        };
        let device = twostep::verifier::NewDevice {
            account: "alice".parse().unwrap(),
            serial: None,
            name: None,
            factor,
        };
        verifier.add(device, &twostep::verifier::Authority::Admin).await.unwrap();
    });
    write_keys(folder.path(), &[&keys[1]]);
    let (_, log) = Agent::fails(folder, "");
    assert!(
        log.contains(&format!("1 secret needs the sealing key {old}"))
            && log.contains("put its line back"),
        "{log}"
    );
}

#[test]
fn memory_never_lands_in_a_core_dump() {
    let agent = Agent::start("");
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
}

#[test]
fn the_log_names_routes_and_omits_input_of_callers() {
    let agent = Agent::start("");
    agent.exchange("GET /healthz?canary HTTP/1.0\r\nX-Canary: canary\r\n\r\n");
    agent.exchange("CANARY /canary HTTP/1.0\r\n\r\n");
    agent.exchange("GET /healthz HTTP/1.0\r\nContent-Length: 6\r\n\r\ncanary");
    let line = agent.logs("\"route\":\"/healthz\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["method"], &line["status"]), (&"GET".into(), &200.into()));
    assert!(line["micros"].is_u64());
    agent.logs("\"method\":\"OTHER\",\"route\":\"none\",\"status\":404");
    assert!(!agent.log().to_lowercase().contains("canary"));
}

#[test]
fn metrics_count_routes_and_report_health() {
    let agent = Agent::start("");
    agent.exchange("GET /healthz HTTP/1.0\r\n\r\n");
    agent.exchange("GET /nothing/of/canary HTTP/1.0\r\n\r\n");
    let mut metrics = agent.exchange("GET /metrics HTTP/1.0\r\n\r\n");
    // The metric may count a closed connection for a moment longer.
    let deadline = Instant::now() + SOON;
    while !metrics.contains("twostep_connections 1\n") && Instant::now() < deadline {
        metrics = agent.exchange("GET /metrics HTTP/1.0\r\n\r\n");
    }
    for line in [
        "twostep_requests_total{route=\"/healthz\",status=\"200\"} 1",
        "twostep_requests_total{route=\"none\",status=\"404\"} 1",
        "twostep_request_duration_seconds_count{route=\"/healthz\"} 1",
        "twostep_judged_total 0",
        "twostep_clock_ok 1",
        "twostep_store_ok 1",
        "twostep_connections 1",
        concat!("twostep_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line:?} in {metrics}");
    }
    assert!(!metrics.contains("canary"));
}
