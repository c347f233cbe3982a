//! Floods of requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{api_key, enrol};

use super::{Person, Times};

/// Connections of a flood.
const CROWD: usize = 200;

/// A request that a crowd sends again and again while it is on.
struct Flood<'a> {
    caller: &'a Client,
    path: &'static str,
    body: Value,
}

/// Measures people without and under a flood, in turns.
fn measure(flood: &Flood<'_>, people: &mut [Person]) -> Vec<Times> {
    let (on, over, sent) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
    let mut times: Vec<Times> = people.iter().map(|_| Times::default()).collect();
    thread::scope(|scope| {
        for _ in 0..CROWD {
            let caller = flood.caller.with("Accept", "*/*");
            let (on, over, sent) = (&on, &over, &sent);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    if on.load(Ordering::Relaxed) {
                        caller.post(flood.path, flood.body.clone());
                        sent.fetch_add(1, Ordering::Relaxed);
                    } else {
                        thread::sleep(Duration::from_millis(5));
                    }
                }
            });
        }
        for _ in 0..3 {
            for (person, times) in people.iter_mut().zip(&mut times) {
                times.alone.extend(person.sign_in(40));
            }
            on.store(true, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(100));
            for (person, times) in people.iter_mut().zip(&mut times) {
                times.attacked.extend(person.sign_in(40));
            }
            on.store(false, Ordering::Relaxed);
            // The crowd hears its last answers.
            let mut before = usize::MAX;
            while before != sent.load(Ordering::Relaxed) {
                before = sent.load(Ordering::Relaxed);
                thread::sleep(Duration::from_millis(150));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(sent.load(Ordering::Relaxed) >= CROWD, "the flood was none");
    times
}

#[test]
fn replays_for_one_account_delay_no_other_account() {
    let _alone = crate::refusals::alone();
    let agent = Agent::start("listen = [\"127.0.0.1:0\"]\n[limits]\nburst = 5000\n");
    let admin = Client::unix(agent.socket());
    let caller = |admin: &Client| {
        Client::tcp(agent.address()).bearing(&api_key(admin, json!({"role": "verifier"})))
    };
    let (flooding, other) = (caller(&admin), caller(&admin));
    let mut victim = enrol(&admin, "victim");
    let code = victim.code();
    let body = json!({"account": "victim", "serial": victim.serial, "code": code});
    admin.post("/v1/sessions", body.clone()).is(201);
    let mut people = [
        Person::new(&admin, Client::unix(agent.socket()), "of-root"),
        Person::new(&admin, other, "of-another-caller"),
        Person::new(&admin, flooding.with("Accept", "*/*"), "of-the-same-caller"),
    ];
    let flood = Flood { caller: &flooding, path: "/v1/sessions", body };
    let times = measure(&flood, &mut people);
    for (times, person) in times.into_iter().zip(&people) {
        times.assert_close(&person.account);
    }
}

#[test]
fn requests_without_credentials_delay_no_caller() {
    let _alone = crate::refusals::alone();
    let agent = Agent::start("listen = [\"127.0.0.1:0\"]\n");
    let admin = Client::unix(agent.socket());
    let key = api_key(&admin, json!({"role": "verifier"}));
    let mut people = [
        Person::new(&admin, Client::unix(agent.socket()), "of-root"),
        Person::new(&admin, Client::tcp(agent.address()).bearing(&key), "of-a-caller"),
    ];
    let stranger = Client::tcp(agent.address()).bearing(&key.replace('_', "-"));
    let body = json!({"account": "of-root", "code": "123456"});
    let times = measure(&Flood { caller: &stranger, path: "/v1/sessions", body }, &mut people);
    for (times, person) in times.into_iter().zip(&people) {
        times.assert_close(&person.account);
    }
}
