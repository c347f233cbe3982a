//! authenticatorClientPIN (CTAP 2.1 §6.5): how many tries are left, and tokens for a PIN or a
//! finger. Never sets one.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::Info;
use super::protocol::{Point, Protocol, SharedSecret, Token};
use crate::usb::fault::Fault;
use crate::usb::link::Link;
use crate::usb::person::Pin;
use crate::webauthn::cbor::{Item, Rules, Writer, written};

/// The purpose of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    MakeCredential,
    GetAssertion,
}

/// The tries that a PIN has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) retries: u8,
    /// The key takes no PIN until it is plugged in again.
    pub(crate) power_cycle: bool,
}

/// A PIN in the form that keys know: 4 characters at least, 63 bytes of UTF-8 in Normalization Form
/// C at most (§6.5.1).
#[derive(Clone)]
pub(crate) struct PinEntry(Zeroizing<String>);

impl PinEntry {
    /// `None` if no key has such a PIN.
    pub(crate) fn parse(typed: &Pin) -> Option<PinEntry> {
        // Composing never makes a text longer than three times; with the room there is no copy left
        // behind.
        let mut normal =
            Zeroizing::new(String::with_capacity(typed.expose().len().saturating_mul(3)));
        normal.extend(typed.expose().nfc());
        let fits = normal.chars().count() >= 4 && normal.len() <= 63 && !normal.contains('\0');
        fits.then_some(PinEntry(normal))
    }

    fn hash(&self) -> Zeroizing<[u8; 16]> {
        let mut hash = Zeroizing::new([0; 16]);
        let whole = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(self.0.as_bytes())));
        hash.copy_from_slice(&whole[..16]);
        hash
    }
}

impl PartialEq for PinEntry {
    fn eq(&self, other: &PinEntry) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

pub(crate) fn pin_retries(link: &mut Link<'_>, info: &Info) -> Result<Attempt, Fault> {
    let answer = call(link, GET_PIN_RETRIES, protocol(info)?, &[])?;
    let item = parsed(&answer)?;
    let retries = item
        .get(3)
        .and_then(Item::unsigned)
        .and_then(|number| u8::try_from(number).ok());
    let power_cycle = item.get(4).and_then(Item::bool) == Some(true);
    Ok(Attempt {
        retries: retries.ok_or(Fault::Odd("it does not say how many tries the PIN has"))?,
        power_cycle,
    })
}

/// Returns how many more wrong fingerprints the key allows.
pub(crate) fn fingerprint_retries(link: &mut Link<'_>, info: &Info) -> Result<Option<u8>, Fault> {
    let answer = call(link, GET_UV_RETRIES, protocol(info)?, &[])?;
    Ok(parsed(&answer)?
        .get(5)
        .and_then(Item::unsigned)
        .and_then(|number| u8::try_from(number).ok()))
}

/// Gives the PIN, once, for a token that is good for one thing at one RP ID, where the key knows
/// that.
pub(crate) fn token_by_pin(
    link: &mut Link<'_>,
    info: &Info,
    pin: &PinEntry,
    (permission, rp_id): (Permission, &str),
) -> Result<Token, Fault> {
    let protocol = protocol(info)?;
    let (secret, point) = agree(link, protocol)?;
    let sealed = secret.encrypt(&pin.hash()[..])?;
    let bound = info.options.tokens == Some(true);
    let command = if bound { GET_TOKEN_USING_PIN } else { GET_PIN_TOKEN };
    let mut pairs = vec![(3, point.write()), (6, written(|writer| writer.bytes(&sealed)))];
    if bound {
        pairs.extend(scope(permission, rp_id));
    }
    let answer = call(link, command, protocol, &pairs)?;
    open(&secret, &answer)
}

/// Waits for a finger and gets a token for it.
pub(crate) fn token_by_fingerprint(
    link: &mut Link<'_>,
    info: &Info,
    (permission, rp_id): (Permission, &str),
) -> Result<Token, Fault> {
    let protocol = protocol(info)?;
    let (secret, point) = agree(link, protocol)?;
    let pairs = [vec![(3, point.write())], scope(permission, rp_id)].concat();
    let answer = call(link, GET_TOKEN_USING_UV, protocol, &pairs)?;
    open(&secret, &answer)
}

/// The parameters that say what a token is for (§6.5.5.7).
fn scope(permission: Permission, rp_id: &str) -> Vec<(i64, Vec<u8>)> {
    let permission = match permission {
        Permission::MakeCredential => 0x01,
        Permission::GetAssertion => 0x02,
    };
    vec![
        (9, written(|writer| writer.number(permission))),
        (10, written(|writer| writer.text(rp_id))),
    ]
}

fn agree(link: &mut Link<'_>, protocol: Protocol) -> Result<(SharedSecret, Point), Fault> {
    let answer = call(link, GET_KEY_AGREEMENT, protocol, &[])?;
    let point = parsed(&answer)?.get(1).and_then(Point::read);
    SharedSecret::agree(protocol, &point.ok_or(Fault::Odd("it gave no key to agree on"))?)
}

fn open(secret: &SharedSecret, answer: &[u8]) -> Result<Token, Fault> {
    let sealed = parsed(answer)?.get(2).and_then(Item::bytes);
    secret.open_token(sealed.ok_or(Fault::Odd("it gave no token"))?)
}

fn protocol(info: &Info) -> Result<Protocol, Fault> {
    info.protocol.ok_or(Fault::Odd("it knows no PIN protocol that is known here"))
}

/// One subcommand, with these parameters besides protocol and subcommand.
fn call(
    link: &mut Link<'_>,
    subcommand: i64,
    protocol: Protocol,
    pairs: &[(i64, Vec<u8>)],
) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::default();
    writer
        .map(2 + pairs.len())
        .number(1)
        .number(protocol.number())
        .number(2)
        .number(subcommand);
    for (key, value) in pairs {
        writer.number(*key).raw(value);
    }
    super::call(link, CLIENT_PIN, writer)
}

