//! Requests that are too large, too slow or too many, or that come from a web page.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use test_support::agent::{Agent, exchange, read_to_end};

#[track_caller]
fn assert_problem(answer: &str, status: u16, code: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} "))
            || answer.starts_with(&format!("HTTP/1.0 {status} ")),
        "{answer}"
    );
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    let body: serde_json::Value =
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["status"], &body["code"]), (&status.into(), &code.into()));
    assert!(body["detail"].is_string() && body["title"].is_string() && body["type"].is_string());
}

#[test]
fn a_body_over_the_limit_is_refused_in_every_encoding() {
    let agent = Agent::start("");
    let fits = "x".repeat(65_536);
    let request = |body: &str| {
        format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n\
             {body}",
            body.len()
        )
    };
    let answer = agent.exchange(&request(&fits));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_problem(&agent.exchange(&request(&(fits.clone() + "x"))), 400, "InvalidInput");
    assert_problem(&agent.exchange(&request(&"x".repeat(500_000))), 400, "InvalidInput");

    let head = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: \
        chunked\r\n\r\n";
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let answer = agent.exchange(&format!("{head}{chunk}{chunk}0\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_problem(
        &agent.exchange(&format!("{head}{chunk}{chunk}1\r\nx\r\n0\r\n\r\n")),
        400,
        "InvalidInput",
    );

    // The agent does not wait for a body that exceeds the limit by its declared length.
    let asked = Instant::now();
    let answer = agent.exchange(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
        Content-Length: 99999999999\r\n\r\n",
    );
    assert_problem(&answer, 400, "InvalidInput");
    assert!(asked.elapsed() < Duration::from_secs(4));
}

#[test]
fn too_many_or_too_long_headers_are_refused() {
    let agent = Agent::start("");
    let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
    let answer = agent.exchange(&format!("GET /healthz HTTP/1.1\r\n{many}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer =
        agent.exchange(&format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1_024)));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(agent.exchange("GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
}

#[test]
fn a_slow_client_is_disconnected_and_delays_no_other() {
    let agent = Agent::start("[limits]\nheader_timeout_seconds = 1\nrequest_timeout_seconds = 1\n");
    let asked = Instant::now();
    let silent = agent.connect();
    let mut dripping = agent.connect();
    let mut kept_alive = agent.connect();
    kept_alive.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut without_body = agent.connect();
    without_body
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        .unwrap();
    for _ in 0..20 {
        // Each byte comes in time, but the head does not.
        if dripping.write_all(b"G").is_err() {
            break;
        }
        assert!(agent.exchange("GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(read_to_end(silent), "");
    let _ = read_to_end(dripping);
    assert_eq!(read_to_end(kept_alive).matches("200 OK").count(), 1);
    let answer = read_to_end(without_body);
    assert_problem(&answer, 503, "ServiceUnavailable");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(8));
}

#[test]
fn one_user_takes_half_of_the_connections_at_most() {
    let agent = Agent::start("[limits]\nconnections = 8\n");
    let mut held: Vec<_> = (0..4).map(|_| agent.connect()).collect();
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
    }
    assert_eq!(agent.exchange("GET /healthz HTTP/1.0\r\n\r\n"), "");
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    assert!(agent.exchange("GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
}

#[test]
fn requests_from_web_pages_are_refused_over_tcp() {
    let agent = Agent::start("listen = [\"127.0.0.1:0\"]\nhosts = [\"mfa.test\"]\n");
    let address = agent.address();
    let ask = |headers: &str| {
        let stream = TcpStream::connect(&address).unwrap();
        exchange(stream, &format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"))
    };
    for host in
        ["localhost", "LOCALHOST:1", "127.0.0.1:7878", "[::1]:7878", "mfa.test", "mfa.test:443"]
    {
        let answer = ask(&format!("Host: {host}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    for host in [
        "rebound.example",
        "localhost.example",
        "mfa.test.example",
        "localhost@evil.example",
        "",
        "%",
        "\u{e9}",
    ] {
        assert_problem(&ask(&format!("Host: {host}\r\n")), 403, "AccessDenied");
    }
    assert_problem(&ask("Host: localhost\r\nHost: rebound.example\r\n"), 403, "AccessDenied");
    assert_problem(&ask("Host: localhost\r\nOrigin: http://localhost\r\n"), 403, "AccessDenied");
    assert_problem(&ask("Host: localhost\r\nOrigin: null\r\n"), 403, "AccessDenied");
    // Web pages cannot reach the Unix socket, so its clients may use any host name.
    assert!(
        agent
            .exchange("GET /healthz HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
            .contains("200 OK")
    );
}

#[test]
fn requests_are_not_smuggled_past_each_other() {
    let agent = Agent::start("");
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\n{framing}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\
             Host: a\r\n\r\n"
        );
        let mut stream = agent.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = read_to_end(stream);
        assert!(answer.matches("200 OK").count() <= 1, "{framing}: {answer}");
    }
}
