//! A device as the pages show it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::agent::console::drift::Reading;
use crate::agent::console::language::Language;
use crate::agent::console::ruler::ruler;
use crate::agent::console::state::{Kind, StateLine};
use crate::agent::console::{state, when};
use crate::device::{Device, DeviceState, MfaKind};
use crate::time::UnixTime;

/// A device in words.
pub(super) struct Card {
    /// The device's page.
    pub(super) address: String,
    /// The id of its heading.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) icon: &'static str,
    pub(super) kind: String,
    /// The classes of the state's line.
    pub(super) look: &'static str,
    pub(super) state: String,
    pub(super) last_used: String,
    pub(super) added: String,
    /// The picture of the drift, as HTML.
    pub(super) ruler: Option<String>,
    /// The drift in words, where it is beyond half a step.
    pub(super) drifted: Option<String>,
    pub(super) is_pending: bool,
}

impl Card {
    /// The card of a device whose codes are refused until `waiting`.
    pub(super) fn of(
        language: Language,
        device: &Device,
        now: UnixTime,
        waiting: Option<UnixTime>,
    ) -> Card {
        let words = &language.words().devices;
        let reading = Reading::of(device, now).filter(|_| device.is_in_use());
        let line = StateLine::of(language, device, now, waiting);
        let kind = Kind::of(device);
        let used = device.last_used_at.map(|at| when::when(language, now, at));
        Card {
            address: address(device.serial.as_str()),
            id: id(device.serial.as_str()),
            name: state::name(language, device),
            icon: kind.icon(),
            kind: described(language, device, kind),
            look: line.mark.class(),
            state: line.text,
            last_used: used
                .map_or(words.never_used.to_owned(), |at| words.last_used(at).to_string()),
            added: words.added(when::day(language, device.created_at)).to_string(),
            drifted: reading
                .as_ref()
                .filter(|reading| !reading.is_on_time())
                .map(|reading| reading.in_words(language)),
            ruler: reading.map(|reading| ruler(language, &reading, None)),
            is_pending: device.state == DeviceState::Pending,
        }
    }
}

/// The path of a device's page.
pub(super) fn address(serial: &str) -> String {
    format!("/devices/{}", utf8_percent_encode(serial, RESERVED))
}

/// The kind, with what stands on a token's back.
fn described(language: Language, device: &Device, kind: Kind) -> String {
    match (kind, device.kind()) {
        (Kind::Token, _) => format!("{} · {}", kind.in_words(language), device.serial),
        (_, MfaKind::Recovery) => language.words().devices.recovery_kind.to_owned(),
        _ => kind.in_words(language).to_owned(),
    }
}

fn id(serial: &str) -> String {
    serial.bytes().fold("device-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

/// Characters with a meaning in an address (RFC 3986 §2.3 lists those without).
pub(super) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
