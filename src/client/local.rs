//! Requests of this machine: a key that is plugged in here opens a session; a recent proof at the
//! same terminal replaces a new one.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};

use crate::client::call::problem;
use crate::client::{Client, Error};
use crate::http::Connection;
use crate::wire::{
    AskFresh, BeginKeyCeremony, FreshAnswer, GivePin, KeepFresh, KeyCeremonyEvent, SecretText,
};

/// A ceremony with a key that is plugged in at the agent. Dropping it ends the ceremony.
#[derive(Debug)]
pub struct KeyCeremony {
    body: Incoming,
    read: Vec<u8>,
    _connection: Connection,
}

impl Client {
    /// Begins to open a session with a security key that is plugged in at the agent, over its Unix
    /// socket.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_key_ceremony(
        &self,
        ceremony: &BeginKeyCeremony,
    ) -> Result<KeyCeremony, Error> {
        let call = self.post(&["v1", "local", "key-ceremonies"]).json(ceremony)?;
        let begun = self.begin_stream(call.request()?).await;
        self.observe(&call.to_string(), begun.as_ref().map(|_| StatusCode::OK.as_u16()));
        begun
    }

    async fn begin_stream(&self, request: Request<Full<Bytes>>) -> Result<KeyCeremony, Error> {
        let mut connection = self.connect().await?;
        let answer = connection
            .begin(request, self.timeout)
            .await
            .map_err(|error| self.error(error))?;
        let (head, body) = answer.into_parts();
        if head.status != StatusCode::OK {
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(problem(head.status, &body));
        }
        Ok(KeyCeremony { body, read: Vec::new(), _connection: connection })
    }

    /// Gives the PIN that a ceremony of this user's asked for.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn give_pin(&self, ceremony_id: &str, pin: SecretText) -> Result<(), Error> {
        self.post(&["v1", "local", "key-ceremonies", ceremony_id, "pin"])
            .json(&GivePin { pin })?
            .send()
            .await
            .map(drop)
    }

    /// Asks for an earlier proof at a terminal, in place of a new one. For root alone.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ask_fresh(&self, place: &AskFresh) -> Result<FreshAnswer, Error> {
        self.post(&["v1", "local", "fresh"]).json(place)?.read().await
    }

    /// Keeps a proof that was given at a terminal. For root alone.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn keep_fresh(&self, proof: &KeepFresh) -> Result<(), Error> {
        self.put(&["v1", "local", "fresh"]).json(proof)?.send().await.map(drop)
    }
}

impl KeyCeremony {
    /// The next event; none after the last one, which is `done`, `refused` or `failed`.
    ///
    /// # Errors
    /// [`Error::Lost`]: the connection broke. [`Error::Malformed`]: the line is no event.
    pub async fn next(&mut self) -> Result<Option<KeyCeremonyEvent>, Error> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| Error::Malformed(format!("it says something else: {error}")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    self.read.extend_from_slice(&frame.into_data().unwrap_or_default());
                }
                Some(Err(error)) => return Err(Error::Lost(format!("the answer broke: {error}"))),
                None if self.read.is_empty() => return Ok(None),
                None => return Err(Error::Lost("the last line did not come whole".to_owned())),
            }
            if self.read.len() > LONGEST_LINE {
                return Err(Error::Malformed("a line is too long".to_owned()));
            }
        }
    }
}

/// The longest event that is read: a token and its context are below 16 KiB.
const LONGEST_LINE: usize = 64 * 1_024;
