//! A client: asks agents over their sockets, and writes down what it was told.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::http::{Answer, Client, segment};

use super::event::{Event, Moment, Reason, Said, What, next_acceptance};
use super::hand::{Hand, Session};

/// The record of a history, which all its clients write.
pub(crate) struct Record {
    began: Instant,
    events: Mutex<Vec<Event>>,
    /// Answers that no agent should give.
    odd: Mutex<Vec<String>>,
}

/// One client, with a connection to each agent.
pub(crate) struct Asker<'a> {
    record: &'a Record,
    agents: Vec<Client>,
}

impl Record {
    pub(crate) fn new() -> Record {
        Record { began: Instant::now(), events: Mutex::default(), odd: Mutex::default() }
    }

    fn moment(&self) -> Moment {
        self.moment_of(Instant::now())
    }

    pub(crate) fn moment_of(&self, at: Instant) -> Moment {
        u64::try_from(at.duration_since(self.began).as_micros()).unwrap()
    }

    /// Waits for the acceptance of a code that was asked for after that moment.
    pub(crate) fn wait_for_acceptance(&self, lost: Instant, within: Duration) {
        let lost = self.moment_of(lost);
        let limit = Instant::now() + within;
        while next_acceptance(&self.events.lock().unwrap(), lost).is_none()
            && Instant::now() < limit
        {
            sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<Event>, Vec<String>) {
        (self.events.into_inner().unwrap(), self.odd.into_inner().unwrap())
    }
}

impl<'a> Asker<'a> {
    pub(crate) fn new(record: &'a Record, sockets: &[PathBuf]) -> Asker<'a> {
        let agents = sockets.iter().map(|socket| Client::unix(socket).waiting(PATIENCE)).collect();
        Asker { record, agents }
    }

    pub(crate) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// The age of the history.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.record.moment() / 1_000
    }

    /// Presents a code, a pair or a guess.
    pub(crate) fn present(&self, agent: usize, hand: &Hand, what: What) -> Event {
        let mut body = json!({"account": hand.account, "serial": hand.serial});
        match what {
            What::Code(step) => body["code"] = json!(hand.code(step)),
            What::Pair(last) => body["codes"] = json!(hand.pair(last)),
            _ => body["code"] = json!(hand.wrong()),
        }
        let (event, answer) = self.ask(agent, hand, what, ("POST", "/v1/sessions", Some(body)));
        let token = answer
            .filter(|_| event.is_done())
            .map(|answer| answer.json()["token"].as_str().unwrap().to_owned());
        hand.learn(&event, token);
        event
    }

    /// Asks whether a session lives.
    pub(crate) fn look(&self, agent: usize, hand: &Hand, session: &Session) {
        let what = What::Look { asked: session.asked, opened: session.opened };
        let body = json!({"token": session.token});
        self.ask(agent, hand, what, ("POST", "/v1/sessions/introspect", Some(body)));
    }

    pub(crate) fn revoke(&self, agent: usize, hand: &Hand) {
        let path = format!("/v1/accounts/{}/revoke-sessions", segment(&hand.account));
        self.ask(agent, hand, What::Revoke, ("POST", &path, Some(json!({}))));
    }

    pub(crate) fn activate(&self, agent: usize, hand: &Hand, last: u64) -> Said {
        let path = device(hand, "/activate");
        let body = json!({"codes": hand.pair(last)});
        let (event, _) = self.ask(agent, hand, What::Activate(last), ("POST", &path, Some(body)));
        hand.learn(&event, None);
        event.said
    }

    pub(crate) fn deactivate(&self, agent: usize, hand: &Hand) -> Said {
        let path = device(hand, "/deactivate");
        self.ask(agent, hand, What::Deactivate, ("POST", &path, None)).0.said
    }

    pub(crate) fn remove(&self, agent: usize, hand: &Hand) -> Said {
        let path = device(hand, "");
        self.ask(agent, hand, What::Remove, ("DELETE", &path, None)).0.said
    }

    /// Ends the wait after wrong codes; no rule is about it.
    pub(crate) fn unlock(&self, agent: usize, hand: &Hand) {
        let _ = self.agents[agent].try_raw("POST", &device(hand, "/unlock"), &[], b"");
    }

    fn ask(
        &self,
        agent: usize,
        hand: &Hand,
        what: What,
        (method, path, body): (&str, &str, Option<Value>),
    ) -> (Event, Option<Answer>) {
        let headers = body.as_ref().map(|_| ("Content-Type", "application/json"));
        let body = body.map_or_else(String::new, |body| body.to_string());
        let asked = self.record.moment();
        let answer = self.agents[agent].try_raw(method, path, headers.as_slice(), body.as_bytes());
        let answered = self.record.moment();
        let said = match &answer {
            Ok(answer) => self.said(what, answer),
            Err(_) => Said::Unknown,
        };
        if said == Said::Unknown {
            // An agent without a store, or none at all, is not asked again at once.
            sleep(Duration::from_millis(20));
        }
        let event = Event { seed: hand.seed, asked, answered, what, said };
        self.record.events.lock().unwrap().push(event);
        (event, answer.ok())
    }

    fn said(&self, what: What, answer: &Answer) -> Said {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status, body["reason"].as_str(), body["code"].as_str()) {
            (200..300, ..) => match what {
                What::Look { .. } if body["active"] != true => Said::No(Reason::Other),
                _ => Said::Yes,
            },
            (_, Some("replayed" | "clock_went_back"), _) => Said::No(Reason::Used),
            (_, Some("no_match"), _) => Said::No(Reason::Wrong),
            (_, Some("not_active" | "unknown_device"), _) | (404, ..) => {
                Said::No(Reason::NotActive)
            }
            (403 | 429, ..) | (409, _, Some("EntityAlreadyExists")) => Said::No(Reason::Other),
            (409 | 503, ..) => Said::Unknown,
            (status, ..) => {
                let text = format!("{what:?} was answered {status}: {}", answer.text());
                self.record.odd.lock().unwrap().push(text);
                Said::Unknown
            }
        }
    }
}

fn device(hand: &Hand, verb: &str) -> String {
    format!("/v1/devices/{}{verb}", segment(&hand.serial))
}

/// A client gives up after this time. What it asked for may be done all the same.
const PATIENCE: Duration = Duration::from_secs(4);
