//! Sessions: open, look at, revoke.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Context, Error};
use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;

/// A session that is to be opened.
#[derive(Clone)]
pub struct OpenSession {
    body: Value,
}

/// What is offered for a session. Each is judged once, and spent.
#[derive(Clone)]
pub enum Proof {
    /// A code, a recovery code or a bypass code; with the device that shows it, unless the account
    /// has only one.
    Code(String, Option<SerialNumber>),
    /// Two consecutive codes of a device that is out of sync.
    Pair([String; 2], SerialNumber),
    /// The answer of a security key to the ceremony with this id.
    SecurityKey(String, Value),
    /// Nothing: the context will say that MFA was not present.
    Nothing,
}

/// A session that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OpenedSession {
    /// The signed context.
    pub token: Token,
    /// What it says.
    pub context: Context,
}

/// A signed context. `Debug` is blank, for it opens doors.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

/// What is dead since a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Contexts issued up to then are.
    pub revoked_before: UnixTime,
    /// So are contexts of a lower generation.
    pub generation: u64,
}

impl OpenSession {
    /// A session of this account.
    pub fn new(account: &AccountId, proof: Proof) -> OpenSession {
        let mut body = json!({ "account": account.as_str() });
        match proof {
            Proof::Code(code, serial) => {
                body["code"] = code.into();
                if let Some(serial) = serial {
                    body["serial"] = serial.as_str().into();
                }
            }
            Proof::Pair(codes, serial) => {
                (body["codes"], body["serial"]) = (json!(codes), serial.as_str().into())
            }
            Proof::SecurityKey(id, credential) => {
                (body["ceremony_id"], body["credential"]) = (id.into(), credential)
            }
            Proof::Nothing => {}
        }
        OpenSession { body }
    }

    /// A session of whose security key this is the answer, to the ceremony with this id that began
    /// without an account.
    pub fn of_key(ceremony_id: &str, credential: Value) -> OpenSession {
        OpenSession { body: json!({ "ceremony_id": ceremony_id, "credential": credential }) }
    }

    /// Sets the lifetime of the session: 900 to 129,600 seconds.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> OpenSession {
        self.body["duration_seconds"] = duration.as_secs().into();
        self
    }

    /// Sets the audience of the session; the agent itself by default.
    #[must_use]
    pub fn to_be_shown_to(mut self, audience: &str) -> OpenSession {
        self.body["audience"] = audience.into();
        self
    }
}

impl Client {
    /// Opens a session. What is offered for it is judged at most once, however often this client
    /// tries.
    ///
    /// # Errors
    /// [`Error::Problem`] with the code `AccessDenied`: it was refused. After [`Error::Lost`] the
    /// code counts as spent: ask for the next.
    pub async fn open_session(&self, session: OpenSession) -> Result<OpenedSession, Error> {
        self.post(&["v1", "sessions"]).body(session.body).read().await
    }

    /// What a token says, if it is valid for `audience` (the agent itself, if none is named) and
    /// alive.
    ///
    /// # Errors
    /// [`Error`]. An invalid token is `None`, not an error.
    pub async fn introspect(
        &self,
        token: &str,
        audience: Option<&str>,
    ) -> Result<Option<Context>, Error> {
        #[derive(Deserialize)]
        struct Introspected {
            active: bool,
            context: Option<Context>,
        }
        let found: Introspected = self
            .post(&["v1", "sessions", "introspect"])
            .asking()
            .body(shown(token, audience))
            .read()
            .await?;
        Ok(found.context.filter(|_| found.active))
    }

    /// Revokes one session.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the token is not valid for `audience`.
    pub async fn revoke_session(&self, token: &str, audience: Option<&str>) -> Result<(), Error> {
        self.post(&["v1", "sessions", "revoke"])
            .body(shown(token, audience))
            .send()
            .await
            .map(drop)
    }

    /// Revokes an account's sessions: those opened up to a time, or all so far; those opened with
    /// one device, or with any.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the time is in the future, or there is no such device.
    pub async fn revoke_sessions(
        &self,
        account: &AccountId,
        issued_before: Option<UnixTime>,
        serial: Option<&SerialNumber>,
    ) -> Result<Revoked, Error> {
        #[derive(Deserialize)]
        struct Read {
            revoked_before: String,
            generation: u64,
        }
        let mut body = json!({});
        if let Some(time) = issued_before {
            body["issued_before"] = time.to_string().into();
        }
        if let Some(serial) = serial {
            body["serial"] = serial.as_str().into();
        }
        let read: Read = self
            .post(&["v1", "accounts", account.as_str(), "revoke-sessions"])
            .body(body)
            .read()
            .await?;
        let revoked_before = read
            .revoked_before
            .parse()
            .map_err(|_| Error::Malformed("it answers a time that is none".to_owned()))?;
        Ok(Revoked { revoked_before, generation: read.generation })
    }
}

fn shown(token: &str, audience: Option<&str>) -> Value {
    let mut body = json!({ "token": token });
    if let Some(audience) = audience {
        body["audience"] = audience.into();
    }
    body
}

impl Token {
    /// The text, to be handed on.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
