//! A race of many clients for one code: exactly one of them has it.
//!
//! A round is a code that 64 clients present to three agents at the same time.
//! `TWOSTEP_RACE_ROUNDS` says how many rounds there are (200).

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};
use std::thread;

use test_support::http::Client;
use test_support::postgres::Server;
use test_support::tools;

use super::ask::{Asker, Record};
use super::check;
use super::event::{History, Kind, Said, SeedId, What};
use super::ground::Ground;
use super::hand::Hand;
use super::nodes::Nodes;
use super::play::{enrol, rows};

#[test]
fn a_code_that_64_clients_present_is_accepted_once() {
    if !tools::have("postgresql") {
        return;
    }
    let rounds: usize =
        std::env::var("TWOSTEP_RACE_ROUNDS").map_or(200, |rounds| rounds.parse().unwrap());
    let (server, mut left, mut number) = (Mutex::new(Server::start()), rounds / AT_ONCE, 0);
    while left > 0 {
        let batches = left.min(BATCHES_A_STORE);
        judge(&Ground::server(&server, number, AGENTS), batches);
        left -= batches;
        number += 1;
    }
}

/// Runs so many batches on a store of their own.
fn judge(ground: &Ground<'_>, batches: usize) {
    let hands: Vec<Hand> = (0..AT_ONCE).map(|seed| Hand::new(seed, Kind::Hotp)).collect();
    let record = Record::new();
    let nodes = Nodes::start(AGENTS, ground, None);
    let admin = Client::unix(&nodes.sockets[0]);
    enrol(&admin, &record, &nodes, &hands);
    run(&record, &nodes, &hands, batches);
    let (events, odd) = record.into_parts();
    assert!(odd.is_empty(), "{odd:#?}");
    let mut accepted: BTreeMap<(SeedId, u64), usize> = BTreeMap::new();
    for event in &events {
        if let What::Code(step) = event.what {
            *accepted.entry((event.seed, step)).or_default() += usize::from(event.is_done());
        }
    }
    println!("{} rounds, {} operations", accepted.len(), events.len());
    assert_eq!(accepted.len(), batches * AT_ONCE);
    let others: Vec<_> = accepted.iter().filter(|(_, times)| **times != 1).collect();
    assert!(others.is_empty(), "not accepted exactly once: {others:?}");
    // The connection from before the rounds may have been idle for too long.
    let rows = Some(rows(&Client::unix(&nodes.sockets[0]), &hands));
    let history = History { kinds: vec![Kind::Hotp; hands.len()], events, rows };
    assert_eq!(check::faults(&history), Vec::<String>::new());
}

/// The clients meet before each batch, and present all its codes in the same order.
fn run(record: &Record, nodes: &Nodes<'_>, hands: &[Hand], batches: usize) {
    let start = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (asker, start) = (Asker::new(record, &nodes.sockets), &start);
            scope.spawn(move || {
                let mut steps: Vec<u64> = hands.iter().map(Hand::first).collect();
                // Codes are presented once all clients know where to begin.
                start.wait();
                for _ in 0..batches {
                    start.wait();
                    for (hand, step) in hands.iter().zip(&mut steps) {
                        *step = hand.after(*step);
                        // A lost race, in which nothing was decided, is run again.
                        while asker.present(client % AGENTS, hand, What::Code(*step)).said
                            == Said::Unknown
                        {}
                    }
                }
            });
        }
    });
}

const AGENTS: usize = 3;
const CLIENTS: usize = 64;

/// A token shows so many codes and a few more.
const BATCHES_A_STORE: usize = 900;

/// Devices, each with a code of its own in a batch.
const AT_ONCE: usize = 25;
