//! An impostor in place of the agent: no answer or silence leads to success, and each call ends
//! within the timeout.

use std::fs;
use std::fs::Permissions;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::HERE;
use crate::support::fake::{CHUNKED, Fake, Request, chunk, context, reply};
use crate::support::host::{SUCCESS, UNAVAIL, authenticate, line};

/// Two seconds of timeout for each of two requests, and a margin for a busy machine.
const LONGEST: Duration = Duration::from_secs(8);

#[test]
fn no_agent_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let stack = line(&format!("socket={}", folder.path().join("verify.sock").display()));
    let (code, typist) = authenticate("alice", &stack, HERE, &["123456"]);
    assert_eq!(
        (code, typist.saw().as_str()),
        (UNAVAIL, "The second factor cannot be verified now.\n")
    );
    // The socket stays, but its listener is gone.
    drop(UnixListener::bind(folder.path().join("verify.sock")).unwrap());
    assert_eq!(authenticate("alice", &stack, HERE, &["123456"]).0, UNAVAIL);
}

#[test]
fn an_agent_that_accepts_no_connection_is_a_timely_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verify.sock");
    let listener =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    // One waiting connection fills the queue.
    let _waiting = UnixStream::connect(&path).unwrap();
    refused_in_time(&line(&format!("socket={} timeout=1", path.display())));
}

#[test]
fn a_hanging_agent_is_a_timely_failure() {
    let silent = Fake::start(|_, _| sleep(Duration::from_secs(20)));
    refused_in_time(&silent.line(""));
    let half = hanging(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n{\"token\":");
        sleep(Duration::from_secs(20));
    });
    refused_in_time(&half.line(""));
}

#[test]
fn an_agent_that_answers_byte_by_byte_is_a_timely_failure() {
    let slow = hanging(|_, stream| {
        for byte in yes().bytes() {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
    });
    refused_in_time(&slow.line(""));
}

#[test]
fn an_answer_truncated_at_any_byte_is_a_failure() {
    let whole = yes();
    for cut in (0..whole.len()).rev() {
        let agent = hanging(move |_, stream| drop(stream.write_all(&yes().as_bytes()[..cut])));
        assert_eq!(
            authenticate("alice", &agent.line(""), HERE, &["123456"]).0,
            UNAVAIL,
            "cut at {cut}"
        );
    }
    let agent = hanging(|_, stream| drop(stream.write_all(yes().as_bytes())));
    assert_eq!(authenticate("alice", &agent.line(""), HERE, &["123456"]).0, SUCCESS);
}

#[test]
fn a_connection_closed_early_does_not_kill_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verify.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    // Cargo's test harness ignores SIGPIPE, hosts do not.
    // SAFETY: this is the default disposition.
    #[allow(unsafe_code, reason = "a signal's disposition")]
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    for _ in 0..50 {
        assert_eq!(
            authenticate("alice", &line(&format!("socket={}", path.display())), HERE, &["123456"])
                .0,
            UNAVAIL
        );
    }
    // SAFETY: this restores the disposition.
    #[allow(unsafe_code, reason = "a signal's disposition")]
    unsafe {
        libc::signal(libc::SIGPIPE, before)
    };
}

