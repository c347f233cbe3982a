//! Cost of a session over HTTP: a fresh code verified, stored and answered with a signed context,
//! compared with a bare "hello" of the same web framework.
//!
//! The agent and the hello are processes of their own, this program run again, and so share the
//! machine with the load generator. They take turns; the medians of all rounds are printed. On a
//! machine with other work, real-time priority (`chrt -f 1 cargo bench --bench http`) tells more
//! about the program and less about the other work.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

mod http {
    pub(crate) mod load;
    pub(crate) mod servers;
    pub(crate) mod store;
}

use http::load::{Load, Round};
use http::servers::{Server, run_if_asked};
use http::store::Devices;

fn main() {
    run_if_asked();
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::args().any(|argument| argument == "--test");
    let (rounds, each) = if quick { (1, 2) } else { (ROUNDS, EACH) };
    let rounds = std::env::var("ROUNDS").map_or(rounds, |n| n.parse().unwrap());
    let only = std::env::var_os("ONLY").is_some();
    let folder = tempfile::tempdir().unwrap();
    let mut devices = Devices::fill(folder.path(), (rounds + 1) * CONNECTIONS * each);
    let (hello, agent) = (Server::hello(), Server::agent(folder.path()));
    let key = agent.api_key(folder.path());
    let (mut hellos, mut sessions, mut introspections) = (Vec::new(), Vec::new(), Vec::new());
    // The first round of each is for warming up.
    for round in 0..=rounds {
        let load = Load::hello(CONNECTIONS, if only { 1 } else { each * 4 });
        let greeted = load.on(&hello, 200);
        let opened =
            Load::sessions(CONNECTIONS, devices.requests(CONNECTIONS * each, &key)).on(&agent, 201);
        let introspected =
            Load::introspections(CONNECTIONS, if only { 1 } else { each * 2 }, &key, &opened.token)
                .on(&agent, 200);
        if round > 0 {
            hellos.push(greeted);
            sessions.push(opened);
            introspections.push(introspected);
        }
    }
    println!(
        "{CONNECTIONS} connections over TCP, {rounds} rounds       \
         per second   p50 ms   p99 ms   server CPU µs"
    );
    for (name, rounds) in [
        ("hello", &hellos),
        ("code verified, context signed", &sessions),
        ("context introspected", &introspections),
    ] {
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        let (p50, p99) = (of(|round| round.percentile(50)), of(|round| round.percentile(99)));
        println!(
            "{name:<38} {:>9.0} {p50:>8.2} {p99:>8.2} {:>10.1}",
            of(|round| round.per_second),
            of(|round| round.cpu_micros)
        );
    }
    let ratio = median(
        sessions
            .iter()
            .zip(&hellos)
            .map(|(session, hello)| session.per_second / hello.per_second),
    );
    println!("a session against a hello {ratio:>22.2} ×   (goal ≥ 0.2)");
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

const ROUNDS: usize = 7;

const CONNECTIONS: usize = 64;

/// Sessions that each connection opens in a round, each with a device and a code of its own.
const EACH: usize = 125;
