//! Answered requests survive the kill of the agent at any moment.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, add, alive, enrol};
use twostep::device::{Device, DeviceState, Factor};
use twostep::store::{AccountSnapshot, SqliteStore, Store};

use super::admin;

/// The number of kills.
fn rounds() -> u32 {
    std::env::var("TWOSTEP_RESTART_ROUNDS").map_or(60, |rounds| rounds.parse().unwrap())
}

/// Accounts of one round, each with a device.
struct Round {
    number: u32,
    signs_in: Token,
    mistypes: Token,
    activates: Token,
    session: String,
}

/// The answers that arrived before the kill.
struct Acknowledged {
    accepted: Accepted,
    failures: u32,
    activated: bool,
    revoked: bool,
}

#[test]
fn acknowledged_changes_survive_the_kill_of_the_agent() {
    let mut agent = Agent::start(CONFIG);
    let mut starts = Vec::new();
    for number in 0..rounds() {
        let mut round = Round::begin(&admin(&agent), number);
        let acknowledged = round.work_until_the_kill(&agent);
        let folder = agent.into_folder();
        let failures = round.judge_store(&folder.path().join("store.db"), &acknowledged);
        let began = Instant::now();
        agent = Agent::start_in(folder, CONFIG);
        starts.push(began.elapsed());
        round.judge_agent(&admin(&agent), &acknowledged, failures);
    }
    assert_eq!(admin(&agent).get("/v1/audit/verify").is(200)["ok"], true);
    starts.sort();
    eprintln!(
        "an agent is ready after {:?}, in the worst case after {:?}",
        starts[starts.len() / 2],
        starts[starts.len() - 1]
    );
}

impl Round {
    fn begin(client: &Client, number: u32) -> Round {
        let account = |what: &str| format!("{what}-{number}");
        let mut signs_in = enrol(client, &account("signs-in"));
        let session = signs_in.session(client, &account("signs-in"));
        let (mistypes, activates) =
            (enrol(client, &account("mistypes")), add(client, &account("activates")));
        Round { number, signs_in, mistypes, activates, session }
    }

    fn account(&self, what: &str) -> String {
        format!("{what}-{}", self.number)
    }

    /// Signs in, mistypes, activates and revokes at the same time, until the agent is gone.
    fn work_until_the_kill(&mut self, agent: &Agent) -> Acknowledged {
        let (signs_in, mistypes) = (self.account("signs-in"), self.account("mistypes"));
        let Round { number, signs_in: token, mistypes: wrong, activates, session } = self;
        let began = &AtomicBool::new(false);
        thread::scope(|scope| {
            let accepting = scope.spawn(|| accepted_until_death(agent, &signs_in, token, began));
            let failing = scope.spawn(|| failures_until_death(agent, &mistypes, wrong));
            let rest = scope.spawn(|| {
                let codes = json!({"codes": activates.pair()});
                let token = json!({"token": session});
                (
                    acknowledged(agent, &activates.path("/activate"), &codes, 200),
                    acknowledged(agent, "/v1/sessions/revoke", &token, 204),
                )
            });
            while !began.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            // Kill right after the first acceptance, or in the middle of one of the next.
            thread::sleep(Duration::from_micros(u64::from(*number % 8) * 900));
            agent.signal("KILL");
            let (activated, revoked) = rest.join().unwrap();
            let (accepted, failures) = (accepting.join().unwrap(), failing.join().unwrap());
            Acknowledged { accepted, failures, activated, revoked }
        })
    }

    /// Judges the store after the kill. Returns the failures that it knows.
    fn judge_store(&self, path: &Path, acknowledged: &Acknowledged) -> u32 {
        let number = self.number;
        let device = |what: &str, serial: &str| device(path, &self.account(what), serial);
        let Factor::Hotp(hotp) = device("signs-in", &self.signs_in.serial).factor else {
            panic!("it is counter-based")
        };
        let (next, counter) = (hotp.next.unwrap().0, acknowledged.accepted.counter);
        assert!(
            next > counter,
            "round {number}: {counter} was accepted, and the next one is {next}"
        );
        let known = device("mistypes", &self.mistypes.serial).throttle.failures;
        let failures = acknowledged.failures;
        assert!(
            known >= failures,
            "round {number}: {failures} failures were told, {known} are known"
        );
        let state = device("activates", &self.activates.serial).state;
        assert!(
            !acknowledged.activated || state == DeviceState::Active,
            "round {number}: {state:?}"
        );
        known
    }

    /// Judges the next agent: the last accepted code is spent, and the next code of each device is
    /// accepted.
    fn judge_agent(&mut self, client: &Client, acknowledged: &Acknowledged, failures: u32) {
        let (number, account) = (self.number, self.account("signs-in"));
        let code = &acknowledged.accepted.code;
        let body = json!({"account": account, "serial": self.signs_in.serial, "code": code});
        let refused = client.post("/v1/sessions", body).refused(403, "AccessDenied");
        assert_eq!(refused["reason"], "replayed", "round {number}");
        assert!(!acknowledged.revoked || !alive(client, &self.session), "round {number}");
        self.signs_in.code();
        self.signs_in.session(client, &account);
        if failures < 3 {
            let account = self.account("mistypes");
            self.mistypes.session(client, &account);
        }
    }
}

/// The last code that was accepted, and its counter.
struct Accepted {
    code: String,
    counter: u64,
}

/// Opens sessions, one after the other, until the agent is gone.
fn accepted_until_death(
    agent: &Agent,
    account: &str,
    token: &mut Token,
    began: &AtomicBool,
) -> Accepted {
    let client = admin(agent);
    // Two were for the activation, and one for the session before.
    let mut last = None;
    for counter in 3.. {
        let code = token.code();
        let body = json!({"account": account, "serial": token.serial, "code": code});
        if !acknowledged_by(&client, "/v1/sessions", &body, 201) {
            break;
        }
        last = Some(Accepted { code, counter });
        began.store(true, Ordering::Relaxed);
    }
    last.expect("the agent lived until the first of them")
}

/// Sends wrong codes until the agent is gone; returns the number of refusals that arrived.
fn failures_until_death(agent: &Agent, account: &str, token: &Token) -> u32 {
    let client = admin(agent);
    let body = json!({"account": account, "serial": token.serial, "code": token.wrong()});
    (0..3)
        .take_while(|_| acknowledged_by(&client, "/v1/sessions", &body, 403))
        .count()
        .try_into()
        .unwrap()
}

fn acknowledged(agent: &Agent, path: &str, body: &Value, status: u16) -> bool {
    acknowledged_by(&admin(agent), path, body, status)
}

/// `true` if the request was answered with this status.
fn acknowledged_by(client: &Client, path: &str, body: &Value, status: u16) -> bool {
    let answer = client.try_raw(
        "POST",
        path,
        &[("Content-Type", "application/json")],
        body.to_string().as_bytes(),
    );
    answer.is_ok_and(|answer| {
        assert_eq!(answer.status, status, "{}", answer.text());
        true
    })
}

/// A device as the file has it.
fn device(store: &Path, account: &str, serial: &str) -> Device {
    let store = SqliteStore::open(store).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seen: AccountSnapshot =
        runtime.block_on(store.account(&account.parse().unwrap())).unwrap().unwrap();
    seen.device(&serial.parse().unwrap()).unwrap().device.clone()
}

/// Refusals need not keep their distance here.
const CONFIG: &str = "[sessions]\nrefusal_interval_ms = 1\n";
