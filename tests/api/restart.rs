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
    std::env::var("TWOSTEP_RESTART_ROUNDS").map_or(200, |rounds| rounds.parse().unwrap())
}

#[test]
fn acknowledged_changes_survive_the_kill_of_the_agent() {
    let mut agent = Agent::start(CONFIG);
    let mut starts = Vec::new();
    for round in 0..rounds() {
        let account = |what: &str| format!("{what}-{round}");
        let client = admin(&agent);
        // Each of them works on devices of its own until the agent is gone.
        let mut token = enrol(&client, &account("signs-in"));
        let (mut wrong, mut pending) =
            (enrol(&client, &account("mistypes")), add(&client, &account("activates")));
        let session = token.session(&client, &account("signs-in"));
        let began = AtomicBool::new(false);
        let (accepted, failures, activated, revoked) = thread::scope(|scope| {
            let began = &began;
            let accepting = scope
                .spawn(|| accepted_until_death(&agent, &account("signs-in"), &mut token, began));
            let failing =
                scope.spawn(|| failures_until_death(&agent, &account("mistypes"), &wrong));
            let rest = scope.spawn(|| {
                let codes = json!({"codes": pending.pair()});
                let activated = acknowledged(&agent, &pending.path("/activate"), &codes, 200);
                (
                    activated,
                    acknowledged(&agent, "/v1/sessions/revoke", &json!({"token": session}), 204),
                )
            });
            while !began.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            // At once after the first acceptance, or in the middle of one of the next.
            thread::sleep(Duration::from_micros(u64::from(round % 8) * 900));
            agent.signal("KILL");
            let (activated, revoked) = rest.join().unwrap();
            (accepting.join().unwrap(), failing.join().unwrap(), activated, revoked)
        });
        let folder = agent.into_folder();

        let path = folder.path().join("store.db");
        let device = |account: &str, serial: &str| device(&path, account, serial);
        let Factor::Hotp(hotp) = device(&account("signs-in"), &token.serial).factor else {
            panic!("it is counter-based")
        };
        let next = hotp.next.unwrap().0;
        assert!(
            next > accepted.counter,
            "round {round}: {} was accepted, and the next one is {next}",
            accepted.counter
        );
        let known = device(&account("mistypes"), &wrong.serial).throttle.failures;
        assert!(
            known >= failures,
            "round {round}: {failures} failures were told, {known} are known"
        );
        let state = device(&account("activates"), &pending.serial).state;
        assert!(!activated || state == DeviceState::Active, "round {round}: {state:?}");

        let began = Instant::now();
        agent = Agent::start_in(folder, CONFIG);
        starts.push(began.elapsed());
        let client = admin(&agent);
        let open = |code: &str| {
            client.post(
                "/v1/sessions",
                json!({"account": account("signs-in"), "serial": token.serial, "code": code}),
            )
        };
        assert_eq!(
            open(&accepted.code).refused(403, "AccessDenied")["reason"],
            "replayed",
            "round {round}"
        );
        assert!(!revoked || !alive(&client, &session), "round {round}");
        // The next code of each device is accepted.
        token.code();
        token.session(&client, &account("signs-in"));
        if known < 3 {
            wrong.session(&client, &account("mistypes"));
        }
    }
    assert_eq!(admin(&agent).get("/v1/audit/verify").is(200)["ok"], true);
    starts.sort();
    eprintln!(
        "an agent is ready after {:?}, in the worst case after {:?}",
        starts[starts.len() / 2],
        starts[starts.len() - 1]
    );
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
