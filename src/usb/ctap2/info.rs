//! authenticatorGetInfo (CTAP 2.1 §6.4): what a key can do decides how it is talked to.

use super::protocol::Protocol;
use crate::usb::fault::Fault;
use crate::usb::link::Link;
use crate::webauthn::cbor::{Item, Rules, Writer};

/// A FIDO2 key's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) versions: Vec<String>,
    pub(crate) transports: Vec<String>,
    pub(crate) aaguid: [u8; 16],
    pub(crate) protects: bool,
    pub(crate) options: Options,
    /// The protocol for its PIN that it likes best, of those we know.
    pub(crate) protocol: Option<Protocol>,
    /// The longest message that it takes, in bytes.
    pub(crate) longest_message: usize,
    /// The most credentials in one command.
    pub(crate) most_in_list: usize,
    /// The longest credential id that it can have made, in bytes.
    pub(crate) longest_id: usize,
    pub(crate) must_change_pin: bool,
    pub(crate) firmware: Option<u64>,
    pub(crate) remaining_credentials: Option<u64>,
}

/// The key's options; an absent one means that the key lacks the feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) rk: Option<bool>,
    pub(crate) uv: Option<bool>,
    pub(crate) client_pin: Option<bool>,
    pub(crate) tokens: Option<bool>,
    pub(crate) always_uv: Option<bool>,
    pub(crate) make_credential_without_uv: Option<bool>,
}

pub(crate) fn get_info(link: &mut Link<'_>) -> Result<Info, Fault> {
    let answer = super::call(link, GET_INFO, Writer::default())?;
    let item = Rules::LENIENT
        .parse(&answer)
        .map_err(|_| Fault::Odd("its description is not CBOR"))?;
    Info::read(item).ok_or(Fault::Odd("its description lacks what every key must say"))
}

impl Info {
    fn read(item: Item<'_>) -> Option<Info> {
        let versions = texts(item.get(1)?);
        let known = |version: &String| version == "U2F_V2" || minor_version(version).is_some();
        if !versions.iter().any(known) {
            return None;
        }
        let aaguid = item.get(3)?.bytes()?.try_into().ok()?;
        let number = |key: i8| item.get(key).and_then(Item::unsigned);
        let length = |key: i8, otherwise: usize| {
            number(key).map_or(otherwise, |number| usize::try_from(number).unwrap_or(usize::MAX))
        };
        let options = Options::read(item.get(4));
        let protocol = match item.get(6) {
            Some(list) => list
                .entries()
                .take(MOST_ENTRIES)
                .find_map(|number| Protocol::from_number(number.unsigned()?)),
            // CTAP 2.0 had one.
            None => options.client_pin.map(|_| Protocol::One),
        };
        Some(Info {
            transports: item.get(9).map(texts).unwrap_or_default(),
            aaguid,
            protects: item
                .get(2)
                .is_some_and(|list| list.entries().any(|name| name.text() == Some("credProtect"))),
            options,
            protocol,
            longest_message: length(5, 1024).clamp(1024, crate::usb::frame::LONGEST_MESSAGE),
            most_in_list: length(7, 1).max(1),
            longest_id: length(8, super::LONGEST_CREDENTIAL_ID).max(1),
            must_change_pin: item.get(0x0c).and_then(Item::bool) == Some(true),
            firmware: number(0x0e),
            remaining_credentials: number(0x14),
            versions,
        })
    }

    /// Returns whether the key has a command that only waits for a touch.
    pub(crate) fn knows_selection(&self) -> bool {
        self.versions
            .iter()
            .filter_map(|version| minor_version(version))
            .any(|minor| minor >= 1)
    }

    /// Returns whether the key can verify its person, by itself or by PIN.
    pub(crate) fn can_verify(&self) -> bool {
        self.options.uv == Some(true) || self.options.client_pin == Some(true)
    }
}

impl Options {
    fn read(item: Option<Item<'_>>) -> Options {
        let option = |name: &'static str| item.and_then(|item| item.get(name)).and_then(Item::bool);
        Options {
            rk: option("rk"),
            uv: option("uv"),
            client_pin: option("clientPin"),
            tokens: option("pinUvAuthToken"),
            always_uv: option("alwaysUv"),
            make_credential_without_uv: option("makeCredUvNotRqd"),
        }
    }
}

/// The second number of a version of CTAP 2. Later ones add commands and change none (CTAP 2.2
/// §6.4). A preview of 2.1 is a 2.0.
fn minor_version(version: &str) -> Option<u32> {
    match version {
        "FIDO_2_1_PRE" => Some(0),
        _ => version
            .strip_prefix("FIDO_2_")
            .filter(|minor| minor.bytes().all(|digit| digit.is_ascii_digit()))?
            .parse()
            .ok(),
    }
}

fn texts(list: Item<'_>) -> Vec<String> {
    let short = |text: &&str| text.len() <= 64;
    list.entries()
        .take(MOST_ENTRIES)
        .filter_map(Item::text)
        .filter(short)
        .map(String::from)
        .collect()
}

const GET_INFO: u8 = 0x04;

/// The most entries read of a list, more than any key has.
const MOST_ENTRIES: usize = 16;
