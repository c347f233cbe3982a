//! Two consecutive codes: they activate a device, find it again, or tell what is wrong with it.

use zeroize::Zeroizing;

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report, plain};
use crate::cli::prompt::PairPrompt;
use crate::cli::refusal::{Subject, Task};
use crate::cli::{output, owner, prompt, words};
use crate::client::{Client, Error};
use crate::device::MfaKind;
use crate::id::SerialNumber;
use crate::wire::{Device, ProblemCode};

pub(super) async fn activate(console: &Console, serial: &SerialNumber) -> Result<Report, Failure> {
    let before = seen(console, serial).await?;
    let owner = owner::of_device(console, serial).await?;
    let [first, second] = pair(&before)?;
    let activated = owner.activate_device(serial, [&first, &second]).await;
    let device = activated.map_err(console.failing_of(Task::Activate, &Subject::of(&before)))?;
    Ok(activated_report(console, device))
}

/// Shows what was added, then asks for the two codes that put it in use. The end of input leaves
/// it pending.
pub(super) async fn activate_at_once(
    console: &Console,
    added: Report,
    owner: &Client,
    device: &Device,
) -> Result<Report, Failure> {
    let serial = &device.serial;
    added.show();
    output::note("Type them here, or end this with Ctrl-D and do it later.");
    let mut tries = 3;
    loop {
        let Ok([first, second]) = pair(device) else {
            let later = format!("{serial} is pending. Later: twostep device activate {serial}");
            return Ok(Report::new(device, "").note(later));
        };
        tries -= 1;
        match owner.activate_device(serial, [&first, &second]).await {
            Ok(device) => return Ok(activated_report(console, device)),
            Err(error) => {
                let wrong = matches!(&error, Error::Problem(problem)
                    if problem.code == ProblemCode::InvalidAuthenticationCode);
                let failed = console.failing_of(Task::Activate, &Subject::of(device))(error);
                if !wrong || tries == 0 {
                    return Err(failed);
                }
                output::complain(&failed);
            }
        }
    }
}

fn activated_report(console: &Console, device: Device) -> Report {
    let login = device
        .account
        .as_ref()
        .map_or_else(|| "twostep login".to_owned(), |account| console.login_command(account));
    let says = format!("{} is active.", device.serial);
    let next = format!("Both codes are spent. Open a session with the next one: {login}");
    Report::new(device, says).note(next)
}

pub(super) async fn resync(console: &Console, serial: &SerialNumber) -> Result<Report, Failure> {
    let before = seen(console, serial).await?;
    let [first, second] = pair(&before)?;
    let resynced = console.client().resync_device(serial, [&first, &second]).await;
    let resynced = resynced.map_err(console.failing_of(Task::Resync, &Subject::of(&before)))?;
    let after = &resynced.device;
    let mut text = format!("{serial} is in step again.\n");
    if after.drift_steps.is_some() {
        text += &words::facts(&[
            ("Drift before", words::short_drift(&before)),
            ("Drift now", words::short_drift(after)),
        ]);
        for line in words::drift(after).iter().skip(1) {
            text += &format!("{line}\n");
        }
    } else {
        text += &words::facts(&[
            ("Counter before", words::or_dash(before.counter)),
            ("Counter now", words::or_dash(after.counter)),
        ]);
    }
    Ok(Report::new(resynced, text).note("Both codes are spent. The next one works."))
}

pub(super) async fn diagnose(console: &Console, serial: &SerialNumber) -> Result<Report, Failure> {
    let before = seen(console, serial).await?;
    let [first, second] = pair(&before)?;
    let diagnosed = console.client().diagnose_device(serial, [&first, &second]).await;
    let diagnosis = diagnosed.map_err(console.failing(Task::Other))?;
    let text = format!("{serial}: {}.\n", plain(&diagnosis.says));
    let command = diagnosis.command.as_deref().map(plain);
    let report = Report::new(diagnosis, text);
    Ok(match command {
        Some(command) => report.note(format!("This mends it: {command}")),
        None => report.note(NOTHING),
    })
}

/// The device as it is: a wrong serial number is told before a code is typed.
async fn seen(console: &Console, serial: &SerialNumber) -> Result<Device, Failure> {
    console.client().device(serial).await.map_err(console.failing(Task::Other))
}

fn pair(device: &Device) -> Result<[Zeroizing<String>; 2], Failure> {
    if device.kind == MfaKind::Recovery {
        return Err(Failure::bad_input(
            "recovery codes are active at once, and have no clock: there is nothing to do",
        ));
    }
    prompt::pair(&PairPrompt::new(&device.serial, Some(device.kind)))
}

const NOTHING: &str = "Wait for a new code, then give that one and the next. If they do not match \
                       either, the token has another secret: twostep device remove";
