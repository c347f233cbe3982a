//! Is there an agent, does it answer, and what may we do there?

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::cli::console::Console;
use crate::cli::doctor::Finding;
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::client::Error;
use crate::wire::{ListDevices, ListEvents, OlderSealingKey, Ready, Reason, Timestamp};

/// The findings, and whether an agent answers.
pub(super) async fn look(console: &Console) -> (Vec<Finding>, bool) {
    let mut findings = vec![socket(console)];
    match console.client().alive().await {
        Ok(_) => findings.push(Finding::good("agent", "it answers")),
        Err(error) => {
            let failure = console.failure(Task::Other, error);
            let mut finding = Finding::bad("agent", failure.to_string());
            for hint in failure.hints() {
                finding = finding.mend(hint.trim());
            }
            findings.push(finding);
            return (findings, false);
        }
    }
    findings.extend(ready(console).await);
    findings.push(role(console).await);
    (findings, true)
}

fn socket(console: &Console) -> Finding {
    let path = console.client().endpoint().socket().unwrap_or(Path::new(""));
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() || there.is_symlink() => Finding::good(
            "socket",
            format!("{shown} (mode {:03o}, owner uid {})", there.mode() & 0o777, there.uid()),
        ),
        Ok(_) => Finding::bad("socket", format!("{shown} is there and is no socket"))
            .mend(format!("Remove it: rm {shown}")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Finding::bad("socket", format!("{shown} is not there"))
        }
        Err(error) => Finding::bad("socket", format!("{shown} cannot be seen: {error}"))
            .mend("Run this as the user who runs the agent, or with sudo."),
    }
}

/// The agent's own word on its store, its key and its clock.
async fn ready(console: &Console) -> Vec<Finding> {
    let finding = match console.client().ready().await {
        Ok(ready) => {
            let found = "the store answers, the sealing key fits it, the clock is sane";
            let mut findings = vec![Finding::good("ready", found), sealing_keys(&ready)];
            findings.extend(ready.restored_at.map(restored));
            return findings;
        }
        Err(Error::Problem(problem)) => {
            let finding = Finding::bad("ready", words::text(&problem));
            match problem.reason {
                Some(Reason::Clock) => finding
                    .mend(
                        "Synchronise the clock: timedatectl set-ntp true; the agent believes it \
                         once the kernel says that it is synchronised",
                    )
                    .mend("Was the jump meant? twostep clock accept"),
                Some(Reason::Key) => finding.mend(
                    "Give the agent the sealing keys of this store: store.key_file in its \
                     configuration.",
                ),
                _ => finding.mend("See why: journalctl -u twostep, or what the agent printed"),
            }
        }
        Err(error) => Finding::unknown("ready", error.to_string()),
    };
    vec![finding]
}

/// A restore that no administrator has accepted.
fn restored(at: Timestamp) -> Finding {
    let found = format!(
        "it was restored from a backup at {at}, and does not know what was taken away since: until \
         that is accepted, only administrators add and activate devices"
    );
    Finding::unknown("restored", found)
        .mend("See what should be gone: twostep device list, account list, api-key list")
        .mend("Then end that state: twostep store restore --accept")
}

/// The lines of the key file that are needed.
fn sealing_keys(ready: &Ready) -> Finding {
    if ready.older_sealing_keys.is_empty() {
        return Finding::good("sealing keys", "all secrets are sealed under the first one");
    }
    let need = |one: &OlderSealingKey| {
        let secrets = words::count(one.secrets, "secret");
        format!("{secrets} under the older key {}", words::text(&one.key))
    };
    let needs: Vec<String> = ready.older_sealing_keys.iter().map(need).collect();
    Finding::unknown("sealing keys", needs.join(", "))
        .mend(
            "Keep the lines of these keys in the key file: the agent seals the secrets again, \
             under the first key.",
        )
        .mend("Does the number stay? Its log says why.")
}

/// The role that the agent gives us, by what it answers.
async fn role(console: &Console) -> Finding {
    let client = console.client();
    let devices = ListDevices { limit: Some(1), ..ListDevices::default() };
    let answers = [
        client
            .audit(&ListEvents { limit: Some(1), ..ListEvents::default() })
            .await
            .map(drop),
        client.devices(&devices).await.map(drop),
    ];
    for (role, answer) in
        ["admin: everything", "enroller: devices and sessions"].iter().zip(answers)
    {
        match answer {
            Ok(()) => return Finding::good("role", format!("you are {role}")),
            Err(Error::Problem(problem)) if problem.status == 403 => {}
            Err(error) => return Finding::unknown("role", words::text(error)),
        }
    }
    let own = console.account(None).ok().map(|account| account.to_string());
    match client.devices(&ListDevices { account: own, ..devices }).await {
        Ok(_) => {
            Finding::good("role", "you are verifier: sessions, and the devices of one account")
        }
        Err(error) => Finding::bad("role", words::text(error))
            .mend("Run this as root or as the user who runs the agent,")
            .mend(
                "or let this user in: [[peer]], or local_users = true, in the agent's \
                 configuration",
            ),
    }
}
