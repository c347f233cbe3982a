//! CTAP2 over one channel: the commands that ceremonies need (CTAP 2.1 §6). Reset, configuration
//! and credential management are not among them, so that no mistake here can reach them.

mod assertion;
mod credential;
mod info;
mod pin;
mod protocol;

pub(super) use assertion::{Assertion, AssertionRequest, get_assertion};
pub(super) use credential::{CredentialRequest, NewCredential, make_credential, select};
pub(super) use info::{Info, get_info};
pub(super) use pin::{
    Attempt, Permission, PinEntry, fingerprint_retries, pin_retries, token_by_fingerprint,
    token_by_pin,
};
pub(super) use protocol::Token;

use std::time::Duration;

use super::fault::Fault;
use super::frame::command::CBOR;
use super::link::{Link, Wait};
use super::status;
use crate::webauthn::cbor::Writer;

/// The proof of user verification in a command (CTAP 2.1 §6.5).
#[derive(Clone, Copy)]
pub(super) enum Verification<'a> {
    /// Not at all.
    No,
    /// The key finds out by itself while it does the command.
    BuiltIn,
    /// By what the key gave for a PIN or a finger.
    Token(&'a Token),
}

impl Verification<'_> {
    /// Returns how many parameters of the command the proof takes.
    fn parameters(self) -> usize {
        match self {
            Verification::Token(_) => 2,
            _ => 0,
        }
    }

    /// Writes pinUvAuthParam and pinUvAuthProtocol under these keys.
    fn write(self, writer: &mut Writer, keys: (i64, i64), client_data_hash: &[u8; 32]) {
        if let Verification::Token(token) = self {
            writer.number(keys.0).bytes(&token.authenticate(client_data_hash));
            writer.number(keys.1).number(token.protocol().number());
        }
    }

    fn is_built_in(self) -> bool {
        matches!(self, Verification::BuiltIn)
    }
}

/// One command; the answer without its status byte.
fn call(link: &mut Link<'_>, command: u8, parameters: Writer) -> Result<Vec<u8>, Fault> {
    let message = [&[command][..], &parameters.into_bytes()].concat();
    loop {
        let mut answer = link.call(CBOR, &message)?;
        match answer.first().copied() {
            None => return Err(Fault::Content("an answer without a status")),
            Some(status::OK) => return Ok(answer.split_off(1)),
            // The command was not carried out. CTAPHID has an error for this, which some keys do
            // not use.
            Some(status::CHANNEL_BUSY) => {
                link.tell(Wait::Busy);
                link.deadline
                    .pause(BUSY_PAUSE)
                    .map_err(|fault| if fault == Fault::Late { Fault::Busy } else { fault })?;
            }
            Some(status) => return Err(Fault::Status(status)),
        }
    }
}

/// Writes a list of credential descriptors.
fn write_descriptors(writer: &mut Writer, ids: &[&[u8]]) {
    writer.list(ids.len());
    for id in ids {
        writer.map(2).text("id").bytes(id).text("type").text("public-key");
    }
}

/// The pause before a busy key is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(40);

/// The part common to the authenticator data of credentials and assertions: hash of the RP ID,
/// flags, counter.
const SHORTEST_AUTHENTICATOR_DATA: usize = 37;

/// No credential id is longer (WebAuthn L3 §5.8.3).
const LONGEST_CREDENTIAL_ID: usize = 1023;
