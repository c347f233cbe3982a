//! Comparison of the served state with the acknowledged one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ledger::{Device, Devices, Fault, Held, Kind, Life, State};
use super::people::Told;
use super::round::Round;

impl Round {
    /// Compares what each agent serves with the ledger, and settles what was in doubt. The words of
    /// an agent that is not ready, which must then refuse everything.
    pub(crate) fn look(&mut self) -> Result<Option<String>, Fault> {
        for token in self.ledger.tokens.values_mut() {
            // Another life of the agent, perhaps: it has promised nothing.
            if let Some(Held::Good(code)) = token.held.take_if(|held| matches!(held, Held::Good(_)))
            {
                token.held = Some(Held::Maybe(code));
            }
        }
        for which in 0..self.agents.len() {
            if let Some(words) = self.not_ready(which)? {
                return Ok(Some(words));
            }
            let served = self.served(which)?;
            self.ledger.devices = agreed(&served, &self.ledger.devices, &self.ledger.doubts)?;
            self.ledger.doubts.clear();
        }
        self.ledger.history.push(self.ledger.devices.clone());
        self.look_at_sessions()?;
        self.replay()?;
        self.replay()?;
        self.verify()?;
        Ok(None)
    }

    /// The words of an agent that is not ready, which must change nothing then.
    fn not_ready(&mut self, which: usize) -> Result<Option<String>, Fault> {
        let ready = self.agents[which].client.try_raw("GET", "/readyz", &[], b"");
        let words = match ready {
            Ok(answer) if answer.status == 200 => return Ok(None),
            Ok(answer) => answer.text(),
            Err(error) => error.to_string(),
        };
        let body = json!({"account": "stranger", "kind": "totp", "serial": "TORTURE-NOT-READY"})
            .to_string();
        let added = self.agents[which].client.try_raw(
            "POST",
            "/v1/devices",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        match added {
            Ok(answer) if answer.status < 300 => {
                Err(format!("not ready ({words}), and a device is added all the same"))
            }
            _ => Ok(Some(words)),
        }
    }

    /// The devices that an agent serves.
    pub(crate) fn served(&self, which: usize) -> Result<Devices, Fault> {
        let answer = self.agents[which].client.get("/v1/devices?limit=1000");
        if answer.status != 200 {
            return Err(format!(
                "ready, and the devices are not listed: {} {}",
                answer.status,
                answer.text()
            ));
        }
        let mut devices = Devices::default();
        for device in answer.json()["devices"].as_array().into_iter().flatten() {
            let (serial, device) =
                parsed(device).ok_or_else(|| format!("a device of no known form: {device}"))?;
            devices.set(&serial, Some(device));
        }
        Ok(devices)
    }

    fn look_at_sessions(&mut self) -> Result<(), Fault> {
        for _ in 0..6 {
            let Some(which) = self.random.pick(0..self.ledger.sessions.len()) else {
                return Ok(());
            };
            let token = self.ledger.sessions[which].token.clone();
            let told = self.ask("POST", "/v1/sessions/introspect", &json!({"token": token}))?;
            let Told::Done(told) = told else {
                return Err("a session is not looked at".to_owned());
            };
            let session = &mut self.ledger.sessions[which];
            let life = if told["active"] == true { Life::Alive } else { Life::Over };
            if session.life == Life::Doubtful {
                session.life = life;
            }
            if session.life != life {
                return Err(format!(
                    "a session of {} ({:?}) must be {:?}, and it is {life:?}",
                    session.account, session.serial, session.life
                ));
            }
        }
        Ok(())
    }
}

/// The ledger with its doubts settled by the served state, or a fault where the two differ.
pub(crate) fn agreed(
    served: &Devices,
    known: &Devices,
    doubts: &BTreeMap<String, Option<Device>>,
) -> Result<Devices, Fault> {
    let mut agreed = known.clone();
    let serials: BTreeSet<&String> =
        served.0.keys().chain(known.0.keys()).chain(doubts.keys()).collect();
    for serial in serials {
        let (seen, sure) = (served.0.get(serial), known.0.get(serial));
        if same(seen, sure) {
            continue;
        }
        match doubts.get(serial) {
            Some(other) if same(seen, other.as_ref()) => agreed.set(serial, other.clone()),
            _ => {
                return Err(format!(
                    "served: {seen:?}; acknowledged: {sure:?} ({serial}; {} devices are served, \
                     {} are known)",
                    served.0.len(),
                    known.0.len()
                ));
            }
        }
    }
    Ok(agreed)
}

/// Compares two devices as lists show them.
fn same(one: Option<&Device>, other: Option<&Device>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            (&one.account, one.kind, &one.name, one.state)
                == (&other.account, other.kind, &other.name, other.state)
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn parsed(device: &Value) -> Option<(String, Device)> {
    let kind = match device["kind"].as_str()? {
        "hotp" => Kind::Hotp,
        "totp" => Kind::Totp,
        "recovery" => Kind::Recovery,
        _ => return None,
    };
    let state = match device["state"].as_str()? {
        "pending" => State::Pending,
        "active" => State::Active,
        "disabled" => State::Disabled,
        _ => return None,
    };
    let name = device["name"].as_str().map(str::to_owned);
    let device = (
        device["serial"].as_str()?,
        Device {
            account: device["account"].as_str()?.to_owned(),
            kind,
            name,
            state,
            restored: false,
        },
    );
    Some((device.0.to_owned(), device.1))
}
