//! Two consecutive codes: they activate a device, or find it again.

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report};
use crate::cli::prompt::PairPrompt;
use crate::cli::{prompt, words};
use crate::id::SerialNumber;

pub(super) async fn activate(console: &Console, serial: &SerialNumber) -> Result<Report, Failure> {
    let seen = seen(console, serial).await?;
    let pair = pair(serial, &seen)?;
    let call = console
        .client()
        .post(&["v1", "devices", serial.as_str(), "activate"])
        .body(pair);
    let device = console.ask_with_proof(call).await?;
    let report = Report::new(device, format!("{serial} is active."));
    Ok(report.note("Both codes are spent. Open a session with the next one: twostep login"))
}

pub(super) async fn resync(console: &Console, serial: &SerialNumber) -> Result<Report, Failure> {
    let before = seen(console, serial).await?;
    let pair = pair(serial, &before)?;
    let answer = console
        .ask(console.client().post(&["v1", "devices", serial.as_str(), "resync"]).body(pair))
        .await?;
    let device = answer.get("device").cloned().unwrap_or_default();
    let text = if device.get("drift_steps").is_some_and(Value::is_i64) {
        let mut text = format!("{serial} is in step again.\n");
        text += &words::facts(&[
            ("Drift before", words::short_drift(&before)),
            ("Drift now", words::short_drift(&device)),
        ]);
        let explained: String =
            words::drift(&device).iter().skip(1).map(|line| format!("{line}\n")).collect();
        text + &explained
    } else {
        let counters = [
            ("Counter before", words::text(&before, "counter")),
            ("Counter now", words::text(&device, "counter")),
        ];
        format!("{serial} is in step again.\n{}", words::facts(&counters))
    };
    Ok(Report::new(answer, text).note("Both codes are spent. The next one works."))
}

/// The device as it is, so that a wrong serial number is told before anybody types a code.
async fn seen(console: &Console, serial: &SerialNumber) -> Result<Value, Failure> {
    console.ask(console.client().get(&["v1", "devices", serial.as_str()])).await
}

fn pair(serial: &SerialNumber, device: &Value) -> Result<Value, Failure> {
    let kind = device.get("kind").and_then(Value::as_str);
    if kind == Some("recovery") {
        return Err(Failure::bad_input(
            "recovery codes are active at once, and have no clock: there is nothing to do",
        ));
    }
    let [first, second] = prompt::pair(&PairPrompt::new(serial.as_str(), kind))?;
    Ok(json!({"codes": [first.as_str(), second.as_str()]}))
}
