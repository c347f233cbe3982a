//! Large files: the time and memory that an import takes, and what callers beside it notice.
//!
//! `TWOSTEP_IMPORT_TOKENS` says how many tokens a file has (1,500). From 100,000 on, the time and
//! the waits of callers are judged too: on a quiet machine, with a release build.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use test_support::http::Client;
use test_support::people::{Token, enrol};

use super::measured::{forget_peak, peak, resident};
use super::{admin, container, count, import, nothing_is_staged, number, started_with, table};

const PASSPHRASE: &str = "of a large delivery";

/// KiB above an agent that only verifies.
const MOST_MEMORY: u64 = 100 * 1_024;

#[test]
fn a_large_container_leaves_memory_and_callers_alone() {
    let tokens = number("TWOSTEP_IMPORT_TOKENS", 1_500);
    measure("container", tokens, &container(tokens, PASSPHRASE));
}

#[test]
fn a_large_table_leaves_memory_and_callers_alone() {
    let tokens = number("TWOSTEP_IMPORT_TOKENS", 1_500);
    measure("table", tokens, table(tokens).as_bytes());
}

fn measure(name: &str, tokens: u32, file: &[u8]) {
    let agent = started_with("[limits]\nrequests_per_second = 100000\nburst = 100000\n");
    let admin = admin(&agent).waiting(Duration::from_secs(600));
    let mut token = enrol(&admin, "ina");
    let caller = super::admin(&agent);
    let alone = Instant::now();
    let mut waits = Vec::new();
    while alone.elapsed() < Duration::from_secs(2) {
        waits.push(verify(&mut token, &caller));
    }
    let alone = waits_of(waits);
    let idle = resident(&agent);
    forget_peak(&agent);
    // The import, then the moves of its rows, then nothing.
    let phase = AtomicUsize::new(0);
    let (took, listed, settled, [beside, moving]) = thread::scope(|scope| {
        let verifying = scope.spawn(|| {
            let mut waits = [Vec::new(), Vec::new()];
            while let Some(waits) = waits.get_mut(phase.load(Ordering::Relaxed)) {
                waits.push(verify(&mut token, &caller));
            }
            waits.map(waits_of)
        });
        let headers = [("X-Twostep-Import-Passphrase", &*STANDARD.encode(PASSPHRASE))];
        let began = Instant::now();
        let report = import(&admin, "", &headers, file).is(200);
        let took = began.elapsed();
        phase.store(1, Ordering::Relaxed);
        let told = report["tokens"].as_array().unwrap().len();
        assert_eq!(told, usize::try_from(tokens.min(1_000)).unwrap(), "the first are told");
        for counted in [&report["imported"], &report["states"]["unassigned"]] {
            assert_eq!(counted, tokens, "the rest is counted");
        }
        let began = Instant::now();
        let page = admin.get("/v1/devices?limit=100").is(200);
        let listed = began.elapsed();
        assert_eq!(page["devices"].as_array().unwrap().len(), 100);
        nothing_is_staged(&agent.folder.path().join("store.db"));
        let settled = began.elapsed();
        phase.store(2, Ordering::Relaxed);
        (took, listed, settled, verifying.join().unwrap())
    });
    let memory = peak(&agent).saturating_sub(idle);
    println!(
        "{name}: {tokens} tokens, {} bytes, in {took:?}, a list in {listed:?}, rows moved in \
         {settled:?}, {memory} KiB above {idle}; a verification at the median and at p99: alone \
         {alone:?}, beside it {beside:?}, beside the moves {moving:?}",
        file.len(),
    );
    // The connection may have been closed while it was idle.
    assert_eq!(count(&super::admin(&agent)), tokens + 1);
    assert!(memory <= MOST_MEMORY, "{memory} KiB above {idle}");
    if tokens >= 100_000 {
        assert!(took <= Duration::from_secs(10), "{took:?}");
        for waits in [beside, moving] {
            assert!(waits.1 <= alone.1 * 3, "{waits:?} and not {alone:?}");
        }
    }
}

fn verify(token: &mut Token, caller: &Client) -> Duration {
    let body = json!({"account": "ina", "serial": token.serial, "code": token.code()});
    let began = Instant::now();
    let answer = caller.post("/v1/sessions", body);
    // A machine without a processor to spare may say that it is late. That is a wait.
    assert!([201, 503].contains(&answer.status), "{}", answer.text());
    began.elapsed()
}

/// The median and the 99th percentile.
fn waits_of(mut waits: Vec<Duration>) -> (Duration, Duration) {
    waits.sort_unstable();
    let at = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
    (at(50), at(99))
}
