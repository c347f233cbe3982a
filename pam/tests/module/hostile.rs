//! Whoever answers instead of the agent: nothing that it sends or leaves out is a success, and
//! nothing takes longer than the timeout.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::HERE;
use crate::support::fake::{CHUNKED, Fake, Request, chunk, context, reply};
use crate::support::host::{SUCCESS, UNAVAIL, authenticate, line};

/// Two seconds of timeout for each of two questions, and the machine may be busy.
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
    // Nobody listens on it any more.
    drop(UnixListener::bind(folder.path().join("verify.sock")).unwrap());
    assert_eq!(authenticate("alice", &stack, HERE, &["123456"]).0, UNAVAIL);
}

#[test]
fn an_agent_that_takes_no_connection_is_a_failure_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verify.sock");
    let listener =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    // The queue is full with this one.
    let _waiting = UnixStream::connect(&path).unwrap();
    refused_in_time(&line(&format!("socket={} timeout=1", path.display())));
}

#[test]
fn an_agent_that_hangs_is_a_failure_in_time() {
    let silent = Fake::start(|_, _| sleep(Duration::from_secs(20)));
    refused_in_time(&silent.line(""));
    let half = hanging(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n{\"token\":");
        sleep(Duration::from_secs(20));
    });
    refused_in_time(&half.line(""));
}

#[test]
fn an_agent_that_answers_in_drops_is_a_failure_in_time() {
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
fn an_answer_cut_short_at_any_byte_is_no_success() {
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
fn a_connection_that_is_closed_before_it_is_read_does_not_kill_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verify.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    // Cargo's harness ignores SIGPIPE, hosts do not.
    // SAFETY: the default is what a host has.
    #[allow(unsafe_code, reason = "a signal's disposition")]
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    for _ in 0..50 {
        assert_eq!(
            authenticate("alice", &line(&format!("socket={}", path.display())), HERE, &["123456"])
                .0,
            UNAVAIL
        );
    }
    // SAFETY: what it was.
    #[allow(unsafe_code, reason = "a signal's disposition")]
    unsafe {
        libc::signal(libc::SIGPIPE, before)
    };
}

#[test]
fn garbage_is_no_success() {
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
    // The same, unspoilt, in chunks.
    let agent = hanging(move |_, stream| {
        let text = CHUNKED.replace("200 OK", "201 Created") + &chunk(&body) + "0\r\n\r\n";
        let _ = stream.write_all(text.as_bytes());
    });
    assert_eq!(authenticate("alice", &agent.line(""), HERE, &["123456"]).0, SUCCESS);
}

/// The answer that would be success.
fn yes() -> String {
    reply(201, &json!({"token": "a.b.c", "context": context("alice")}))
}

/// An agent that knows its devices and goes wrong when it should open a session.
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
