//! One refusal: neither the body nor the time of a refused session shows its reason.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod pages;
mod parallel;
mod store;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use store::{Attempt, CLASSES, attempts};
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::timing::{BOUND, difference};

/// Requests of each class.
fn requests() -> usize {
    std::env::var("TWOSTEP_REFUSALS").map_or(300, |requests| requests.parse().unwrap())
}

#[test]
fn no_class_of_refusals_is_told_from_another() {
    let measured = measure(requests(), 50);
    assert_answers_are_one(&measured);
    for (class, times) in &measured.times {
        let early = times.iter().filter(|time| **time < 0.050).count();
        assert_eq!(early, 0, "{class}: some answers came before the interval was over");
        let late = median(times.iter().map(|time| time % 0.050));
        assert!(
            late < 0.015,
            "{class}: half of the answers came {late} s or more after a multiple of the interval"
        );
    }
    let worst = measured.worst();
    eprintln!("{worst}");
    assert!(worst.difference.abs() < BOUND, "classes can be told apart: {worst}");
}

#[test]
fn the_measurement_sees_work_where_answers_leave_at_once() {
    let measured = measure(60, 1);
    assert_answers_are_one(&measured);
    // A malformed request needs none of the work that all refusals do.
    for (class, times) in &measured.times {
        let difference = difference(times, &measured.malformed);
        assert!(difference > BOUND, "{difference:.2} between {class} and a malformed request");
    }
}

/// One measurement at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Measured {
    answers: Vec<(&'static str, Answer)>,
    /// Seconds from the request to the whole answer, in the order of the answers.
    times: BTreeMap<&'static str, Vec<f64>>,
    /// The same of requests that are refused as malformed.
    malformed: Vec<f64>,
}

/// Sends so many requests of each class, a few at the same time, the classes in turns.
fn measure(each: usize, interval: u64) -> Measured {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let attempts = attempts(folder.path(), each);
    let agent = Agent::start_in(
        folder,
        &format!(
            "listen = [\"127.0.0.1:0\"]\n[sessions]\nrefusal_interval_ms = {interval}\n\
             [log]\nlevel = \"debug\"\n"
        ),
    );
    let key = Client::unix(agent.socket())
        .post("/v1/api-keys", json!({"role": "verifier", "accounts": ["seen-*"]}))
        .is(201);
    let caller = Client::tcp(agent.address()).bearing(key["key"].as_str().unwrap());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let caller = caller.with("Accept", "*/*");
                // The connection is made before anything is measured.
                caller.get("/healthz");
                while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (answer, time) = ask(&caller, attempt);
                    done.lock().unwrap().push((attempt.class, answer, time));
                }
            });
        }
    });
    let malformed = (0..60).map(|_| {
        let began = Instant::now();
        caller.post("/v1/sessions", json!({"account": "seen-it", "code": "x"})).is(400);
        began.elapsed().as_secs_f64()
    });
    let malformed = malformed.collect();
    let mut measured = Measured { answers: Vec::new(), times: BTreeMap::new(), malformed };
    for (class, answer, time) in done.into_inner().unwrap() {
        measured.times.entry(class).or_default().push(time.as_secs_f64());
        measured.answers.push((class, answer));
    }
    assert_eq!(measured.times.len(), CLASSES.len());
    // Each class was what it is called.
    let log = agent.log();
    let lines = log.lines().filter(|line| line.contains("a session was refused"));
    let reasons =
        ["signature", "replayed", "locked", "not_active", "no_ceremony"].map(|reason| (reason, 1));
    let several = [("unknown_device", 4), ("throttled", 2), ("no_match", 2)];
    for (reason, classes) in several.into_iter().chain(reasons) {
        let reason_is = format!("\"reason\":\"{reason}\"");
        let told = lines.clone().filter(|line| line.contains(&reason_is)).count();
        assert_eq!(told, classes * each, "{reason}");
    }
    measured
}

fn ask(caller: &Client, attempt: &Attempt) -> (Answer, Duration) {
    let mut body = json!({"account": attempt.account});
    body.as_object_mut().unwrap().extend(attempt.proof.as_object().unwrap().clone());
    let body = body.to_string();
    let began = Instant::now();
    let answer = caller.raw(
        "POST",
        "/v1/sessions",
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    );
    (answer, began.elapsed())
}

fn assert_answers_are_one(measured: &Measured) {
    let (_, first) = &measured.answers[0];
    first.clone().refused(403, "AccessDenied");
    for (class, answer) in &measured.answers {
        assert_eq!(answer.of_any_request(), first.of_any_request(), "{class}");
    }
}

struct Worst {
    difference: f64,
    pair: [&'static str; 2],
    means: [f64; 2],
}

impl Measured {
    /// The two classes that are easiest to tell apart.
    fn worst(&self) -> Worst {
        let classes: Vec<_> = self.times.iter().collect();
        let pairs = classes
            .iter()
            .enumerate()
            .flat_map(|(n, one)| classes[n + 1..].iter().map(move |other| (one, other)));
        let compared = pairs.map(|(one, other)| Worst {
            difference: difference(one.1, other.1),
            pair: [one.0, other.0],
            means: [mean(one.1), mean(other.1)],
        });
        compared
            .max_by(|one, other| one.difference.abs().total_cmp(&other.difference.abs()))
            .unwrap()
    }
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([one, other], [mean, other_mean]) = (self.pair, self.means.map(|mean| mean * 1e3));
        write!(
            f,
            "{:.2} between {one} ({mean:.3} ms) and {other} ({other_mean:.3} ms)",
            self.difference
        )
    }
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / count(times)
}

fn count(times: &[f64]) -> f64 {
    f64::from(u32::try_from(times.len()).unwrap())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Concurrent requests.
const CALLERS: usize = 8;
