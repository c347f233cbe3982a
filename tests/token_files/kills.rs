//! Agents that are killed at random moments of an import: all tokens of the file are there
//! afterwards, or none.
//!
//! `TWOSTEP_IMPORT_KILLS` says how often (5), `TWOSTEP_IMPORT_SEED` at which moments.

use std::thread;
use std::time::{Duration, Instant};

use test_support::agent::Agent;
use test_support::random::Random;
use twostep::store::sqlite;

use super::{admin, count, import, nothing_is_staged, number, started, store_in, table};

const TOKENS: u32 = 2_000;

#[test]
fn a_killed_agent_leaves_all_of_a_file_or_nothing() {
    let kills = number("TWOSTEP_IMPORT_KILLS", 5);
    let mut random = Random::new(number("TWOSTEP_IMPORT_SEED", 14).into());
    let file = table(TOKENS);
    let whole = time_of(&file);
    let (mut none, mut all) = (0, 0);
    for kill in 0..kills {
        // One moment in each part of the time from the request to a while after its answer.
        let part = f64::from(kill) + f64::from(u32::try_from(random.below(1_000)).unwrap()) / 1e3;
        let after = whole.mul_f64(part / f64::from(kills) * 1.25);
        match killed(&file, after, random.once_in(2)) {
            0 => none += 1,
            TOKENS => all += 1,
            some => panic!("{some} of {TOKENS} tokens are there, killed after {after:?}"),
        }
    }
    println!("an import of {whole:?}, killed {kills} times: {none} were not there, {all} were");
}

/// The time that an import of this file takes.
fn time_of(file: &str) -> Duration {
    let agent = started();
    let client = admin(&agent);
    let began = Instant::now();
    import(&client, "", &[], file.as_bytes()).is(200);
    began.elapsed()
}

/// Kills an agent so long after it was sent the file. Returns how many devices a new agent finds
/// in the store, and sees that nothing is left of the import.
fn killed(file: &str, after: Duration, waits: bool) -> u32 {
    let agent = started();
    let client = admin(&agent);
    client.get("/v1/devices").is(200);
    let body = file.as_bytes().to_vec();
    let sent = thread::spawn(move || client.try_raw("POST", "/v1/devices/import", &[], &body).ok());
    thread::sleep(after);
    let folder = agent.into_folder();
    let answered = sent.join().unwrap().is_some_and(|answer| answer.status == 200);

    let config = store_in(folder.path());
    let mut agent = Agent::start_in(folder, &config);
    let client = admin(&agent);
    let store = agent.folder.path().join("store.db");
    if waits {
        nothing_is_staged(&store);
    }
    let found = count(&client);
    assert!(found == TOKENS || !answered, "{found} devices after an answered import");
    if found == 0 {
        let again = import(&client, "", &[], file.as_bytes()).is(200);
        assert_eq!(again["imported"], TOKENS, "the same import succeeds");
        assert_eq!(count(&client), TOKENS);
    } else {
        import(&client, "", &[], file.as_bytes()).refused(400, "InvalidInput");
    }
    nothing_is_staged(&store);
    agent.signal("TERM");
    agent.ended_within(Duration::from_secs(60));
    let folder = agent.into_folder();
    let report = sqlite::check(folder.path().join("store.db")).unwrap();
    assert_eq!(report.problems, Vec::<String>::new(), "killed after {after:?}");
    assert_eq!(report.devices, u64::from(TOKENS));
    found
}
