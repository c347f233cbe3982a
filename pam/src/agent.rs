//! The agent's `verify.sock`: devices of an account, and sessions.

#[cfg(test)]
pub(crate) mod contract;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::http::{Exchange, Request};
use crate::options::Options;
use crate::place::Terminal;
use crate::verified::{Context, Expected, Opened, Verified};

/// The agent, with the account and the service of this verification.
pub(crate) struct Agent<'a> {
    pub(crate) options: &'a Options,
    pub(crate) account: &'a str,
    /// The person's name on this machine.
    pub(crate) login: &'a str,
    pub(crate) service: &'a str,
    /// The address or terminal from which the person comes, if it is known.
    pub(crate) client: Option<&'a str>,
}

/// A device of the account, in the view of a verifier.
#[derive(Deserialize)]
pub(crate) struct Device {
    pub(crate) serial: String,
    kind: String,
    state: String,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct Devices {
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct OpenSession<'a> {
    account: &'a str,
    #[serde(flatten)]
    proof: Proof<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    duration_seconds: u64,
}

/// The codes that open a session.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proof<'a> {
    /// One code.
    Code(&'a str),
    /// Two consecutive codes of a device that is out of sync.
    Codes([&'a str; 2]),
}

/// The agent's answer to codes that open no session.
#[derive(Deserialize)]
struct Refusal {
    reason: Option<String>,
}

/// The place at which an earlier verification may still be fresh.
#[derive(Serialize)]
pub(crate) struct Place<'a> {
    account: &'a str,
    uid: u32,
    service: &'a str,
    #[serde(flatten)]
    terminal: &'a Terminal,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Fresh {
    fresh: bool,
    context: Option<Context>,
}

impl Device {
    /// True for a device that may open a session. One that strangers have locked opens it for a
    /// known client.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(self.state.as_str(), "active" | "locked")
    }

    pub(crate) fn is_key(&self) -> bool {
        self.kind == "security_key"
    }

    pub(crate) fn shows_codes(&self) -> bool {
        matches!(self.kind.as_str(), "totp" | "hotp")
    }

    pub(crate) fn is_recovery(&self) -> bool {
        self.kind == "recovery"
    }
}

impl Agent<'_> {
    /// The properties that a context of this verification must have.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected { account: self.account, audience: self.options.audience.as_deref() }
    }

    /// The devices of the account that are in use; an unknown account has none.
    pub(crate) fn devices(&self) -> Result<Vec<Device>, Failure> {
        let path = format!(
            "/v1/devices?account={}&limit=1000",
            utf8_percent_encode(self.account, NON_ALPHANUMERIC)
        );
        let mut exchange = self.begin("GET", &path, &[])?;
        match exchange.status()? {
            200 => {
                let Devices { mut devices } = parse(exchange.body()?)?;
                devices.retain(Device::is_in_use);
                Ok(devices)
            }
            403 | 404 => Ok(Vec::new()),
            _ => Err(Failure::Unavailable),
        }
    }

    /// Opens a session with a code, or two. They are never sent twice.
    pub(crate) fn open(
        &self,
        serial: Option<&str>,
        proof: Proof<'_>,
    ) -> Result<(Verified, Opened), Failure> {
        let &Agent { account, client, .. } = self;
        let audience = self.options.audience.as_deref();
        let duration_seconds = self.duration_seconds();
        let body =
            json(&OpenSession { account, proof, client, serial, audience, duration_seconds })?;
        let mut exchange = self.begin("POST", "/v1/sessions", &body)?;
        match exchange.status()? {
            201 => {
                let opened: Opened = parse(exchange.body()?)?;
                Ok((opened.verify(self.expected())?, opened))
            }
            403 => Err(refused(exchange)),
            _ => Err(Failure::Unavailable),
        }
    }

    /// The place at which a verification can stay fresh.
    pub(crate) fn place<'a>(&'a self, uid: u32, terminal: &'a Terminal) -> Place<'a> {
        Place { account: self.account, uid, service: self.service, terminal, token: None }
    }

    /// Returns a verification that is still fresh here. Any answer other than a clear yes means:
    /// verify.
    pub(crate) fn fresh(&self, place: &Place<'_>) -> Option<Verified> {
        let body = json(place).ok()?;
        let mut exchange = self.begin("POST", "/v1/local/fresh", &body).ok()?;
        if exchange.status().ok()? != 200 {
            return None;
        }
        let answer: Fresh = parse(exchange.body().ok()?).ok()?;
        answer.context.filter(|_| answer.fresh)?.verify(self.expected()).ok()
    }

    /// Has the agent remember the place of this verification. On failure the person is asked again
    /// next time.
    pub(crate) fn remember(&self, place: Place<'_>, opened: &Opened) {
        if let Ok(body) = json(&Place { token: Some(&opened.token), ..place })
            && let Ok(mut exchange) = self.begin("PUT", "/v1/local/fresh", &body)
        {
            let _ = exchange.status();
        }
    }

    /// Sends a request that must be answered within the timeout.
    pub(crate) fn begin(
        &self,
        method: &'static str,
        path: &str,
        body: &[u8],
    ) -> Result<Exchange, Failure> {
        Exchange::begin(
            (&self.options.socket, &self.options.agent),
            Deadline::after(self.options.timeout)?,
            &Request { method, path, body },
        )
    }

    /// The shortest duration, unless the verification is to stay fresh for a while.
    fn duration_seconds(&self) -> u64 {
        if self.options.reuse { 3_600 } else { 900 }
    }
}

/// The failure that a refusal is. The agent says the reason to root, and not to other hosts.
fn refused(mut exchange: Exchange) -> Failure {
    let reason = exchange.body().ok().and_then(|body| parse::<Refusal>(body).ok()?.reason);
    match reason.as_deref() {
        Some("out_of_sync") => Failure::OutOfSync,
        _ => Failure::Refused,
    }
}

/// Serializes into memory that is wiped on drop.
pub(crate) fn json(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Large enough never to grow, which would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8 * 1_024));
    serde_json::to_writer(&mut *text, value).map_err(|_| Failure::System)?;
    Ok(text)
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|_| Failure::Unavailable)
}
