//! A history is played: sixteen clients with the same tokens in hand ask all agents, while one
//! thread hurts them; afterwards every spent code is presented once more.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::http::Client;
use test_support::random::Random;

use super::ask::{Asker, Record};
use super::event::{History, Kind, Moment, Said, SeedId, What};
use super::ground::{Ground, Suffered};
use super::hand::{Hand, Switch};
use super::nodes::Nodes;
use super::wrong::Wrong;

/// The settings of a history.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) agents: usize,
    pub(crate) lasts: Duration,
    /// The fault that is built into the agents; none: the agent itself.
    pub(crate) wrong: Option<Wrong>,
}

/// A history that was played.
pub(crate) struct Played {
    pub(crate) history: History,
    pub(crate) odd: Vec<String>,
    pub(crate) suffered: Suffered,
    /// The moments at which a leader was lost.
    pub(crate) lost: Vec<Moment>,
}

pub(crate) fn play(plan: Plan, ground: &Ground<'_>) -> Played {
    let hands = hands();
    let record = Record::new();
    {
        let first = Nodes::start(1, ground, None);
        enrol(&Client::unix(&first.sockets[0]), &record, &first, &hands);
    }
    let nodes = Nodes::start(plan.agents, ground, plan.wrong);
    let (until, over) = (Instant::now() + plan.lasts, AtomicBool::new(false));
    let suffered = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let asker = Asker::new(&record, &nodes.sockets);
            let (hands, over) = (&hands, &over);
            let random = Random::new(plan.seed * 1_000 + client);
            scope.spawn(move || busy(&asker, hands, random, over));
        }
        // Clients end with this, also when it fails.
        let _over = Over(&over);
        let suffered = nodes.suffer(&mut Random::new(plan.seed * 1_000 + CLIENTS), until);
        // Clients go on until the last loss is overcome, however late in the history it came.
        let last = ground.lost.lock().unwrap().last().copied();
        if let Some(lost) = last {
            record.wait_for_acceptance(lost, Duration::from_secs(60));
        }
        suffered
    });
    thread::scope(|scope| {
        for (client, hands) in hands.chunks(hands.len().div_ceil(8)).enumerate() {
            let asker = Asker::new(&record, &nodes.sockets);
            scope.spawn(move || {
                hands.iter().for_each(|hand| once_more(&asker, hand, client % asker.agents()));
            });
        }
    });
    drop(nodes);
    let last = Nodes::start(1, ground, None);
    let rows = rows(&Client::unix(&last.sockets[0]), &hands);
    let lost = ground.lost.lock().unwrap().iter().map(|at| record.moment_of(*at)).collect();
    let (events, odd) = record.into_parts();
    let kinds = hands.iter().map(|hand| hand.kind).collect();
    Played { history: History { kinds, events, rows: Some(rows) }, odd, suffered, lost }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn hands() -> Vec<Hand> {
    let kinds = [(Kind::Hotp, COUNTING), (Kind::Totp, TIMED), (Kind::Guessed, GUESSED)];
    let kinds = kinds.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind, count));
    kinds.enumerate().map(|(seed, kind)| Hand::new(seed, kind)).collect()
}

/// Gives each account its device, and activates it.
pub(crate) fn enrol(admin: &Client, record: &Record, nodes: &Nodes<'_>, hands: &[Hand]) {
    let asker = Asker::new(record, &nodes.sockets);
    for hand in hands {
        let kind = if hand.kind == Kind::Totp { "totp" } else { "hotp" };
        let body = json!({
            "account": hand.account, "kind": kind, "serial": hand.serial, "secret": hand.secret
        });
        admin.post("/v1/devices", body).is(201);
        assert_eq!(asker.activate(0, hand, hand.first()), Said::Yes, "a right pair activates");
    }
}

/// A client, until it is over.
fn busy(asker: &Asker, hands: &[Hand], mut random: Random, over: &AtomicBool) {
    while !over.load(Relaxed) {
        // All clients turn to the same few tokens at the same time, so that they meet.
        let slice = usize::try_from(asker.milliseconds());
        let hand = match random.below(10) {
            0 => &hands[random.below(hands.len())],
            _ => &hands[(slice.unwrap() / 150 * MEETING + random.below(MEETING)) % hands.len()],
        };
        let agent = random.below(asker.agents());
        match random.below(100) {
            0..72 => {
                if let Some(what) = hand.next(&mut random) {
                    asker.present(agent, hand, what);
                }
            }
            72..94 => {
                if let Some(session) = hand.session(&mut random) {
                    asker.look(agent, hand, &session);
                }
            }
            94..97 => asker.revoke(agent, hand),
            _ if hand.kind == Kind::Hotp => switch(asker, agent, hand, &mut random),
            _ => {}
        }
    }
}

/// Switches a device off or on, or removes it.
fn switch(asker: &Asker, agent: usize, hand: &Hand, random: &mut Random) {
    let Some(known) = hand.grasp() else { return };
    let (said, done) = if known == Switch::On {
        if hand.seed % 6 == 5 && random.once_in(4) {
            (asker.remove(agent, hand), Switch::Removed)
        } else {
            (asker.deactivate(agent, hand), Switch::Off)
        }
    } else if let Some(last) = hand.activating() {
        (asker.activate(agent, hand, last), Switch::On)
    } else {
        (Said::Unknown, known)
    };
    hand.release(match said {
        Said::Yes => done,
        // An activation comes next: if the device is active, the answer says so.
        Said::Unknown => Switch::Off,
        Said::No(_) if known == Switch::Off => Switch::On,
        Said::No(_) => known,
    });
}

/// Presents every code that may be spent once more, the last ones first.
fn once_more(asker: &Asker, hand: &Hand, agent: usize) {
    for (at, step) in hand.spent().into_iter().rev().take(AT_MOST_ONCE_MORE).enumerate() {
        match hand.kind {
            Kind::Hotp => asker.present(agent, hand, What::Code(step)),
            Kind::Totp if hand.spent().contains(&(step - 1)) => {
                asker.present(agent, hand, What::Pair(step))
            }
            Kind::Totp => continue,
            Kind::Guessed => return,
        };
        if at % 2 == 1 {
            asker.unlock(agent, hand);
        }
    }
}

/// The audit rows of accepted codes, by seed.
pub(crate) fn rows(admin: &Client, hands: &[Hand]) -> BTreeMap<SeedId, usize> {
    let seeds: BTreeMap<&str, SeedId> =
        hands.iter().map(|hand| (hand.serial.as_str(), hand.seed)).collect();
    let mut rows = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = admin.get(&format!("/v1/audit?limit=1000{after}")).is(200);
        let events = page["events"].as_array().unwrap();
        for event in events {
            let action = event["action"].as_str().unwrap();
            let seed = event["serial"].as_str().and_then(|serial| seeds.get(serial));
            if let (true, Some(seed)) = (ACCEPTING.contains(&action), seed) {
                *rows.entry(*seed).or_default() += 1;
            }
        }
        match page["next"].as_str() {
            Some(next) if !events.is_empty() => after = format!("&after={next}"),
            _ => return rows,
        }
    }
}

/// Actions that consume steps.
const ACCEPTING: [&str; 3] = ["code.accepted", "device.activated", "device.resynced"];

const CLIENTS: u64 = 16;

/// Tokens by their use.
const COUNTING: usize = 36;
const TIMED: usize = 8;
const GUESSED: usize = 4;

/// Tokens that clients turn to at the same time.
const MEETING: usize = 4;

/// An account is throttled at its sixtieth wrong code within a day.
const AT_MOST_ONCE_MORE: usize = 50;
