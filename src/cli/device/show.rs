//! Devices, for people.

use crate::cli::words;
use crate::device::{DeviceState, MfaKind};
use crate::wire::{Attestation, Device};

/// One line for each device; nothing for none.
pub(in crate::cli) fn table(devices: &[Device], with_account: bool) -> String {
    if devices.is_empty() {
        return String::new();
    }
    let mut heading = vec!["SERIAL NUMBER", "KIND", "STATE", "NAME", "DRIFT", "LAST USED"];
    if with_account {
        heading.insert(0, "ACCOUNT");
    }
    let row = |device: &Device| {
        let mut row = vec![
            device.serial.to_string(),
            device.kind.name().to_owned(),
            state(device),
            words::or_dash(device.name.as_ref()),
            words::short_drift(device),
            words::when(device.last_used_at),
        ];
        if with_account {
            row.insert(0, words::or_dash(device.account.as_ref()));
        }
        row
    };
    words::table(&heading, &devices.iter().map(row).collect::<Vec<Vec<String>>>())
}

/// All that is known of one.
pub(super) fn device(device: &Device) -> String {
    let mut facts = vec![
        ("Serial number", device.serial.to_string()),
        ("Account", words::or_dash(device.account.as_ref())),
        ("Name", words::or_dash(device.name.as_ref())),
        ("Kind", kind(device)),
        ("State", explained(device)),
        ("Added", words::at(device.created_at)),
        ("Activated", words::at(device.activated_at)),
        ("Last used", words::at(device.last_used_at)),
    ];
    if device.throttled_until.is_some() {
        facts.push(("Codes refused", format!("until {}", words::at(device.throttled_until))));
    }
    if device.codes_used_until.is_some() {
        let until = words::at(device.codes_used_until);
        facts.push(("Codes used", format!("until {until}: no code is accepted before")));
        facts.push((
            "",
            "the agent's clock went back below the time of the last code, or a backup was restored"
                .to_owned(),
        ));
    }
    if device.expires_at.is_some() {
        let at = words::at(device.expires_at);
        facts.push(("Expires", format!("{at}, unless two codes activate it before")));
    }
    facts.extend(device.counter.map(|counter| ("Counter", counter.to_string())));
    facts.extend(device.codes_left.map(|left| ("Codes left", left.to_string())));
    facts.extend(key(device));
    let names = std::iter::once("Drift").chain(std::iter::repeat(""));
    facts.extend(names.zip(words::drift(device)));
    words::facts(&facts)
}

/// Facts of a security key.
fn key(device: &Device) -> Vec<(&'static str, String)> {
    if device.credential_id.is_none() {
        return Vec::new();
    }
    let verified = if device.user_verified == Some(true) { "yes" } else { "no" };
    let attestation = device.attestation.map(Attestation::name);
    vec![
        ("Model", words::or_dash(device.aaguid.as_ref())),
        ("Attestation", words::or_dash(attestation)),
        ("Verified its user", verified.to_owned()),
        ("Sign count", words::or_dash(device.sign_count)),
    ]
}

fn state(device: &Device) -> String {
    let held_up = device.throttled_until.is_some() || device.codes_used_until.is_some();
    match device.state {
        DeviceState::Pending if device.expires_at.is_some() => {
            format!("pending, ends {}", words::when(device.expires_at))
        }
        DeviceState::Active if held_up => "active, held up".to_owned(),
        state => state.name().to_owned(),
    }
}

fn kind(device: &Device) -> String {
    let digits = words::or_dash(device.digits);
    let algorithm = words::or_dash(device.algorithm);
    match device.kind {
        MfaKind::Totp => format!(
            "totp: {digits} digits, a new code every {} seconds, {algorithm}",
            words::or_dash(device.period),
        ),
        MfaKind::Hotp => {
            format!("hotp: {digits} digits, a new code at every press, {algorithm}")
        }
        kind => kind.name().to_owned(),
    }
}

fn explained(device: &Device) -> String {
    let serial = &device.serial;
    match (device.state, device.kind) {
        (DeviceState::Unassigned, _) => {
            format!(
                "unassigned: give it to its owner: twostep device assign {serial} --account NAME"
            )
        }
        (DeviceState::Pending, _) => {
            format!("pending: put it in use with two codes: twostep device activate {serial}")
        }
        (DeviceState::Disabled, MfaKind::SecurityKey) => {
            format!("disabled: remove it, and enrol it again: twostep device remove {serial}")
        }
        (DeviceState::Disabled, _) => format!(
            "disabled: put it in use again with two codes: twostep device activate {serial}"
        ),
        (DeviceState::Locked, _) => format!(
            "locked after too many wrong codes: unlock it with two codes: \
             twostep device resync {serial}"
        ),
        (DeviceState::Active, _) => "active".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_codes_are_shown_with_their_end_and_cause() {
        let serial = "GAHT12345678".parse().unwrap();
        let mut shown = Device::new(serial, MfaKind::Totp, DeviceState::Active);
        assert!(!device(&shown).contains("Codes used"));
        shown.codes_used_until = Some("2999-01-01T00:00:00Z".to_owned().try_into().unwrap());
        let facts = device(&shown);
        assert!(
            facts.contains("until 2999-01-01T00:00:00Z (in ") && facts.contains("clock went back"),
            "{facts}"
        );
        assert!(table(&[shown], false).contains("active, held up"));
    }
}
