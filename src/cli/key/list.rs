//! `twostep key list`: what is plugged in.

use serde_json::json;

use crate::cli::key::manage::blocking;
use crate::cli::output::{Failure, Report};
use crate::cli::words;
use crate::usb;
use crate::usb::{About, Access, Answer, Found, PinState};

/// List the security keys that are plugged in
#[derive(clap::Args)]
pub(in crate::cli) struct List {}

impl List {
    pub(super) async fn run(&self) -> Result<Report, Failure> {
        let found = blocking(usb::list).await?;
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        let report = Report::new(
            json!({"keys": found}),
            words::table(&["KEY", "USB", "PROTOCOLS", "PIN", "DEVICE"], &rows),
        );
        if found.is_empty() {
            return Ok(
                Report::new(json!({"keys": found}), "").note("No security key is plugged in.")
            );
        }
        let odd = found.iter().any(|found| !matches!(found.answer, Some(Answer::About(_))));
        Ok(if odd {
            report.note("What is wrong with a key, and what helps: twostep key doctor")
        } else {
            report
        })
    }
}

fn row(found: &Found) -> Vec<String> {
    let key = &found.key;
    let (protocols, pin) = match (&found.access, &found.answer) {
        (_, Some(Answer::About(about))) => (protocols(about), pin(about.pin)),
        (_, Some(Answer::Busy)) => ("busy".to_owned(), "-".to_owned()),
        (_, Some(Answer::Slow)) => ("slow".to_owned(), "-".to_owned()),
        (_, Some(_)) => ("no answer".to_owned(), "-".to_owned()),
        (Access::NotAllowed { .. }, None) => ("no permission".to_owned(), "-".to_owned()),
        (_, None) => ("-".to_owned(), "-".to_owned()),
    };
    let usb = format!("{:04x}:{:04x}", key.vendor_id, key.product_id);
    vec![name(found), usb, protocols, pin, key.path.display().to_string()]
}

/// The name that a key gives itself.
pub(super) fn name(found: &Found) -> String {
    let texts = [&found.key.manufacturer, &found.key.product, &found.key.serial];
    let said: Vec<&str> =
        texts.iter().map(|text| text.as_str()).filter(|text| !text.is_empty()).collect();
    if said.is_empty() { "security key".to_owned() } else { said.join(" ") }
}

pub(super) fn protocols(about: &About) -> String {
    let versions: Vec<&str> = about.versions.iter().map(usb::Text::as_str).collect();
    versions.join(" ")
}

fn pin(state: PinState) -> String {
    match state {
        PinState::Unsupported => "-".to_owned(),
        PinState::NotSet => "none".to_owned(),
        PinState::Set { retries: Some(retries), .. } => {
            format!("set, {} left", super::person::tries(retries))
        }
        PinState::Set { .. } => "set".to_owned(),
        PinState::Blocked => "blocked".to_owned(),
    }
}
