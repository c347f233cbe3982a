//! A server that forgets: an older copy of it takes its place, and no code is accepted again.

use std::sync::Mutex;

use serde_json::json;
use test_support::http::Client;
use test_support::postgres::Server;
use test_support::tools;

use super::ask::{Asker, Record};
use super::event::{Kind, Said, What};
use super::ground::Ground;
use super::hand::Hand;
use super::nodes::Nodes;
use super::play::enrol;

#[test]
fn an_older_copy_of_a_server_accepts_no_code_again() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Mutex::new(Server::start());
    let ground = Ground::server(&server, 0, AGENTS);
    let hands: Vec<Hand> = (0..TRIES).map(|seed| Hand::new(seed, Kind::Hotp)).collect();
    let (record, nodes) = (Record::new(), Nodes::start(AGENTS, &ground, None));
    enrol(&Client::unix(&nodes.sockets[0]), &record, &nodes, &hands);
    let asker = Asker::new(&record, &nodes.sockets);
    // Each agent has acknowledged something since the copy, and notices by that.
    let accepted = |step: fn(&Hand) -> u64| {
        for (at, hand) in hands.iter().enumerate() {
            let event = asker.present(at % AGENTS, hand, What::Code(step(hand)));
            assert_eq!(event.said, Said::Yes, "{event:?}");
        }
    };
    accepted(|hand| hand.after(hand.first()));
    server.lock().unwrap().copy_aside();
    accepted(|hand| hand.after(hand.first()));
    server.lock().unwrap().bring_back();
    let again = |when: &str| {
        for (at, hand) in hands.iter().enumerate() {
            for agent in 0..AGENTS {
                let event = asker.present(agent, hand, What::Code(hand.first()));
                assert_ne!(event.said, Said::Yes, "{when}, agent {agent}, code {at}: {event:?}");
            }
        }
    };
    again("the agents run");
    for agent in 0..AGENTS {
        let body = json!({"account": hands[0].account, "serial": hands[0].serial,
            "code": hands[0].code(hands[0].first())});
        let client = Client::unix(&nodes.sockets[agent]);
        client.post("/v1/sessions", body).refused(503, "ServiceUnavailable");
    }
    nodes.restart();
    again("the agents were started again");
}

const AGENTS: usize = 3;

/// Codes that are presented again.
const TRIES: usize = 20;
