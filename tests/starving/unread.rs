//! Connections that ask and do not read.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::api_key;

use super::{MOST_MEMORY, Person, Times, memory};

/// Connections that do not read.
const SILENT: usize = 400;

const CONFIG: &str = "listen = [\"127.0.0.1:0\"]\n[limits]\nrequests_per_second = 20000\n\
    burst = 20000\nanswer_timeout_seconds = 2\nrequest_timeout_seconds = 3\n\
    header_timeout_seconds = 3\n";

/// Sends the same request on many connections, and reads none of the answers.
fn ask_unheard(agent: &Agent, path: &str, headers: &str) -> Vec<TcpStream> {
    let address = agent.address();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let ask = |_| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    (0..SILENT).map(ask).collect()
}

/// Asks unheard, and asserts that others get their answers, that memory stays, and that the
/// connections end.
fn assert_endured(agent: &Agent, path: &str, headers: &str) {
    let admin = Client::unix(agent.socket());
    let mut person = Person::new(&admin, Client::unix(agent.socket()), "of-root");
    let mut times = Times { alone: person.sign_in(100), ..Times::default() };
    let idle = memory(agent);
    let silent = ask_unheard(agent, path, headers);
    let (asked, mut most) = (Instant::now(), 0);
    while asked.elapsed() < Duration::from_millis(1_500) {
        times.attacked.extend(person.sign_in(10));
        most = most.max(memory(agent));
    }
    eprintln!("{path}: {most} MiB, {idle} MiB before");
    assert!(most <= idle + MOST_MEMORY, "{path}: {most} MiB, {idle} MiB before");
    times.assert_close(path);
    let deadline = Instant::now() + Duration::from_secs(20);
    while connections(&admin) > 2 {
        assert!(Instant::now() < deadline, "{} connections stay", connections(&admin));
        sleep(Duration::from_millis(100));
    }
    drop(silent);
}

fn connections(admin: &Client) -> u64 {
    let metrics = admin.get("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("twostep_connections "));
    line.unwrap().parse().unwrap()
}

#[test]
fn unread_pages_cost_little_memory_and_end() {
    let _alone = crate::refusals::alone();
    let agent = Agent::start(CONFIG);
    let admin = Client::unix(agent.socket());
    for _ in 0..1_000 {
        admin.post("/v1/sessions", json!({"account": "alice"})).is(201);
    }
    let key = api_key(&admin, json!({"role": "admin"}));
    let headers = format!("Authorization: Bearer {key}\r\n");
    assert_endured(&agent, "/v1/audit?limit=1000", &headers);
}

#[test]
fn all_answers_share_one_revocation_list() {
    let _alone = crate::refusals::alone();
    let agent = Agent::start(CONFIG);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let admin = Client::unix(agent.socket());
            scope.spawn(move || {
                for number in 0..500 {
                    let path = format!("/v1/accounts/name-{thread}-{number}/revoke-sessions");
                    admin.post(&path, json!({})).is(200);
                }
            });
        }
    });
    let list = Client::tcp(agent.address()).get("/.well-known/mfa-revocations");
    assert!(list.body.len() > 250_000, "{}", list.body.len());
    assert_endured(&agent, "/.well-known/mfa-revocations", "");
}
