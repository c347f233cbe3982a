//! A device in words: its name, its kind, its state; and whether its owner may lose one.

use crate::agent::console::drift::Reading;
use crate::agent::console::language::Language;
use crate::agent::console::when;
use crate::device::{Device, DeviceState, Factor, SecretOrigin};
use crate::time::UnixTime;

/// Kind of a device, as people know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An app that shows codes.
    App,
    /// A token of hardware that shows codes.
    Token,
    /// A security key.
    Key,
    /// A credential that may be copied to other devices, or lives in this one.
    Passkey,
    /// Recovery codes.
    Recovery,
}

/// Form of the mark before a state. The word after it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// In use.
    Good,
    /// In use again after a while, or after a step of its owner.
    Wait,
    /// Locked.
    Locked,
    /// Out of use.
    Off,
}

/// The state of a device in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateLine {
    /// The mark before it.
    pub(crate) mark: Mark,
    /// The words.
    pub(crate) text: String,
}

/// The first sentence of the owner's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Safety {
    /// True if any one device may be lost.
    pub(crate) is_safe: bool,
    /// The sentence.
    pub(crate) text: String,
}

impl Kind {
    pub(crate) fn of(device: &Device) -> Kind {
        match &device.factor {
            Factor::Totp(_) if device.hardware => Kind::Token,
            Factor::Totp(_) if device.added.secret == SecretOrigin::Made => Kind::App,
            Factor::Totp(_) | Factor::Hotp(_) => Kind::Token,
            Factor::SecurityKey(key) => {
                let transports = &key.credential.transports;
                let is_inside = transports.iter().any(|it| it == "internal" || it == "hybrid");
                if is_inside || key.credential.backup_eligible { Kind::Passkey } else { Kind::Key }
            }
            Factor::Recovery(_) => Kind::Recovery,
        }
    }

    /// The kind in words.
    pub(crate) fn in_words(self, language: Language) -> &'static str {
        let words = &language.words().devices;
        match self {
            Kind::App => words.app,
            Kind::Token => words.token,
            Kind::Key => words.key,
            Kind::Passkey => words.passkey,
            Kind::Recovery => words.recovery,
        }
    }

    /// The drawing of it in `icons.svg`.
    pub(crate) fn icon(self) -> &'static str {
        match self {
            Kind::App => "phone",
            Kind::Token => "token",
            Kind::Key | Kind::Passkey => "key",
            Kind::Recovery => "paper",
        }
    }
}

impl Mark {
    /// Its class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Mark::Good => "state",
            Mark::Wait => "state warn",
            Mark::Locked => "state bad",
            Mark::Off => "state off",
        }
    }
}

impl StateLine {
    /// The state of a device whose codes are refused until `waiting`, by its own throttle or by
    /// its account's.
    pub(crate) fn of(
        language: Language,
        device: &Device,
        now: UnixTime,
        waiting: Option<UnixTime>,
    ) -> StateLine {
        let words = &language.words().state;
        let waiting = device.throttle.until().max(waiting).filter(|until| *until > now);
        let shows_codes = matches!(device.factor, Factor::Totp(_) | Factor::Hotp(_));
        let (mark, state) = match (device.state, waiting) {
            (DeviceState::Unassigned, _) => (Mark::Off, words.unassigned.to_owned()),
            (DeviceState::Pending, _) => (Mark::Wait, words.pending.to_owned()),
            (DeviceState::Disabled, _) => (Mark::Off, words.disabled.to_owned()),
            (DeviceState::Locked, _) => (Mark::Locked, words.locked.to_owned()),
            (DeviceState::Active, Some(until)) if shows_codes => {
                let until = when::until(language, now, until);
                (Mark::Wait, words.waiting(until).to_string())
            }
            (DeviceState::Active, _) => (Mark::Good, words.active.to_owned()),
        };
        let more = if device.is_in_use() { more(language, device, now) } else { None };
        let text = more.map_or(state.clone(), |more| format!("{state} · {more}"));
        StateLine { mark, text }
    }
}

impl Safety {
    /// The sentence for the owner of these devices.
    pub(crate) fn of(language: Language, devices: &[Device]) -> Safety {
        let words = &language.words().devices;
        let mut useful = devices.iter().filter(|device| can_sign_in(device));
        let text = match (useful.next(), useful.next()) {
            (None, _) => words.none.to_owned(),
            (Some(one), None) => words.one_left(name(language, one)).to_string(),
            (Some(_), Some(_)) => {
                return Safety { is_safe: true, text: words.safe.to_owned() };
            }
        };
        Safety { is_safe: false, text }
    }
}

/// The name of a device: its owner's, or its kind, with what stands on a token's back.
pub(crate) fn name(language: Language, device: &Device) -> String {
    if let Some(name) = &device.name {
        return name.as_str().to_owned();
    }
    match Kind::of(device) {
        kind @ Kind::Token => format!("{} {}", kind.in_words(language), device.serial.as_str()),
        kind => kind.in_words(language).to_owned(),
    }
}

