//! authenticatorMakeCredential (CTAP 2.1 §6.1) and the wait for a touch alone (§6.9).

use super::{Info, SHORTEST_AUTHENTICATOR_DATA, Verification};
use crate::usb::ctap1::Hash;
use crate::usb::fault::Fault;
use crate::usb::link::Link;
use crate::usb::status;
use crate::webauthn::cbor::{Item, Rules, Writer};

/// Parameters of authenticatorMakeCredential.
#[derive(Clone, Copy)]
pub(crate) struct CredentialRequest<'a> {
    pub(crate) client_data_hash: &'a Hash,
    pub(crate) rp_id: &'a str,
    pub(crate) rp_name: &'a str,
    pub(crate) user_id: &'a [u8],
    pub(crate) user_name: &'a str,
    pub(crate) user_display_name: &'a str,
    /// COSE algorithms, the best first.
    pub(crate) algorithms: &'a [i64],
    pub(crate) exclude: &'a [&'a [u8]],
    /// The level of credProtect (CTAP 2.1 §12.1).
    pub(crate) protection: Option<u8>,
    /// The credential must be discoverable.
    pub(crate) resident: bool,
}

/// A new credential: the parts of an attestation object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewCredential {
    pub(crate) format: String,
    pub(crate) authenticator_data: Vec<u8>,
    /// CBOR, as it came.
    pub(crate) statement: Vec<u8>,
}

pub(crate) fn make_credential(
    link: &mut Link<'_>,
    request: &CredentialRequest<'_>,
    verification: Verification<'_>,
) -> Result<NewCredential, Fault> {
    let answer = super::call(link, MAKE_CREDENTIAL, request.write(verification))?;
    let item = Rules::LENIENT
        .parse(&answer)
        .map_err(|_| Fault::Odd("its new credential is not CBOR"))?;
    NewCredential::read(item).ok_or(Fault::Odd("its new credential lacks a part"))
}

/// Waits for a touch and does nothing else.
pub(crate) fn select(link: &mut Link<'_>, info: &Info) -> Result<(), Fault> {
    if info.knows_selection() {
        return super::call(link, SELECTION, Writer::default()).map(|_| ());
    }
    // Before CTAP 2.1 an empty pinAuth did it (CTAP 2.0 §5.1, step 1): the answer is that this is
    // no PIN.
    let mut writer = Writer::default();
    writer.map(6).number(1).bytes(&[0; 32]);
    writer.number(2).map(1).text("id").text(".dummy");
    writer.number(3).map(2).text("id").bytes(&[1]).text("name").text("dummy");
    writer
        .number(4)
        .list(1)
        .map(2)
        .text("alg")
        .number(-7)
        .text("type")
        .text("public-key");
    writer.number(8).bytes(&[]).number(9).number(1);
    match super::call(link, MAKE_CREDENTIAL, writer) {
        Err(Fault::Status(
            status::PIN_INVALID | status::PIN_NOT_SET | status::PIN_AUTH_INVALID,
        )) => Ok(()),
        other => other.map(|_| ()),
    }
}

impl CredentialRequest<'_> {
    fn write(&self, verification: Verification<'_>) -> Writer {
        let options = usize::from(self.resident) + usize::from(verification.is_built_in());
        let optional = [!self.exclude.is_empty(), self.protection.is_some(), options > 0];
        let mut writer = Writer::default();
        writer.map(
            4 + optional.iter().filter(|present| **present).count() + verification.parameters(),
        );
        writer.number(1).bytes(self.client_data_hash);
        writer
            .number(2)
            .map(2)
            .text("id")
            .text(self.rp_id)
            .text("name")
            .text(self.rp_name);
        writer.number(3).map(3).text("id").bytes(self.user_id);
        writer
            .text("name")
            .text(self.user_name)
            .text("displayName")
            .text(self.user_display_name);
        writer.number(4).list(self.algorithms.len());
        for algorithm in self.algorithms {
            writer.map(2).text("alg").number(*algorithm).text("type").text("public-key");
        }
        if !self.exclude.is_empty() {
            super::write_descriptors(writer.number(5), self.exclude);
        }
        if let Some(level) = self.protection {
            writer.number(6).map(1).text("credProtect").number(i64::from(level));
        }
        if options > 0 {
            writer.number(7).map(options);
            if self.resident {
                writer.text("rk").bool(true);
            }
            if verification.is_built_in() {
                writer.text("uv").bool(true);
            }
        }
        verification.write(&mut writer, (8, 9), self.client_data_hash);
        writer
    }
}

impl NewCredential {
    fn read(item: Item<'_>) -> Option<NewCredential> {
        let authenticator_data = item.get(2)?.bytes()?;
        if authenticator_data.len() <= SHORTEST_AUTHENTICATOR_DATA {
            return None;
        }
        // The format matters only if an attestation was requested; a key without one may leave it
        // out.
        Some(NewCredential {
            format: item
                .get(1)?
                .text()
                .filter(|format| !format.is_empty() && format.len() <= 32)?
                .to_owned(),
            authenticator_data: authenticator_data.to_vec(),
            statement: item.raw(3).unwrap_or(EMPTY_MAP).to_vec(),
        })
    }
}

/// An empty map in CBOR.
const EMPTY_MAP: &[u8] = &[0xa0];

const MAKE_CREDENTIAL: u8 = 0x01;
const SELECTION: u8 = 0x0b;
