//! A security key on this machine: the agent talks to the key, and this module to the person.

#[cfg(test)]
mod contract;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::agent::{Agent, json, parse};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::libpam::{Echo, Pam};
use crate::verified::{Context, Opened, Verified};

/// The end of a ceremony.
pub(crate) enum Ended {
    Verified(Verified, Opened),
    /// No key was used; the person was told the reason, and may type a code instead.
    NotByKey,
}

#[derive(Serialize)]
struct Begin<'a> {
    account: &'a str,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    wait_seconds: u64,
}

#[derive(Serialize)]
struct Pin<'a> {
    pin: &'a str,
}

/// An event line from the agent during a ceremony, with the event's members.
#[derive(Deserialize)]
struct Said {
    event: String,
    ceremony_id: Option<String>,
    retries: Option<u64>,
    wrong_before: Option<bool>,
    code: Option<String>,
    key: Option<String>,
    token: Option<Zeroizing<String>>,
    context: Option<Context>,
}

/// Runs a ceremony with a key that is plugged in here. Dropping the connection ends it, so the key
/// stops blinking on every way out.
pub(crate) fn touch(pam: &Pam<'_>, agent: &Agent<'_>) -> Result<Ended, Failure> {
    let Agent { options, account, service, .. } = agent;
    let patience = options.wait.saturating_add(options.timeout);
    let begin = Begin {
        account,
        service,
        audience: options.audience.as_deref(),
        wait_seconds: options.wait.as_secs(),
    };
    let mut exchange = agent.begin("POST", "/v1/local/key-ceremonies", &json(&begin)?)?;
    match exchange.status()? {
        200 => exchange.until(Deadline::after(patience)?),
        403 => return Ok(not_by_key(pam, "refused")),
        _ => return Ok(not_by_key(pam, "unavailable")),
    }
    let mut ceremony = None;
    for _ in 0..MOST_EVENTS {
        let line = exchange.line()?.ok_or(Failure::Unavailable)?;
        let said: Said = parse(&line)?;
        match (said.event.as_str(), &ceremony) {
            ("begun", None) => {
                ceremony =
                    Some(said.ceremony_id.filter(|id| is_id(id)).ok_or(Failure::Unavailable)?)
            }
            ("refused", _) => return Ok(not_by_key(pam, "refused")),
            ("failed", _) => {
                let code = said.code.as_deref().unwrap_or_default();
                return Ok(match said.key.as_deref().and_then(name) {
                    Some(key) => not_by_this_key(pam, code, &key),
                    None => not_by_key(pam, code),
                });
            }
            ("waiting_for_key", Some(_)) => pam.tell("Plug in your security key."),
            ("need_touch", Some(_)) => pam.tell("Touch your security key."),
            ("choose_by_touch", Some(_)) => {
                pam.tell("Several security keys are here: touch yours.")
            }
            ("need_pin", Some(id)) => {
                let wrong =
                    if said.wrong_before == Some(true) { "That PIN was wrong. " } else { "" };
                let left = said
                    .retries
                    .map_or(String::new(), |retries| format!(" ({retries} tries left)"));
                let pin = pam.ask(Echo::Off, &format!("{wrong}PIN of the security key{left}: "))?;
                if pin.is_empty() {
                    return Ok(Ended::NotByKey);
                }
                send_pin(agent, id, &pin)?;
                exchange.until(Deadline::after(patience)?);
            }
            ("done", Some(_)) => {
                let opened = said
                    .token
                    .zip(said.context)
                    .map(|(token, context)| Opened::new(token, context));
                let opened = opened.ok_or(Failure::Unavailable)?;
                return Ok(Ended::Verified(opened.verify(agent.expected())?, opened));
            }
            _ => return Err(Failure::Unavailable),
        }
    }
    Err(Failure::Unavailable)
}

/// Sends the PIN on a connection of its own: the ceremony's connection carries the events, among
/// them the result of the PIN.
fn send_pin(agent: &Agent<'_>, ceremony: &str, pin: &str) -> Result<(), Failure> {
    let path = format!("/v1/local/key-ceremonies/{ceremony}/pin");
    agent.begin("POST", &path, &json(&Pin { pin })?)?.status().map(drop)
}

fn not_by_key(pam: &Pam<'_>, why: &str) -> Ended {
    pam.complain(match why {
        "no_key" => "No security key is plugged in.",
        "not_enrolled" => "This security key is not one of yours.",
        "not_touched" => "The security key was not touched in time.",
        "pin_blocked" => "The PIN of the security key is blocked.",
        "busy" => "The security key is in use elsewhere.",
        "not_asked" => "A security key did not answer.",
        "refused" => "The security key was refused.",
        _ => "A security key cannot be used now.",
    });
    Ended::NotByKey
}

/// Tells the person which key could not be used.
fn not_by_this_key(pam: &Pam<'_>, code: &str, key: &str) -> Ended {
    let why = match code {
        "busy" => format!("{key} is in use elsewhere."),
        "not_asked" => format!("{key} did not answer."),
        _ => return not_by_key(pam, code),
    };
    pam.complain(&why);
    Ended::NotByKey
}

/// A key's name on one short line; `None` if no character of it is printable.
fn name(key: &str) -> Option<String> {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    (!shown.trim().is_empty()).then_some(shown)
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A name of 64 characters and a path.
const LONGEST_NAME: usize = 128;

/// More events than a ceremony with every PIN try has.
const MOST_EVENTS: u32 = 64;
