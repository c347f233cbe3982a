//! The configuration, the store and the sealing key, as far as this user can see them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::agent::config::Config;
use crate::agent::private::folder_of;
use crate::cli::config::problems_of_the_agent;
use crate::cli::doctor::Finding;
use crate::store::sqlite::Standing;
use crate::store::{OpenError, sqlite};

pub(super) fn look(agent_runs: bool) -> Vec<Finding> {
    let config = match Config::load(None) {
        Ok(config) => config,
        Err(error) => {
            return vec![
                Finding::bad("config", error.to_string())
                    .mend("Begin with: twostep config example"),
            ];
        }
    };
    let problems = problems_of_the_agent(&config);
    let mut findings = match problems.as_slice() {
        [] => vec![Finding::good("config", "it can be used")],
        // An agent that runs may be another user's, with a configuration of its own.
        several if agent_runs => vec![Finding::unknown(
            "config",
            format!("an agent of yours could not start: {}", several.join("; ")),
        )],
        several => several.iter().map(|problem| Finding::bad("config", problem.as_str())).collect(),
    };
    findings.extend(config.advice().into_iter().map(|advice| Finding::unknown("config", advice)));
    match config.store_url().file() {
        Some(file) => findings.extend(store(file, &config, agent_runs)),
        None => {
            findings.push(Finding::unknown("store", "it is no file: look at it with its own tools"))
        }
    }
    findings.push(private("sealing key", &config.key_file(), agent_runs));
    findings
}

fn store(file: &Path, config: &Config, agent_runs: bool) -> Vec<Finding> {
    let found = private("store", file, agent_runs);
    let (standing, key) = (sqlite::standing(file), config.key_file());
    if !file.exists() {
        return match standing {
            Err(error) if !agent_runs => vec![Finding::bad("store", error.to_string())],
            Ok(Standing::Nothing) if !agent_runs && key.exists() && config.makes_its_key() => {
                vec![lost(file, &key)]
            }
            _ => vec![found],
        };
    }
    let mut findings = vec![found];
    let shown = file.display();
    match standing {
        Ok(Standing::Nothing) if key.exists() => findings.push(lost(file, &key)),
        Ok(Standing::Store { sealed: true }) if !agent_runs && !key.exists() => {
            let missing = Finding::bad(
                "sealing key",
                format!("{} is not there, and {shown} was sealed under it", key.display()),
            );
            findings.push(missing.mend("Put its backup back."));
        }
        Ok(_) => {}
        Err(OpenError::Copy(_)) => {
            let copy = Finding::bad("store", format!("{shown} is a backup that was not restored"));
            findings.push(copy.mend(format!("twostep store restore {shown}")));
        }
        Err(error @ (OpenError::Stray(_) | OpenError::Damaged { .. } | OpenError::Foreign(_))) => {
            findings.push(Finding::bad("store", error.to_string()));
        }
        Err(error) => findings.push(Finding::unknown("store", error.to_string())),
    }
    // The log and the lock file are made beside it.
    let folder = folder_of(file);
    if access(folder, AccessFlags::W_OK).is_err() {
        let closed =
            Finding::bad("store", format!("nothing can be written in {}", folder.display()));
        findings.push(closed.mend(format!("chown $USER {0} && chmod 700 {0}", folder.display())));
    }
    if let Ok(space) = statvfs(folder)
        && space.blocks_available().saturating_mul(space.fragment_size()) < LEAST_SPACE
    {
        let full =
            Finding::bad("store", format!("the disk of {} is nearly full", folder.display()));
        findings.push(full.mend("Make room: what cannot be written down is refused."));
    }
    findings
}

/// A sealing key that an agent made, without the store that it made before.
fn lost(file: &Path, key: &Path) -> Finding {
    let lost = Finding::bad(
        "store",
        format!(
            "{} is lost: the sealing key {} of a store is there",
            file.display(),
            key.display()
        ),
    );
    lost.mend("Put the store, or a restored backup of it, back.")
}

/// A file that only its owner may read.
fn private(topic: &'static str, file: &Path, agent_runs: bool) -> Finding {
    let shown = file.display();
    match fs::metadata(file) {
        Ok(there) if there.is_dir() => Finding::bad(topic, format!("{shown} is a directory"))
            .mend("Name a file in it in the configuration."),
        Ok(there) if there.mode() & 0o077 == 0 => {
            Finding::good(topic, format!("{shown} (mode {:03o})", there.mode() & 0o777))
        }
        Ok(there) => Finding::bad(
            topic,
            format!("{shown} is open to others (mode {:03o})", there.mode() & 0o777),
        )
        .mend(format!("chmod 600 {shown}")),
        Err(error) if error.kind() == ErrorKind::NotFound && agent_runs => Finding::unknown(
            topic,
            format!("{shown} is not there; the agent that runs keeps it elsewhere"),
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::good(
            topic,
            format!("{shown} is not there yet: the agent makes it when it starts"),
        ),
        Err(error) => Finding::unknown(topic, format!("{shown} cannot be seen by you: {error}"))
            .mend("To see it: sudo twostep doctor"),
    }
}

/// 64 MiB.
const LEAST_SPACE: u64 = 64 * 1_024 * 1_024;
