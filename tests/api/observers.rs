//! Logging never stops the agent: with standard error closed, full, or never read.

use std::fs::File;
use std::io::{PipeReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::enrol;

use super::admin;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Every write fails: `2>/dev/full`.
    Full,
    /// The other end of the pipe is closed when the agent is ready.
    Closed,
    /// The other end is open, and never read.
    Stalled,
}

/// An agent with this reader of its log, and the other end of the pipe where that stays open.
fn start(reader: Reader) -> (Agent, Option<PipeReader>) {
    let mut held = None;
    let agent = Agent::spawn(
        tempfile::tempdir().unwrap(),
        "[sessions]\nrefusal_interval_ms = 1\n",
        |command| match reader {
            Reader::Full => {
                command.stderr(File::options().write(true).open("/dev/full").unwrap());
            }
            Reader::Closed | Reader::Stalled => {
                let (read, write) = std::io::pipe().unwrap();
                command.stderr(Stdio::from(write));
                held = Some(read);
            }
        },
    );
    let client = admin(&agent);
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.try_raw("GET", "/readyz", &[], b"").is_err() {
        assert!(Instant::now() < deadline, "{reader:?}: it does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    if reader == Reader::Closed {
        held = None;
    }
    (agent, held)
}

fn dropped(client: &Client) -> u64 {
    let metrics = client.get("/metrics").text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("twostep_log_lines_dropped_total "));
    line.unwrap_or_else(|| panic!("no count in {metrics}")).parse().unwrap()
}

#[test]
fn a_broken_log_changes_no_answer_and_delays_no_end() {
    for reader in [Reader::Full, Reader::Closed, Reader::Stalled] {
        let (mut agent, held) = start(reader);
        let client = admin(&agent);
        let mut token = enrol(&client, "alice");
        for number in 0..1_000 {
            if number % 10 == 0 {
                let code = token.code();
                let body = json!({"account": "alice", "serial": token.serial, "code": code});
                client.post("/v1/sessions", body.clone()).is(201);
                assert_eq!(
                    client.post("/v1/sessions", body).refused(403, "AccessDenied")["reason"],
                    "replayed",
                    "{reader:?}"
                );
            } else {
                client.get("/v1/devices").is(200);
            }
        }
        let dropped = dropped(&client);
        match reader {
            // The line of this very request is not written yet.
            Reader::Full => assert!(dropped > 1_000, "{dropped}"),
            Reader::Closed => assert!(dropped > 900, "{dropped}"),
            Reader::Stalled => {
                assert_eq!(dropped, 0, "what a pipe has no room for waits in the agent")
            }
        }
        let asked = Instant::now();
        agent.signal("TERM");
        assert_eq!(agent.ended_within(Duration::from_secs(20)).code(), Some(0), "{reader:?}");
        // Within one second; the rest is for a machine that is busy.
        assert!(asked.elapsed() < Duration::from_secs(6), "{reader:?}: {:?}", asked.elapsed());
        drop(held);
    }
}

#[test]
fn a_log_that_is_read_loses_no_line() {
    let (mut agent, held) = start(Reader::Stalled);
    let client = admin(&agent);
    for _ in 0..1_000 {
        client.get("/v1/devices").is(200);
    }
    // The reader is back.
    let mut held = held.unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        held.read_to_string(&mut text).unwrap();
        text
    });
    agent.signal("TERM");
    assert_eq!(agent.ended_within(Duration::from_secs(20)).code(), Some(0));
    let text = reading.join().unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests = lines.iter().filter(|line| line["route"] == "/v1/devices").count();
    assert_eq!(requests, 1_000);
    assert_eq!(lines.iter().filter(|line| line["message"] == "stopping").count(), 1, "{text}");
}
