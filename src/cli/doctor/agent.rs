//! Is there an agent, does it answer, and what may we do there?

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use serde_json::Value;

use crate::cli::console::Console;
use crate::cli::doctor::Finding;
use crate::cli::words;
use crate::client::Error;

/// What was found, and whether an agent answers.
pub(super) async fn look(console: &Console) -> (Vec<Finding>, bool) {
    let mut findings = vec![socket(console)];
    let client = console.client();
    match console.try_to_ask(client.get(&["healthz"])).await {
        Ok(_) => findings.push(Finding::good("agent", "it answers")),
        Err(error) => {
            let failure = console.failure(error);
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
    let finding = match console.try_to_ask(console.client().get(&["readyz"])).await {
        Ok(answer) => {
            let ready = Finding::good(
                "ready",
                "the store answers, the sealing key fits it, the clock is sane",
            );
            return vec![ready, sealing_keys(&answer.body)];
        }
        Err(Error::Problem(problem)) => {
            let finding = Finding::bad("ready", crate::cli::output::plain(&problem.detail));
            match problem.reason.as_deref() {
                Some("clock") => finding
                    .mend("Synchronise the clock: timedatectl set-ntp true; once the kernel says that it is, the agent believes it")
                    .mend("Was the jump meant? twostep clock accept"),
                Some("key") => finding.mend("Give the agent the sealing keys of this store: store.key_file in its configuration."),
                _ => finding.mend("See why: journalctl -u twostep, or what the agent printed"),
            }
        }
        Err(error) => Finding::unknown("ready", error.to_string()),
    };
    vec![finding]
}

/// Which lines of the key file are needed.
fn sealing_keys(ready: &Value) -> Finding {
    let Some(older) = ready.get("older_sealing_keys").and_then(Value::as_array) else {
        return Finding::unknown(
            "sealing keys",
            "the agent does not say which of them are needed: it is an older one",
        );
    };
    if older.is_empty() {
        return Finding::good("sealing keys", "all secrets are sealed under the first one");
    }
    let need = |one: &Value| {
        let secrets =
            words::count(one.get("secrets").and_then(Value::as_u64).unwrap_or(0), "secret");
        format!("{secrets} under the older key {}", words::text(one, "key"))
    };
    let needs: Vec<String> = older.iter().map(need).collect();
    Finding::unknown("sealing keys", needs.join(", "))
        .mend("Keep the lines of these keys in the key file: the agent seals the secrets again, under the first key.")
        .mend("Does the number stay? Its log says why.")
}

/// What the agent lets us do, by what it answers.
async fn role(console: &Console) -> Finding {
    let client = console.client();
    let one = Some("1");
    let tries = [
        ("admin: everything", client.get(&["v1", "audit"]).query("limit", one)),
        ("enroller: devices and sessions", client.get(&["v1", "devices"]).query("limit", one)),
    ];
    for (role, call) in tries {
        match console.try_to_ask(call).await {
            Ok(_) => return Finding::good("role", format!("you are {role}")),
            Err(Error::Problem(problem)) if problem.status == 403 => {}
            Err(error) => {
                return Finding::unknown("role", crate::cli::output::plain(&error.to_string()));
            }
        }
    }
    let own = console.account(None).unwrap_or_default();
    match console.try_to_ask(client.get(&["v1", "devices"]).query("account", Some(&own)).query("limit", one)).await {
        Ok(_) => Finding::good("role", "you are verifier: sessions, and the devices of one account"),
        Err(error) => Finding::bad("role", crate::cli::output::plain(&error.to_string()))
            .mend("Run this as root or as the user who runs the agent,")
            .mend("or let this user in: [[peer]], or local_users = true, in the agent's configuration"),
    }
}