/// True if the device, as it is, still lets its owner in.
pub(crate) fn can_sign_in(device: &Device) -> bool {
    let is_used_up =
        matches!(&device.factor, Factor::Recovery(recovery) if recovery.unused.is_empty());
    device.is_in_use() && !is_used_up
}

/// The second half of a state: the clock, the strength, the codes that are left.
fn more(language: Language, device: &Device, now: UnixTime) -> Option<String> {
    let words = &language.words().state;
    match &device.factor {
        Factor::Totp(_) => Reading::of(device, now).map(|clock| clock.in_words(language)),
        Factor::Hotp(_) => None,
        Factor::SecurityKey(_) => Some(words.phishing_resistant.to_owned()),
        Factor::Recovery(recovery) => {
            let (left, used) = (recovery.unused.len(), recovery.used.len());
            Some(words.codes_left(left, left.saturating_add(used)).to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::agent::console::language::Language::{English, German};
    use crate::device::{HotpState, RecoveryDigest, RecoveryState, TotpState};
    use crate::otp::ClockModel;

    const NOW: UnixTime = UnixTime(1_795_000_000);

    fn device(serial: &str, factor: Factor) -> Device {
        let account = "alice".parse().unwrap();
        let device = Device::new(serial.parse().unwrap(), account, None, factor, NOW);
        Device { state: DeviceState::Active, ..device }
    }

    fn token(offset: f64) -> Device {
        let clock = ClockModel::measured(offset, NOW);
        device("0004118722", Factor::Totp(TotpState { clock, ..TotpState::default() }))
    }

    fn sheet(unused: u8, used: u8) -> Device {
        let digests = |from: u8, count: u8| {
            (from..from + count).map(|n| RecoveryDigest::new(&[n; 16])).collect()
        };
        let recovery = RecoveryState { unused: digests(0, unused), used: digests(unused, used) };
        device("recovery", Factor::Recovery(recovery))
    }

    fn line(device: &Device) -> String {
        StateLine::of(English, device, NOW, None).text
    }

    #[test]
    fn a_state_says_what_matters_of_each_kind() {
        assert_eq!(line(&token(2.0)), "Active · on time");
        assert_eq!(line(&token(41.0)), "Active · runs 41 s fast");
        assert_eq!(line(&sheet(8, 2)), "Active · 8 of 10 left");
        let german = StateLine::of(German, &token(-200.0), NOW, None).text;
        assert_eq!(german, "Aktiv · geht 3 min 20 s nach");
    }

    #[test]
    fn a_state_that_is_not_in_use_stands_alone() {
        let with = |state| Device { state, ..token(41.0) };
        assert_eq!(line(&with(DeviceState::Pending)), "Waiting for its first codes");
        assert_eq!(line(&with(DeviceState::Disabled)), "Deactivated");
        assert_eq!(line(&with(DeviceState::Locked)), "Locked · runs 41 s fast");
    }

    #[test]
    fn an_accounts_wait_is_its_devices_wait() {
        let until = UnixTime(NOW.0 + 60);
        let waiting = StateLine::of(English, &token(0.0), NOW, Some(until));
        let text = format!("Waiting until {} · on time", when::clock(until));
        assert_eq!(waiting, StateLine { mark: Mark::Wait, text });
        let over = StateLine::of(English, &token(0.0), NOW, Some(NOW));
        assert_eq!(over.mark, Mark::Good);
        let sheet = StateLine::of(English, &sheet(10, 0), NOW, None);
        assert_eq!(sheet.mark, Mark::Good);
    }

    #[test]
    fn a_token_without_a_name_is_known_by_its_back() {
        assert_eq!(name(English, &token(0.0)), "Hardware token 0004118722");
        assert_eq!(name(German, &sheet(1, 0)), "Notfallcodes");
        let named = Device { name: Some("Gate token".parse().unwrap()), ..token(0.0) };
        assert_eq!(name(English, &named), "Gate token");
        let hotp = Factor::Hotp(HotpState {
            parameters: Default::default(),
            next: None,
            pair_needed: false,
        });
        assert_eq!(Kind::of(&device("7", hotp)), Kind::Token);
    }

    #[test]
    fn two_devices_that_let_in_are_safe() {
        let safety = |devices: &[Device]| Safety::of(English, devices);
        let one = Device { name: Some("Pixel 8".parse().unwrap()), ..token(0.0) };
        let off = Device { state: DeviceState::Disabled, ..token(0.0) };
        assert!(safety(&[one.clone(), sheet(1, 9)]).is_safe);
        let left = "If you lose Pixel 8, only an administrator can let you in. Add a second \
                    device or recovery codes.";
        for devices in [vec![one.clone()], vec![off, one.clone()], vec![sheet(0, 10), one]] {
            assert_eq!(safety(&devices), Safety { is_safe: false, text: left.to_owned() });
        }
        let none = safety(&[]);
        assert_eq!((none.is_safe, none.text.starts_with("You have no device")), (false, true));
    }
}
