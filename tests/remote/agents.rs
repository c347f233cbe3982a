//! A validator that follows several agents on one store by one address, where a balancer answers
//! for any of them. The clock of one agent is ahead.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::{Agent, read_to_end};
use test_support::http::Client;
use test_support::people::{Token, enrol};
use test_support::{stored, tools};
use twostep::http::{Endpoint, Roots};
use twostep::session::{Following, Invalid, RemoteIssuer, SignedContext, Validator};

use super::{BOUND, BUSY, until};

/// Two agents, of which the second one's clock is ahead, and a balancer before them.
struct Agents {
    agents: [Agent; 2],
    balancer: Balancer,
}

/// Answers each request with the answer of the agent whose turn it is.
struct Balancer {
    address: String,
    turn: Arc<AtomicUsize>,
}

impl Agents {
    fn start() -> Agents {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let key = folders[0].path().join("sealing.key");
        let config = format!(
            "{BUSY}[store]\nurl = \"{}\"\nsingle = true\nkey_file = \"{}\"\n",
            stored::new_database(),
            key.display()
        );
        std::fs::write(folders[1].path().join("clock"), AHEAD).unwrap();
        let agents = folders.map(|folder| Agent::start_in(folder, &config));
        let balancer = Balancer::before([agents[0].socket(), agents[1].socket()]);
        Agents { agents, balancer }
    }

    fn admins(&self) -> [Client; 2] {
        [0, 1].map(|agent| Client::unix(self.agents[agent].socket()))
    }

    async fn follow(&self, every: u64) -> Following {
        let url = format!("http://{}", self.balancer.address);
        let endpoint = Endpoint::url(&url, &Roots::none()).unwrap();
        let issuer = RemoteIssuer::new(endpoint, "twostep").every(Duration::from_millis(every));
        let following = issuer.follow();
        following.ready(BOUND).await.unwrap();
        following
    }
}

impl Balancer {
    fn before(agents: [PathBuf; 2]) -> Balancer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let turn = Arc::new(AtomicUsize::new(0));
        let whose = Arc::clone(&turn);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let agent = match whose.load(SeqCst) {
                    NEITHER => continue,
                    BY_TURNS => number % agents.len(),
                    agent => agent,
                };
                let _ = pass(stream.unwrap(), &agents[agent]);
            }
        });
        Balancer { address, turn }
    }

    fn set(&self, turn: usize) {
        self.turn.store(turn, SeqCst);
    }
}

/// Passes one request on, and its answer back.
fn pass(mut client: TcpStream, agent: &Path) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        request.extend(byte);
    }
    request.truncate(request.len() - 2);
    request.extend(b"Connection: close\r\n\r\n");
    let mut stream = std::os::unix::net::UnixStream::connect(agent)?;
    stream.write_all(&request)?;
    let answer = read_to_end(stream);
    client.write_all(answer.as_bytes())
}

fn revoked(validator: &Validator, context: &SignedContext) -> bool {
    validator.validate(context) == Err(Invalid::Revoked)
}

fn session(admin: &Client, token: &mut Token) -> SignedContext {
    SignedContext::new(token.session(admin, "alice"))
}

/// An agent whose clock is behind is believed, though the list of another one has a later date.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_an_earlier_date_may_know_more() {
    if !tools::have("postgresql") {
        return;
    }
    let both = Agents::start();
    let [here, ahead] = both.admins();
    let mut token = enrol(&here, "alice");
    let first = session(&here, &mut token);
    both.balancer.set(1);
    let following = both.follow(20).await;
    let validator = following.validator("twostep");
    until("the context is known", || validator.validate(&first).is_ok()).await;

    // The agent whose clock is ahead is lost; the other one tells what is revoked from now on.
    both.balancer.set(0);
    here.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    until("the first context is revoked", || revoked(&validator, &first)).await;

    let second = session(&here, &mut token);
    both.balancer.set(NEITHER);
    tokio::time::sleep(LOOK_AFTER).await;
    // The list of the agent ahead is a second old for the second revocation, and dated after it.
    here.post("/v1/accounts/bob/revoke-sessions", json!({})).is(200);
    let known = ahead.get("/.well-known/mfa-revocations").text();
    here.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    both.balancer.set(0);
    until("the second context is revoked", || revoked(&validator, &second)).await;
    let standing = following.standing();
    both.balancer.set(1);
    let begun = Instant::now();
    while begun.elapsed() < LOOK_AFTER {
        assert!(revoked(&validator, &second), "{standing:?} went back to {known}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(following.standing().fault, None);
}

/// `TWOSTEP_REVOKED_AFAR` says how many revocations there are (4): each in one of two agents, and
/// each seen within five seconds by a validator that is answered by both in turn.
#[tokio::test(flavor = "multi_thread")]
async fn every_revocation_is_seen_through_a_balancer_in_five_seconds() {
    if !tools::have("postgresql") {
        return;
    }
    let trials: usize =
        std::env::var("TWOSTEP_REVOKED_AFAR").map_or(4, |trials| trials.parse().unwrap());
    let both = Agents::start();
    let admins = both.admins();
    let mut token = enrol(&admins[0], "alice");
    both.balancer.set(BY_TURNS);
    let following = both.follow(500).await;
    let validator = following.validator("twostep");
    let (mut dead, mut longest) = (Vec::new(), Duration::ZERO);
    for trial in 0..trials {
        let (opens, ends) = (&admins[trial % 2], &admins[trial / 2 % 2]);
        let context = session(opens, &mut token);
        assert!(validator.validate(&context).is_ok(), "trial {trial}");
        let revoking = || match trial % 3 {
            0 => drop(ends.post("/v1/sessions/revoke", json!({"token": context.as_str()})).is(204)),
            1 => drop(
                ends.post("/v1/accounts/alice/revoke-sessions", json!({"serial": token.serial}))
                    .is(200),
            ),
            _ => drop(ends.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200)),
        };
        revoking();
        let seen = until("the revocation is seen", || revoked(&validator, &context)).await;
        longest = longest.max(seen);
        dead.push(context);
        assert!(dead.iter().all(|context| revoked(&validator, context)), "trial {trial}");
    }
    println!("{trials} revocations, each seen within {longest:?}");
    assert_eq!(following.standing().fault, None);
}

/// Seconds by which one agent's clock is ahead: fewer than validators tolerate.
const AHEAD: &str = "3";

/// The interval at which an agent reads the store again, and a little more.
const LOOK_AFTER: Duration = Duration::from_millis(1_100);

/// Nothing is answered.
const NEITHER: usize = 2;

/// Each request goes to the other agent.
const BY_TURNS: usize = 3;
