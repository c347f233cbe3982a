//! U2F, also called CTAP1: raw messages over CTAPHID_MSG (FIDO U2F Raw Message Formats v1.2).
//!
//! A key answers at once; the touch is waited for by asking again.

use std::time::Duration;

use super::fault::Fault;
use super::frame::command::MSG;
use super::link::{Link, Wait};

/// A SHA-256 hash: of the client data, or of what the credential is bound to.
pub(super) type Hash = [u8; 32];

/// Makes a credential after a touch. Answers the raw message: `05`, public key, key handle,
/// certificate, signature.
pub(super) fn register(
    link: &mut Link<'_>,
    challenge: &Hash,
    application: &Hash,
) -> Result<Vec<u8>, Fault> {
    let data = [&challenge[..], application].concat();
    let answer = until_touched(link, REGISTER, 0, &data)?;
    match answer.first() {
        Some(0x05) => Ok(answer),
        _ => Err(Fault::Odd("its U2F registration has no beginning")),
    }
}

/// Signs after a touch. Answers the raw message: presence, counter, signature.
pub(super) fn authenticate(
    link: &mut Link<'_>,
    challenge: &Hash,
    application: &Hash,
    handle: &[u8],
) -> Result<Vec<u8>, Fault> {
    let data = request(challenge, application, handle)?;
    let answer = until_touched(link, AUTHENTICATE, ENFORCE_PRESENCE, &data)?;
    match answer.len() {
        0..=5 => Err(Fault::Odd("its U2F signature is missing")),
        _ => Ok(answer),
    }
}

/// Asks whether the key made this handle for this application. The key does not blink.
pub(super) fn knows(link: &mut Link<'_>, application: &Hash, handle: &[u8]) -> Result<bool, Fault> {
    // A handle too long for the message is none of a U2F key's.
    let Ok(data) = request(&[0; 32], application, handle) else { return Ok(false) };
    match call(link, AUTHENTICATE, CHECK_ONLY, &data) {
        Ok((CONDITIONS_NOT_SATISFIED | NO_ERROR, _)) => Ok(true),
        // Firmware has many words for a handle that is not its own, and some only an error of the
        // transport.
        Ok(_) | Err(Fault::Content(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Asks whether the key speaks U2F_V2, the only version.
pub(super) fn speaks_v2(link: &mut Link<'_>) -> Result<bool, Fault> {
    let (word, version) = call(link, VERSION, 0, &[])?;
    Ok(word == NO_ERROR && version == b"U2F_V2")
}

fn request(challenge: &Hash, application: &Hash, handle: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = u8::try_from(handle.len())
        .map_err(|_| Fault::Odd("a key handle of more than 255 bytes"))?;
    Ok([&challenge[..], application, &[length], handle].concat())
}

fn until_touched(
    link: &mut Link<'_>,
    instruction: u8,
    control: u8,
    data: &[u8],
) -> Result<Vec<u8>, Fault> {
    let mut blinking = false;
    loop {
        match call(link, instruction, control, data)? {
            (NO_ERROR, answer) => return Ok(answer),
            (CONDITIONS_NOT_SATISFIED, _) => {
                if !blinking {
                    blinking = true;
                    link.tell(Wait::Touch);
                }
                link.deadline.pause(PACE)?;
            }
            (word, _) => return Err(Fault::Word(word)),
        }
    }
}

/// One command as an extended APDU (ISO 7816-4 §5.1), and the answer parted from its status word.
fn call(
    link: &mut Link<'_>,
    instruction: u8,
    control: u8,
    data: &[u8],
) -> Result<(u16, Vec<u8>), Fault> {
    let length = u16::try_from(data.len()).map_err(|_| Fault::Odd("a U2F message is too long"))?;
    let mut apdu = vec![0, instruction, control, 0, 0];
    if !data.is_empty() {
        apdu.extend(length.to_be_bytes());
        apdu.extend(data);
    }
    apdu.extend([0, 0]);
    let mut answer = link.call(MSG, &apdu)?;
    let data = answer
        .len()
        .checked_sub(2)
        .ok_or(Fault::Content("a U2F answer without a status word"))?;
    let word = answer.split_off(data);
    let word = <[u8; 2]>::try_from(word).map_or(0, u16::from_be_bytes);
    Ok((word, answer))
}

const REGISTER: u8 = 0x01;
const AUTHENTICATE: u8 = 0x02;
const VERSION: u8 = 0x03;

/// The control bytes of an authentication: only look whether the key handle is known; sign after a
/// touch.
const CHECK_ONLY: u8 = 0x07;
const ENFORCE_PRESENCE: u8 = 0x03;

/// The status words.
const NO_ERROR: u16 = 0x9000;
const CONDITIONS_NOT_SATISFIED: u16 = 0x6985;

/// Interval of the polls for a touch.
const PACE: Duration = Duration::from_millis(75);
