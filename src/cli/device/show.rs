//! Devices, for people.

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report};
use crate::cli::words;
use crate::cli::words::text;
use crate::id::AccountId;

pub(super) async fn list(
    console: &Console,
    account: Option<&AccountId>,
    state: Option<&str>,
) -> Result<Report, Failure> {
    let page = || {
        console
            .client()
            .get(&["v1", "devices"])
            .query("account", account.map(AccountId::as_str))
            .query("state", state)
    };
    let devices = console.ask_all("devices", page).await?;
    let text = table(&devices, account.is_none());
    let none = devices
        .is_empty()
        .then_some("There are no devices. Add one: twostep device add");
    let report = Report::new(json!({"devices": devices}), text);
    Ok(none.into_iter().fold(report, Report::note))
}

/// One line for each device; nothing for none.
pub(in crate::cli) fn table(devices: &[Value], with_account: bool) -> String {
    if devices.is_empty() {
        return String::new();
    }
    let mut heading = vec!["SERIAL NUMBER", "KIND", "STATE", "NAME", "DRIFT", "LAST USED"];
    if with_account {
        heading.insert(0, "ACCOUNT");
    }
    let row = |device: &Value| {
        let mut row = vec![
            text(device, "serial"),
            text(device, "kind"),
            state(device),
            text(device, "name"),
            words::short_drift(device),
            words::when(device, "last_used_at"),
        ];
        if with_account {
            row.insert(0, text(device, "account"));
        }
        row
    };
    words::table(&heading, &devices.iter().map(row).collect::<Vec<Vec<String>>>())
}

/// All that is known of one.
pub(super) fn device(device: &Value) -> String {
    let given = |member: &str| device.get(member).is_some_and(|value| !value.is_null());
    let mut facts = vec![
        ("Serial number", text(device, "serial")),
        ("Account", text(device, "account")),
        ("Name", text(device, "name")),
        ("Kind", kind(device)),
        ("State", explained(device)),
        ("Added", words::at(device, "created_at")),
        ("Activated", words::at(device, "activated_at")),
        ("Last used", words::at(device, "last_used_at")),
    ];
    if given("throttled_until") {
        facts.push(("Codes refused", format!("until {}", words::at(device, "throttled_until"))));
    }
    if given("codes_used_until") {
        let until = words::at(device, "codes_used_until");
        facts.push(("Codes used", format!("until {until}: no code is accepted before")));
        facts.push((
            "",
            "the agent's clock went back below the time of the last code, or a backup was restored"
                .to_owned(),
        ));
    }
    if given("counter") {
        facts.push(("Counter", text(device, "counter")));
    }
    if given("codes_left") {
        facts.push(("Codes left", text(device, "codes_left")));
    }
    if given("credential_id") {
        let verified =
            if device.get("user_verified") == Some(&Value::Bool(true)) { "yes" } else { "no" };
        facts.extend([
            ("Model", text(device, "aaguid")),
            ("Attestation", text(device, "attestation")),
            ("Verified its user", verified.to_owned()),
            ("Sign count", text(device, "sign_count")),
        ]);
    }
    let drift = words::drift(device);
    let names = std::iter::once("Drift").chain(std::iter::repeat(""));
    facts.extend(names.zip(drift));
    words::facts(&facts)
}

fn state(device: &Value) -> String {
    let held_up = ["throttled_until", "codes_used_until"]
        .into_iter()
        .any(|member| device.get(member).is_some_and(Value::is_string));
    let state = text(device, "state");
    if held_up && state == "active" { "active, held up".to_owned() } else { state }
}

fn kind(device: &Value) -> String {
    let kind = text(device, "kind");
    match kind.as_str() {
        "totp" => format!(
            "totp: {} digits, a new code every {} seconds, {}",
            text(device, "digits"),
            text(device, "period"),
            text(device, "algorithm")
        ),
        "hotp" => format!(
            "hotp: {} digits, a new code at every press, {}",
            text(device, "digits"),
            text(device, "algorithm")
        ),
        _ => kind,
    }
}

fn explained(device: &Value) -> String {
    let (serial, state) = (text(device, "serial"), text(device, "state"));
    match state.as_str() {
        "pending" => {
            format!("pending: put it in use with two codes: twostep device activate {serial}")
        }
        "disabled" if text(device, "kind") == "security_key" => {
            format!("disabled: remove it, and enrol it again: twostep device remove {serial}")
        }
        "disabled" => format!(
            "disabled: put it in use again with two codes: twostep device activate {serial}"
        ),
        "locked" => format!(
            "locked after too many wrong codes: unlock it with two codes: twostep device resync {serial}"
        ),
        _ => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_whose_codes_are_used_up_to_a_time_is_shown_with_it_and_why() {
        let mut shown = json!({"serial": "GAHT12345678", "state": "active", "kind": "totp"});
        assert!(!device(&shown).contains("Codes used"));
        shown["codes_used_until"] = "2999-01-01T00:00:00Z".into();
        let facts = device(&shown);
        assert!(
            facts.contains("until 2999-01-01T00:00:00Z (in ") && facts.contains("clock went back"),
            "{facts}"
        );
        assert!(table(&[shown], false).contains("active, held up"));
    }
}