fn parsed(answer: &[u8]) -> Result<Item<'_>, Fault> {
    Rules::LENIENT
        .parse(answer)
        .map_err(|_| Fault::Odd("its answer about the PIN is not CBOR"))
}

impl Point {
    /// A COSE key with algorithm ECDH-ES+HKDF-256, which is what CTAP calls it (§6.5.6).
    fn write(&self) -> Vec<u8> {
        written(|writer| writer.p256_key(-25, &self.x, &self.y))
    }

    fn read(item: Item<'_>) -> Option<Point> {
        let is_p256 = item.get(1)?.unsigned() == Some(2) && item.get(-1)?.unsigned() == Some(1);
        let coordinate =
            |key: i8| item.get(key).and_then(Item::bytes).and_then(|bytes| bytes.try_into().ok());
        is_p256.then_some(Point { x: coordinate(-2)?, y: coordinate(-3)? })
    }
}

const CLIENT_PIN: u8 = 0x06;

const GET_PIN_RETRIES: i64 = 1;
const GET_KEY_AGREEMENT: i64 = 2;
const GET_PIN_TOKEN: i64 = 5;
const GET_TOKEN_USING_UV: i64 = 6;
const GET_UV_RETRIES: i64 = 7;
const GET_TOKEN_USING_PIN: i64 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_4_characters_to_63_bytes() {
        let pin = |typed: &str| PinEntry::parse(&Pin::new(typed.to_owned()));
        for bad in ["", "123", "a\u{301}bc", &"1".repeat(64), &"é".repeat(32), "12\u{0}34"] {
            assert!(pin(bad).is_none(), "{bad:?}");
        }
        for good in ["1234", "\u{e4}\u{f6}\u{fc}\u{df}", &"1".repeat(63)] {
            assert!(pin(good).is_some(), "{good:?}");
        }
    }

    #[test]
    fn a_pin_is_the_same_however_it_was_typed() {
        let pin = |typed: &str| PinEntry::parse(&Pin::new(typed.to_owned())).unwrap();
        assert!(pin("cafe\u{301}") == pin("caf\u{e9}"));
        assert!(pin("cafe") != pin("caf\u{e9}"));
    }
}
