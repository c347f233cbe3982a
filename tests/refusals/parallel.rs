//! Several guesses at one account at the same time.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{add, api_key, enrol};
use test_support::timing::{BOUND, difference};

/// Guesses at the same time.
const GUESSES: usize = 24;

/// Accounts of each class, two of them in each block of the comparison.
const ACCOUNTS: usize = 10;

/// A kind of account, and a guess at one.
type Class = (Kind, fn(&Client, &str) -> Value);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No account that the caller may know of.
    Unknown,
    Hidden,
    Known,
}

use Kind::{Hidden, Known, Unknown};

const CLASSES: [Class; 8] = [
    (Unknown, |_, _| json!({"serial": "NOT-THERE-000", "code": "271828"})),
    (Unknown, |_, _| json!({"code": "271828"})),
    (Known, |admin, account| {
        enrol(admin, account);
        json!({"serial": "NOT-THERE-000", "code": "271828"})
    }),
    (Known, |admin, account| {
        let token = enrol(admin, account);
        json!({"serial": token.serial, "code": token.wrong()})
    }),
    (Known, |admin, account| {
        let token = enrol(admin, account);
        admin.post(&token.path("/deactivate"), json!({})).is(200);
        json!({"serial": token.serial, "code": token.wrong()})
    }),
    (Known, |admin, account| {
        add(admin, account);
        json!({"code": "271828"})
    }),
    (Known, |admin, account| {
        enrol(admin, account);
        json!({"code": "ABCD-EFGH-JKMN-PQRS"})
    }),
    (Hidden, |admin, account| {
        enrol(admin, account);
        json!({"serial": "NOT-THERE-000", "code": "271828"})
    }),
];

#[test]
fn parallel_guesses_do_not_tell_whether_an_account_exists() {
    let _alone = super::alone();
    let [unknown, known] = measure();
    let found = difference(&known, &unknown);
    let told = format!("{found:.2}: known {known:.3?}, unknown {unknown:.3?}");
    eprintln!("{told}");
    assert!(found.abs() < BOUND, "accounts can be told from none: {told}");
}

/// The mean seconds until the guesses at each account are answered: of accounts that the caller
/// does not know, and of those it does.
fn measure() -> [Vec<f64>; 2] {
    let agent = Agent::start("listen = [\"127.0.0.1:0\"]\n[limits]\nburst = 100000\n");
    let admin = Client::unix(agent.socket());
    let key = api_key(&admin, json!({"role": "verifier", "accounts": ["seen-*"]}));
    let callers: Vec<Client> =
        (0..GUESSES).map(|_| Client::tcp(agent.address()).bearing(&key)).collect();
    let [mut unknown, mut known] = [Vec::new(), Vec::new()];
    for round in 0..ACCOUNTS {
        for (number, (kind, prepare)) in CLASSES.iter().enumerate() {
            let scope = if *kind == Hidden { "hidden" } else { "seen" };
            let account = format!("{scope}-{number}-{round}");
            let mut body = prepare(&admin, &account);
            body["account"] = account.as_str().into();
            let took = burst(&callers, &body).as_secs_f64();
            if *kind == Known { known.push(took) } else { unknown.push(took) }
        }
    }
    [unknown, known]
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