#[test]
fn malformed_answers_are_failures() {
    let body = json!({"token": "a.b.c", "context": context("alice")});
    let spoilt = |member: &str, value: Value| {
        let mut spoilt = body.clone();
        *spoilt.pointer_mut(member).unwrap() = value;
        reply(201, &spoilt)
    };
    let of_length =
        |length: &str, text: &str| format!("HTTP/1.1 201 Created\r\n{length}\r\n\r\n{text}");
    let answers = [
        "\0\0\0\0".to_owned(),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        reply(200, &body),
        reply(204, &body),
        reply(302, &body),
        reply(400, &body),
        reply(500, &body),
        reply(503, &body),
        "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &reply(201, &body),
        reply(201, &json!({})),
        reply(201, &json!([body.clone()])),
        reply(201, &json!({"token": "a.b.c", "context": {}})),
        spoilt("/context/mfa_present", json!(false)),
        spoilt("/context/mfa_present", json!("true")),
        spoilt("/context/account", json!("bob")),
        spoilt("/context/mfa_age_seconds", json!(3_600)),
        of_length(
            &format!("Content-Length: {}\r\nContent-Length: {}", body.to_string().len(), 2),
            &body.to_string(),
        ),
        of_length("Content-Length: 2\r\nTransfer-Encoding: chunked", &chunk(&body)),
        of_length("Transfer-Encoding: chunked", &format!("{}xx\r\n", chunk(&body))),
        of_length("Transfer-Encoding: chunked", &chunk(&body)),
        of_length("Transfer-Encoding: chunked", &format!("ffffffffffffffff\r\n{body}")),
        of_length("Content-Length: 18446744073709551615", &body.to_string()),
        of_length("X: y", &body.to_string()),
        format!("HTTP/1.1 201 Created\r\n{}\r\n{body}", "X: y\r\n".repeat(40)),
        format!("HTTP/1.1 201 Created\r\nX: {}", "y".repeat(1_000_000)),
        reply(201, &json!({"token": "x".repeat(1_000_000), "context": context("alice")})),
        of_length("Content-Length: 100000", &"[".repeat(100_000)),
        of_length("Content-Length: 10000", &"[".repeat(10_000)),
    ];
    for answer in answers {
        let shown: String = answer.chars().take(200).collect();
        let agent = hanging(move |_, stream| drop(stream.write_all(answer.as_bytes())));
        let (code, _) = authenticate("alice", &agent.line(""), HERE, &["123456"]);
        assert_eq!(code, UNAVAIL, "{shown}");
    }
    // The same answer in valid chunks succeeds.
    let agent = hanging(move |_, stream| {
        let text = CHUNKED.replace("200 OK", "201 Created") + &chunk(&body) + "0\r\n\r\n";
        let _ = stream.write_all(text.as_bytes());
    });
    assert_eq!(authenticate("alice", &agent.line(""), HERE, &["123456"]).0, SUCCESS);
}

/// The answer that means success.
fn yes() -> String {
    reply(201, &json!({"token": "a.b.c", "context": context("alice")}))
}

/// An agent that answers about devices, and misbehaves when it should open a session.
fn hanging(open: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static) -> Fake {
    Fake::start(move |request, stream| match request.method.as_str() {
        "GET" => {
            drop(stream.write_all(reply(200, &json!({"devices": [], "next": null})).as_bytes()))
        }
        _ => open(request, stream),
    })
}

fn refused_in_time(stack: &str) {
    let started = Instant::now();
    assert_eq!(authenticate("alice", stack, HERE, &["123456"]).0, UNAVAIL);
    assert!(started.elapsed() < LONGEST, "{:?}", started.elapsed());
}

/// The socket of a user who could answer in the agent's place, in a folder of root's.
#[test]
#[allow(unsafe_code, reason = "the user of one thread: libc changes that of all")]
fn another_users_listener_is_never_asked() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let listen_as = |uid: libc::c_long| {
        move |path: &Path| {
            let socket =
                socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            socket.bind(&socket2::SockAddr::unix(path).unwrap()).unwrap();
            let become_user = |uid: libc::c_long| {
                // SAFETY: numbers only; the effective user of this thread.
                assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, -1_i64, uid, -1_i64) }, 0);
            };
            become_user(uid);
            let listening = socket.listen(16);
            become_user(0);
            listening.unwrap();
            UnixListener::from(OwnedFd::from(socket))
        }
    };
    let devices = json!([{"serial": "T", "kind": "totp", "state": "active", "name": null}]);
    let stranger = Fake::listening(listen_as(65_534), Fake::answers(&devices));
    for agent in ["agent=0", "agent=twostep", "agent=65533"] {
        assert_eq!(authenticate("alice", &stranger.line(agent), HERE, &["123456"]).0, UNAVAIL);
    }
    assert!(stranger.heard().is_empty(), "no code is sent to a stranger");
    // The user whom the line names, and root.
    let line = stranger.line("agent=65534");
    assert_eq!(authenticate("alice", &line, HERE, &["123456"]).0, SUCCESS);
    let root = Fake::listening(listen_as(0), Fake::answers(&devices));
    assert_eq!(authenticate("alice", &root.line("agent=twostep"), HERE, &["123456"]).0, SUCCESS);
    // A folder in which all users could exchange the socket.
    let folder = root.socket();
    fs::set_permissions(folder.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(authenticate("alice", &root.line("agent=0"), HERE, &["123456"]).0, UNAVAIL);
}
