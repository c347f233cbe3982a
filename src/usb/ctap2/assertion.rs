//! authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.1 §6.2, §6.3).

use super::{LONGEST_CREDENTIAL_ID, SHORTEST_AUTHENTICATOR_DATA, Verification};
use crate::usb::ctap1::Hash;
use crate::usb::fault::Fault;
use crate::usb::link::Link;
use crate::webauthn::cbor::{Item, Rules, Writer};

/// Parameters of authenticatorGetAssertion.
#[derive(Clone, Copy)]
pub(crate) struct AssertionRequest<'a> {
    pub(crate) client_data_hash: &'a Hash,
    pub(crate) rp_id: &'a str,
    /// The credentials that may sign; with none, one that the key finds by itself.
    pub(crate) allow: &'a [&'a [u8]],
    /// Wait for a touch. Without, the key only says whether it holds one of them.
    pub(crate) touch: bool,
}

/// An assertion, as the key signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assertion {
    pub(crate) credential_id: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
}

pub(crate) fn get_assertion(
    link: &mut Link<'_>,
    request: &AssertionRequest<'_>,
    verification: Verification<'_>,
) -> Result<Assertion, Fault> {
    let answer = super::call(link, GET_ASSERTION, request.write(verification))?;
    let item = Rules::LENIENT
        .parse(&answer)
        .map_err(|_| Fault::Content("its assertion is not CBOR"))?;
    let assertion =
        Assertion::read(item, request.allow).ok_or(Fault::Content("its assertion lacks a part"))?;
    if !request.allow.is_empty() && !request.allow.contains(&&assertion.credential_id[..]) {
        return Err(Fault::Content("it signed with a credential that nobody asked for"));
    }
    Ok(assertion)
}

impl AssertionRequest<'_> {
    fn write(&self, verification: Verification<'_>) -> Writer {
        let options = usize::from(!self.touch) + usize::from(verification.is_built_in());
        let mut writer = Writer::default();
        writer.map(
            2 + usize::from(!self.allow.is_empty())
                + usize::from(options > 0)
                + verification.parameters(),
        );
        writer.number(1).text(self.rp_id).number(2).bytes(self.client_data_hash);
        if !self.allow.is_empty() {
            super::write_descriptors(writer.number(3), self.allow);
        }
        if options > 0 {
            writer.number(5).map(options);
            if !self.touch {
                writer.text("up").bool(false);
            }
            if verification.is_built_in() {
                writer.text("uv").bool(true);
            }
        }
        verification.write(&mut writer, (6, 7), self.client_data_hash);
        writer
    }
}

impl Assertion {
    fn read(item: Item<'_>, allow: &[&[u8]]) -> Option<Assertion> {
        let credential_id = match (item.get(1), allow) {
            (Some(credential), _) => credential.get("id")?.bytes()?,
            // A key may leave out the only one it can have been (§6.2.3).
            (None, [only]) => only,
            (None, _) => return None,
        };
        let authenticator_data =
            item.get(2)?.bytes().filter(|data| data.len() >= SHORTEST_AUTHENTICATOR_DATA)?;
        let signature = item.get(3)?.bytes().filter(|signature| !signature.is_empty())?;
        let user_handle = item.get(4).and_then(|user| user.get("id")).and_then(Item::bytes);
        if !(1..=LONGEST_CREDENTIAL_ID).contains(&credential_id.len()) {
            return None;
        }
        Some(Assertion {
            credential_id: credential_id.to_vec(),
            authenticator_data: authenticator_data.to_vec(),
            signature: signature.to_vec(),
            user_handle: user_handle
                .filter(|handle| (1..=64).contains(&handle.len()))
                .map(<[u8]>::to_vec),
        })
    }
}

const GET_ASSERTION: u8 = 0x02;
