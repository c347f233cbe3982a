//! Agents at work while others of them are restarted, and while the store can keep no change.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{Token, enrol};
use test_support::postgres::Server;
use test_support::{scratch, tools};

/// Requests of one client.
#[derive(Default)]
struct Load {
    asked: usize,
    /// Requests that were sent once more, to another agent.
    again: usize,
    /// The answers to requests that failed there as well; none where no answer came.
    failed: Vec<[Option<u16>; 2]>,
}

/// `TWOSTEP_RESTARTS` says how often each of three agents is restarted (1).
#[test]
fn agents_that_restart_in_turn_fail_no_request() {
    if !tools::have("postgresql") {
        return;
    }
    let restarts = std::env::var("TWOSTEP_RESTARTS").map_or(1, |times| times.parse().unwrap());
    let (server, keys) = (Server::start(), scratch::folder());
    let config = config(&server, keys.path());
    let mut agents: Vec<Agent> = (0..AGENTS).map(|_| Agent::start(&config)).collect();
    let sockets: Vec<PathBuf> = agents.iter().map(Agent::socket).collect();
    let first = Client::unix(&sockets[0]);
    let tokens: Vec<Token> = (0..CLIENTS).map(|number| enrol(&first, &account(number))).collect();
    let over = AtomicBool::new(false);
    let loads: Vec<Load> = thread::scope(|scope| {
        let (sockets, over) = (&sockets, &over);
        let busy = |(number, token)| scope.spawn(move || busy(number, token, sockets, over));
        let clients: Vec<_> = tokens.into_iter().enumerate().map(busy).collect();
        // Clients end with this, also when it fails.
        let restarting = Over(over);
        for _ in 0..restarts * AGENTS {
            let mut agent = agents.remove(0);
            agent.signal("TERM");
            let ended = agent.ended_within(Duration::from_secs(60));
            assert!(ended.success(), "{}", agent.log());
            agents.push(Agent::start_in(agent.into_folder(), &config));
        }
        drop(restarting);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let sum = |count: fn(&Load) -> usize| loads.iter().map(count).sum::<usize>();
    let (asked, again) = (sum(|load| load.asked), sum(|load| load.again));
    println!("{asked} requests, {again} of them sent once more");
    let failed: Vec<_> = loads.iter().flat_map(|load| &load.failed).collect();
    assert!(failed.is_empty(), "{failed:?} of {asked}");
    assert!(again > 0, "no request met an agent that was away: nothing was shown");
}

#[test]
fn codes_are_refused_in_time_while_no_change_can_be_kept() {
    if !tools::have("postgresql") {
        return;
    }
    let (mut server, keys) = (Server::start(), scratch::folder());
    let agent = Agent::start(&config(&server, keys.path()));
    let admin = Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    server.kill();
    refused(&admin, &mut token, "no server");
    server.start_again();
    back(&admin, &mut token, "after a server was started");

    server.freeze();
    refused(&admin, &mut token, "a frozen server");
    server.thaw();
    back(&admin, &mut token, "after a server goes on");

    let standby = |sql: &str| {
        server.sql("postgres", sql);
        server.sql("postgres", "SELECT pg_reload_conf()");
        while server.sql("postgres", "SHOW synchronous_standby_names").is_empty()
            != sql.contains("RESET")
        {}
    };
    standby("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    refused(&admin, &mut token, "no standby");
    standby("ALTER SYSTEM RESET synchronous_standby_names");
    back(&admin, &mut token, "after a standby is not needed");
}

/// Sees some codes refused, each in time.
fn refused(admin: &Client, token: &mut Token, what: &str) {
    for _ in 0..REFUSALS {
        let begun = Instant::now();
        let answer = ask(admin, "alice", token).unwrap();
        let took = begun.elapsed();
        println!("{what}: {} after {took:?}", answer.status);
        assert_eq!(answer.status, 503, "{what}: {}", answer.text());
        assert!(took < bound(3), "{what}: {took:?}");
    }
}

/// Waits until a code is accepted. A refused one is sent again: it was hardly consumed.
fn back(admin: &Client, token: &mut Token, what: &str) {
    let (begun, mut tries) = (Instant::now(), 0);
    let mut body = code("alice", token);
    loop {
        let answer = send(admin, &body).unwrap();
        match answer.status {
            201 => break,
            503 => {}
            // The outcome of the first try was unknown.
            _ => body = code("alice", token),
        }
        tries += 1;
        assert!(begun.elapsed() < bound(2), "{what}: {}", answer.text());
        thread::sleep(Duration::from_millis(20));
    }
    println!("{what}: back after {:?}, {tries} refusals", begun.elapsed());
}

/// Seconds on a machine that does nothing else (`TWOSTEP_QUIET=1`); more on any other.
fn bound(seconds: u64) -> Duration {
    let quiet = std::env::var_os("TWOSTEP_QUIET").is_some();
    Duration::from_secs(if quiet { seconds } else { seconds + 10 })
}

fn busy(number: usize, mut token: Token, sockets: &[PathBuf], over: &AtomicBool) -> Load {
    let agents: Vec<Client> = sockets.iter().map(Client::unix).collect();
    let mut load = Load::default();
    while !over.load(Relaxed) {
        load.asked += 1;
        let body = code(&account(number), &mut token);
        let ask = |agent: usize| send(&agents[agent % agents.len()], &body).map(|one| one.status);
        let agent = number + load.asked;
        let first = ask(agent);
        if first != Some(201) {
            load.again += 1;
            let second = ask(agent + 1);
            if second != Some(201) {
                load.failed.push([first, second]);
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    load
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn ask(client: &Client, account: &str, token: &mut Token) -> Option<Answer> {
    send(client, &code(account, token))
}

/// The request for a session with the next code.
fn code(account: &str, token: &mut Token) -> String {
    json!({"account": account, "serial": token.serial, "code": token.code()}).to_string()
}

fn send(client: &Client, body: &str) -> Option<Answer> {
    let headers = [("Content-Type", "application/json")];
    client.try_raw("POST", "/v1/sessions", &headers, body.as_bytes()).ok()
}

fn account(number: usize) -> String {
    format!("person {number}")
}

fn config(server: &Server, keys: &Path) -> String {
    format!(
        "[store]\nurl = \"{}\"\nsingle = true\nkey_file = \"{}\"\n\
         [limits]\nrequests_per_second = 100000\nburst = 100000\n",
        server.url("postgres"),
        keys.join("sealing.key").display()
    )
}

const AGENTS: usize = 3;

const CLIENTS: usize = 6;

/// Codes that are refused in each state of the store.
const REFUSALS: usize = 3;
