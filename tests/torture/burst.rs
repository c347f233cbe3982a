//! Several people at the same time, and an agent that is stopped in the middle of it.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use test_support::http::Answer;

use super::ledger::{Device, Fault, Held, Kind, State};
use super::people::{Told, told};
use super::place::LIMIT;
use super::round::Round;

/// One person, who verifies one code after the other until the agent is gone.
struct Person {
    serial: String,
    device: Device,
    codes: Vec<String>,
}

impl Round {
    /// Up to three people open sessions until the signal ends the agents.
    pub(crate) fn burst(&mut self, signal: Signal) -> Result<(), Fault> {
        let people = self.people();
        let after = Duration::from_micros(self.random.in_range(0..12_000));
        self.note(format!("{} people verify, and {signal} comes after {after:?}", people.len()));
        let agents = std::mem::take(&mut self.agents);
        let client = agents[0].client.with("X-Torture", "burst");
        let mut heard: Vec<Vec<Option<Answer>>> = Vec::new();
        thread::scope(|scope| {
            let client = &client;
            let at_work: Vec<_> = people
                .iter()
                .map(|person| {
                    scope.spawn(move || person.verify(&client.with("X-Torture", &person.serial)))
                })
                .collect();
            thread::sleep(after);
            agents.iter().for_each(|agent| agent.signal(signal));
            heard = at_work.into_iter().map(|person| person.join().unwrap()).collect();
        });
        for agent in agents {
            let ended = agent.end(LIMIT)?;
            if signal != Signal::SIGKILL && ended.exit != Some(0) {
                return Err(format!("{signal} ends the agent with an error: {ended:?}"));
            }
        }
        for (person, answers) in people.into_iter().zip(heard) {
            self.heard(person, answers)?;
        }
        if signal == Signal::SIGKILL { Ok(()) } else { self.stopped_cleanly() }
    }

    fn people(&mut self) -> Vec<Person> {
        let mut serials = self.ledger.serials(|device| {
            device.kind == Kind::Hotp && device.state == State::Active && !device.restored
        });
        serials.retain(|serial| {
            let token = &self.ledger.tokens[serial];
            token.held.is_none() && token.lag < 5 && token.failures < 2
        });
        serials.truncate(3);
        let mut people = Vec::new();
        for serial in serials {
            let (device, token) =
                (self.ledger.devices.0[&serial].clone(), &self.ledger.tokens[&serial]);
            let codes = (token.next..token.next + 40)
                .map(|counter| token.code(Kind::Hotp, counter))
                .collect();
            people.push(Person { serial, device, codes });
        }
        people
    }

    fn heard(&mut self, person: Person, answers: Vec<Option<Answer>>) -> Result<(), Fault> {
        let Person { serial, device, codes } = person;
        let acknowledged = answers.iter().flatten().filter(|answer| answer.status == 201).count();
        self.note(format!("… {serial}: {acknowledged} acknowledged"));
        for (code, answer) in codes.into_iter().zip(answers) {
            self.token(&serial).press();
            match told(answer.as_ref()) {
                Told::Done(session) => self.opened(&serial, &device, &session, [code])?,
                Told::Refused(status, problem) => {
                    return Err(format!(
                        "a fresh code of {serial} is refused with {status}: {problem}"
                    ));
                }
                Told::Unavailable | Told::Silence => {
                    self.token(&serial).held = Some(Held::Maybe(code))
                }
            }
        }
        Ok(())
    }
}

impl Person {
    fn verify(&self, client: &test_support::http::Client) -> Vec<Option<Answer>> {
        let mut answers = Vec::new();
        for code in &self.codes {
            let body = json!({"account": self.device.account, "serial": self.serial, "code": code})
                .to_string();
            let answer = client
                .try_raw(
                    "POST",
                    "/v1/sessions",
                    &[("Content-Type", "application/json")],
                    body.as_bytes(),
                )
                .ok();
            let goes_on = answer.as_ref().is_some_and(|answer| answer.status == 201);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        answers
    }
}
