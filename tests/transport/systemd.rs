//! The service under systemd: units, sockets, notifications, credentials.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use test_support::agent::Agent;
use test_support::tools;

const UNITS: [(&str, &str); 3] = [
    ("twostep.service", include_str!("../../packaging/systemd/twostep.service")),
    ("twostep.socket", include_str!("../../packaging/systemd/twostep.socket")),
    ("twostep-verify.socket", include_str!("../../packaging/systemd/twostep-verify.socket")),
];

#[test]
fn the_units_are_valid_and_restrictive() {
    if !tools::have("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in UNITS {
        fs::write(folder.path().join(name), text.replace("/usr/bin/twostep", "/bin/true")).unwrap();
    }
    let service = UNITS[0].1;
    for line in ["StartLimitIntervalSec=0", "Restart=on-failure", "CapabilityBoundingSet="] {
        assert!(service.lines().any(|known| known == line), "{line}");
    }
    // The unit must allow reading the state of clock synchronisation.
    assert!(service.contains("adjtimex clock_adjtime") && !service.contains("\nProtectClock=yes"));
    let analyze = |arguments: &[&str]| {
        let run = Command::new("systemd-analyze")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        (
            run.status.success(),
            String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned(),
        )
    };
    let (verified, said) = analyze(&[
        "verify",
        "--man=no",
        "./twostep.service",
        "./twostep.socket",
        "./twostep-verify.socket",
    ]);
    assert!(verified && said.trim().is_empty(), "{said}");
    // Two of the points stand for adjtimex, which reports clock synchronisation; without
    // CAP_SYS_TIME it cannot set the clock.
    let (exposed_little, said) =
        analyze(&["security", "--offline=yes", "--threshold=22", "./twostep.service"]);
    assert!(exposed_little, "{said}");
}

#[test]
fn a_socket_that_systemd_opened_is_served() {
    if !tools::have("systemd-socket-activate") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("activated.sock");
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut agent = Agent::spawn(folder, "", |command| {
        let mut activate = Command::new("systemd-socket-activate");
        activate
            .arg("-l")
            .arg(&socket)
            .args(["-l", &address, "--setenv=TWOSTEP_TEST_AGENT"]);
        activate.arg(command.get_program()).args(command.get_args());
        activate.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        activate.stderr(fs::File::create(socket.with_file_name("log")).unwrap());
        *command = activate;
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    let stream = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    let answer = test_support::agent::exchange(stream, "GET /healthz HTTP/1.0\r\n\r\n");
    assert!(answer.contains("200 OK"), "{answer} {}", agent.log());
    assert_eq!(agent.address(), address);
    assert!(!agent.socket().exists());
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(5)).code(), Some(0));
    assert!(socket.exists(), "it is systemd's");
}

#[test]
fn the_second_socket_is_known_by_its_name() {
    if !tools::have("systemd-socket-activate") {
        return;
    }
    let start = |config: &str| {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["main", "second"].map(|name| folder.path().join(name));
        let sockets = paths.clone();
        let agent = Agent::spawn(folder, config, |command| {
            let mut activate = Command::new("systemd-socket-activate");
            activate
                .arg("-l")
                .arg(&sockets[0])
                .arg("-l")
                .arg(&sockets[1])
                .args(["--fdname=twostep.socket:verify"]);
            activate
                .arg("--setenv=TWOSTEP_TEST_AGENT")
                .arg(command.get_program())
                .args(command.get_args());
            activate.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            activate.stderr(fs::File::create(sockets[0].with_file_name("log")).unwrap());
            *command = activate;
        });
        (agent, paths)
    };
    let ask = |socket: &Path| {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => {
                    break test_support::agent::exchange(
                        stream,
                        "GET /v1/accounts HTTP/1.0\r\n\r\n",
                    );
                }
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        }
    };
    let (agent, [main, second]) = start("");
    let (main, second) = (ask(&main), ask(&second));
    assert!(
        main.contains("200 OK") && second.contains("404 Not Found"),
        "{main}\n{second}\n{}",
        agent.log()
    );
    assert!(!agent.socket().with_file_name("verify.sock").exists());
    // Clients of a socket that is not served would wait forever.
    let (agent, [main, _]) = start("[verify_socket]\nenabled = false\n");
    ask(&main);
    agent.logs("systemctl disable --now twostep-verify.socket");
}

#[test]
fn the_service_manager_hears_of_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let hear = |expected: &str| {
        let mut heard = [0; 256];
        loop {
            let length = manager.recv(&mut heard).unwrap();
            let heard = String::from_utf8_lossy(&heard[..length]);
            if heard.starts_with(expected) {
                return;
            }
            assert!(heard.starts_with("WATCHDOG=1"), "{heard} instead of {expected}");
        }
    };
    let mut agent = Agent::spawn(folder, "", |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    });
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    agent.signal("HUP");
    hear("RELOADING=1");
    hear("READY=1");
    agent.signal("TERM");
    hear("STOPPING=1");
    assert_eq!(agent.ended_within(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn the_sealing_key_comes_from_the_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(
        credentials.join("sealing.key"),
        twostep::store::Keyring::new_key().unwrap().as_bytes(),
    )
    .unwrap();
    // The access control list that admits the service's user has a mask, which appears as the
    // group's permissions.
    fs::set_permissions(credentials.join("sealing.key"), fs::Permissions::from_mode(0o440))
        .unwrap();
    let store = format!("[store]\nurl = \"sqlite:{}\"\n", folder.path().join("store.db").display());
    let agent = Agent::spawn(folder, &store, |command| {
        command.env("CREDENTIALS_DIRECTORY", credentials);
    });
    agent.logs("\"message\":\"ready\"");
    let folder = agent.into_folder();

    // A file with these permissions is refused everywhere else.
    let elsewhere = format!(
        "[store]\nurl = \"sqlite:{0}/store.db\"\nkey_file = \"credentials/sealing.key\"\n",
        folder.path().display()
    );
    let (_, log) = Agent::fails(folder, &elsewhere);
    assert!(log.contains("can be read by others"), "{log}");
}
