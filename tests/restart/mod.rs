//! Acknowledged changes outlive their process, killed right after the acknowledgement.
//!
//! Another process adds, activates, verifies, fails and revokes on a store and tells of each thing
//! when it is done. It is killed with SIGKILL in the middle of that; then the store is opened
//! again. `TWOSTEP_RESTART_ROUNDS` says how often (60).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod worker;

use std::time::{Duration, Instant};

use test_support::process::Process;
use test_support::world::{NOW, refused, watermark};
use test_support::{scratch, world};
use twostep::device::DeviceState;
use twostep::session::{Introspector, Issuer, SignedContext};
use twostep::store::SqliteStore;
use twostep::time::UnixTime;
use twostep::verifier::Verifier;

use self::worker::{Start, Told};

#[test]
fn a_kill_loses_no_acknowledged_change_and_revives_no_code() {
    let rounds: u64 = std::env::var("TWOSTEP_RESTART_ROUNDS")
        .ok()
        .map_or(60, |rounds| rounds.parse().unwrap());
    if let Some(fault) = first_fault(rounds, false) {
        panic!("{fault}");
    }
}

/// The test can fail: it does with a store that answers before it has made the change.
#[test]
fn a_store_that_answers_too_early_is_caught_within_20_kills() {
    let fault = first_fault(20, true).expect("20 kills, and nothing is missing");
    assert!(fault.contains("Accepted"), "{fault}");
}

fn first_fault(rounds: u64, hasty: bool) -> Option<String> {
    let folder = scratch::folder();
    let path = folder.path().join("store.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let began = Instant::now();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let now = NOW.plus(Duration::from_secs(60 * round));
        let told = until_killed(
            &Start { store: path.clone(), now, first: round * 10_000, hasty },
            1 + round * 7 % 40,
        );
        acknowledged += told.len();
        let verifier = worker::verifier(SqliteStore::open(&path).unwrap(), now);
        let introspector =
            Introspector::new(Issuer::new(verifier.clone(), "twostep"), verifier.clone());
        for told in &told {
            if let Some(fault) = runtime.block_on(missing(&verifier, &introspector, told, now)) {
                return Some(format!("round {round}: {told:?}: {fault}"));
            }
        }
    }
    let verifier = worker::verifier(
        SqliteStore::open(&path).unwrap(),
        NOW.plus(Duration::from_secs(60 * rounds)),
    );
    let report = runtime.block_on(verifier.store().verify_audit()).unwrap();
    assert!(report.ok, "the chain of audit rows holds: {report:?}");
    println!("{rounds} kills, {acknowledged} acknowledged, {:.1} s", began.elapsed().as_secs_f32());
    None
}

/// The process that is killed; of itself it does nothing.
#[test]
fn another_process() {
    worker::run();
}

/// Acknowledgements of a process that was killed after so many of them.
fn until_killed(start: &Start, after: u64) -> Vec<Told> {
    let mut process = Process::start("restart::another_process");
    process.tell(start);
    let mut told: Vec<Told> = (0..after).map(|_| process.hear().unwrap()).collect();
    process.kill();
    // Acknowledgements in the pipe count.
    while let Some(last) = process.hear() {
        told.push(last);
    }
    told
}

/// Finds an acknowledged change that is missing.
async fn missing(
    verifier: &Verifier,
    introspector: &Introspector,
    told: &Told,
    now: UnixTime,
) -> Option<String> {
    let held = worker::person(told.number());
    let Some(seen) = verifier.store().account(&held.account).await.unwrap() else {
        return Some("the account".to_owned());
    };
    let Some(device) = seen.device(&held.serial).map(|enrolled| enrolled.device.clone()) else {
        return Some("the device".to_owned());
    };
    let failures =
        (usize::try_from(device.throttle.failures).unwrap(), seen.account.failures.len());
    let kept = match told {
        Told::Added(_) => true,
        Told::Activated(_, step) => {
            device.state != DeviceState::Pending
                && watermark(&device) >= Some(*step)
                && seen.account.protected
        }
        Told::Accepted(_, step) => watermark(&device) >= Some(*step),
        // The last success clears the device's failures, not those of its account.
        Told::Failed(_, told) => {
            failures.1 >= *told
                && (failures.0 >= *told || watermark(&device) == Some(held.step(now) + 2))
        }
        Told::Revoked(_, generation, context) => {
            let lives = introspector
                .introspect(&SignedContext::new(context), "twostep")
                .await
                .unwrap()
                .is_some();
            seen.account.generation >= *generation && !lives
        }
    };
    if !kept {
        return Some(format!("{device:?} of {:?}", seen.account));
    }
    if let Told::Activated(_, step) | Told::Accepted(_, step) = told {
        let refusal = refused(
            verifier
                .verify_code(&held.account, &held.serial, held.code_at_step(*step))
                .await,
        );
        let again = verifier
            .resync(
                &held.serial,
                world::both(&held.pair_at_step(*step)),
                twostep::otp::Window::Owner,
            )
            .await;
        if !matches!(refusal.name(), "replayed" | "no_match") || again.is_ok() {
            return Some(format!("the code of step {step} at {now}: {refusal:?}, {again:?}"));
        }
    }
    None
}
