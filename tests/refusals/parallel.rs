//! Several guesses at one account at the same time.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{add, api_key, enrol};

/// Guesses at the same time.
const GUESSES: usize = 24;

/// Accounts of each class.
const ACCOUNTS: usize = 5;

/// A kind of account, and a guess at one.
type Class = (&'static str, fn(&Client, &str) -> Value);

const CLASSES: [Class; 8] = [
    ("unknown account", |_, _| json!({"serial": "NOT-THERE-000", "code": "271828"})),
    ("unknown account, without a serial", |_, _| json!({"code": "271828"})),
    ("unknown serial", |admin, account| {
        enrol(admin, account);
        json!({"serial": "NOT-THERE-000", "code": "271828"})
    }),
    ("wrong code", |admin, account| {
        let token = enrol(admin, account);
        json!({"serial": token.serial, "code": token.wrong()})
    }),
    ("disabled device", |admin, account| {
        let token = enrol(admin, account);
        admin.post(&token.path("/deactivate"), json!({})).is(200);
        json!({"serial": token.serial, "code": token.wrong()})
    }),
    ("no device in use", |admin, account| {
        add(admin, account);
        json!({"code": "271828"})
    }),
    ("wrong recovery or bypass code", |admin, account| {
        enrol(admin, account);
        json!({"code": "ABCD-EFGH-JKMN-PQRS"})
    }),
    ("hidden account", |admin, account| {
        enrol(admin, account);
        json!({"serial": "NOT-THERE-000", "code": "271828"})
    }),
];

#[test]
fn guesses_at_the_same_time_do_not_tell_whether_an_account_exists() {
    let _alone = super::alone();
    let mut failures = Vec::new();
    // Other work of the machine can slow one class in one measurement, and hardly in three.
    for _ in 0..3 {
        let medians = measure(50);
        eprintln!("{medians:?}");
        let spread = spread(&medians);
        if spread < 0.020 {
            return;
        }
        failures.push(format!("{spread}: {medians:?}"));
    }
    panic!("classes can be told apart: {failures:#?}");
}

/// The difference between the slowest and the fastest class, in seconds.
fn spread(medians: &BTreeMap<&str, f64>) -> f64 {
    let least = medians.values().copied().fold(f64::INFINITY, f64::min);
    medians.values().copied().fold(0.0, f64::max) - least
}

/// The median, for each class, of the mean seconds until its guesses are answered.
fn measure(interval: u64) -> BTreeMap<&'static str, f64> {
    let agent = Agent::start(&format!(
        "listen = [\"127.0.0.1:0\"]\n[limits]\nburst = 100000\n[sessions]\n\
         refusal_interval_ms = {interval}\n"
    ));
    let admin = Client::unix(agent.socket());
    let key = api_key(&admin, json!({"role": "verifier", "accounts": ["seen-*"]}));
    let callers: Vec<Client> =
        (0..GUESSES).map(|_| Client::tcp(agent.address()).bearing(&key)).collect();
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..ACCOUNTS {
        for (number, (class, prepare)) in CLASSES.iter().enumerate() {
            let scope = if *class == "hidden account" { "hidden" } else { "seen" };
            let account = format!("{scope}-{number}-{round}");
            let mut body = prepare(&admin, &account);
            body["account"] = account.as_str().into();
            times.entry(*class).or_default().push(burst(&callers, &body).as_secs_f64());
        }
    }
    times
        .into_iter()
        .map(|(class, times)| (class, super::median(times.into_iter())))
        .collect()
}

/// The mean time until many equal guesses are answered.
fn burst(callers: &[Client], body: &Value) -> Duration {
    let ready = Barrier::new(callers.len());
    thread::scope(|scope| {
        let guess = |caller| {
            let (ready, body) = (&ready, body.clone());
            move || {
                let caller: &Client = caller;
                // The connection is made before anything is measured.
                caller.get("/healthz");
                ready.wait();
                let began = Instant::now();
                caller.post("/v1/sessions", body).refused(403, "AccessDenied");
                began.elapsed()
            }
        };
        let guesses: Vec<_> = callers.iter().map(|caller| scope.spawn(guess(caller))).collect();
        let sum: Duration = guesses.into_iter().map(|guess| guess.join().unwrap()).sum();
        sum / u32::try_from(callers.len()).unwrap()
    })
}
