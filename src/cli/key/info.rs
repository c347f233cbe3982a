//! `twostep key info`: all that a key says about itself.

use serde_json::json;

use crate::cli::key::manage::{Which, manage};
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::words;
use crate::usb::Text;
use crate::usb::manage::{Answered, Task};

/// Show what a FIDO2 key says about itself
#[derive(clap::Args)]
pub(in crate::cli) struct Info {
    #[command(flatten)]
    which: Which,
}

impl Info {
    pub(super) async fn run(&self) -> Result<Report, Failure> {
        let key = self.which.key().await?;
        let Answered::Info(info) = manage(&key, Task::Info).await? else {
            return Err(unexpected());
        };
        let texts =
            |texts: &[Text]| texts.iter().map(Text::as_str).collect::<Vec<&str>>().join(" ");
        let options: Vec<String> = info
            .options
            .iter()
            .map(|(name, on)| format!("{name}={}", if *on { "yes" } else { "no" }))
            .collect();
        let facts = [
            ("key", key.to_string()),
            ("usb", format!("{:04x}:{:04x}", key.vendor_id, key.product_id)),
            ("protocols", texts(&info.versions)),
            ("model (AAGUID)", info.aaguid.clone()),
            ("firmware", info.firmware.to_string()),
            ("options", options.join(" ")),
            ("extensions", texts(&info.extensions)),
            ("transports", texts(&info.transports)),
            ("algorithms", texts(&info.algorithms)),
            ("shortest PIN", info.min_pin_length.to_string()),
            ("new PIN wanted", if info.force_pin_change { "yes" } else { "no" }.to_owned()),
            ("room for", words::count(info.remaining_credentials, "credential")),
        ];
        Ok(Report::new(json!({"key": key, "info": info}), words::facts(&facts)))
    }
}

/// The other process answered another question.
pub(super) fn unexpected() -> Failure {
    Failure::new(
        Exit::Unavailable,
        "the process that looks after the key answered something else: try again",
    )
}
