//! `twostep store`: copies of the store, and whether it is sound.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nix::unistd::Uid;
use serde_json::{Value, json};

use crate::agent::config::Config;
use crate::cli::console::Console;
use crate::cli::meant::Meant;
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{database, exported, keyring, words};
use crate::device::Leads;
use crate::id::CallerId;
use crate::store;
use crate::store::sqlite::CheckReport;
use crate::store::{OpenError, ReadLog, Repeated, Restored, sqlite};
use crate::time::{Clock, SystemClock};

/// Back up the store, restore a backup, see whether a store is sound
#[derive(Subcommand)]
pub(super) enum Store {
    /// Copy the store of a running agent into a new file, which the agent writes
    ///
    /// Copying the file by other means is no backup: while an agent serves from it, its newest
    /// changes are in the log beside it (FILE-wal), and the copy alone, or a copy of both from two
    /// moments, is refused. When the agent has been stopped the file alone is the whole store.
    Backup {
        /// The new file [default: one in the agent's state directory]
        to: Option<PathBuf>,
        /// Keep so many backups in the agent's state directory, and remove older ones
        #[arg(long, value_name = "N", conflicts_with = "to")]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
        keep: Option<u32>,
    },
    /// Make a backup fit to serve from: nothing that was used since it was made can be used again
    ///
    /// Recovery codes are void, all sessions are over, and a new key signs. API keys are those of
    /// the backup. No agent may hold the file. It needs the sealing keys that it was made with.
    ///
    /// Codes that may have been used since the backup are not accepted: counter-based tokens are
    /// disabled until an administrator activates them, and codes of time-based ones up to now are
    /// spent. Codes of the next day are left to an administrator's pair (twostep device resync), or
    /// to twostep device unlock, for an administrator may have found a token as far ahead since.
    ///
    /// Until an administrator ends it with --accept, only administrators add and activate devices.
    ///
    /// A database in PostgreSQL that was restored from a backup, or that has forgotten acknowledged
    /// changes, is named by its address. Its agents may run, and go on by themselves.
    ///
    /// Restoring also cures a raw copy of a store that was in use, with the log beside it or
    /// without, a store whose log is lost, and an older copy that was put in the place of a newer
    /// store: what they have forgotten cannot be used again. A log from before a restore is never
    /// read: if an agent refuses it, move FILE-wal away.
    Restore(Restore),
    /// See whether a store or a backup is sound; exit 1 if it is not. Nothing is changed
    ///
    /// Also whether its file, the log and the witness beside it fit together, as at the start of an
    /// agent. It needs no right to write, and leaves no file behind.
    Check {
        /// The file, or a store in PostgreSQL (postgres://…), which may be in use [default: the one
        /// that an agent of yours would serve from]
        path: Option<PathBuf>,
        /// The file with its sealing keys, which show that its rows are its own [default: the one
        /// that an agent of yours would use, if you may read it]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// A restore, or its end.
#[derive(Args)]
pub(super) struct Restore {
    /// The backup, or the copy; or a store in PostgreSQL (postgres://…)
    #[arg(required_unless_present = "accept")]
    path: Option<PathBuf>,
    /// Vouch that no administrator's pair found a token far ahead of the time since the backup:
    /// codes are good again after ten minutes
    #[arg(long)]
    none_ahead: bool,
    /// The file with its sealing keys [default: the one that an agent of yours would use]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Repeat what was taken away after the backup, as the exported audit log of the lost store
    /// tells it: devices disabled and removed, accounts removed and protected, API keys revoked
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// End the state in which a restore leaves the store that the agent serves from
    #[arg(long, conflicts_with_all = ["path", "none_ahead", "key", "audit"])]
    accept: bool,
    #[command(flatten)]
    meant: Meant,
}

impl Store {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        match self {
            Store::Backup { to, keep } => backup(console, to.as_deref(), *keep).await,
            Store::Restore(wanted) => wanted.run(console).await,
            Store::Check { path, key } => match database::named(path.as_deref())? {
                Some(options) => database::check(options, key.as_deref()).await,
                None => check(path.as_deref(), key.as_deref()),
            },
        }
    }
}

async fn backup(
    console: &Console,
    to: Option<&Path>,
    keep: Option<u32>,
) -> Result<Report, Failure> {
    let to = to.map(absolute).transpose()?;
    let backup = match keep {
        Some(keep) => console.client().backup_keeping(keep).await,
        None => console.client().backup(to.as_deref()).await,
    };
    let backup = backup.map_err(console.failing(Task::Other))?;
    let removed: Vec<String> =
        backup.removed.iter().map(|file| format!("removed: {}", plain(file))).collect();
    let path = plain(&backup.path);
    let note = "It is of no use without the agent's sealing keys: keep them, too, somewhere else.";
    let report = Report::new(backup, path.clone())
        .note(note)
        .note(format!("See that it is sound: twostep store check {path}"));
    Ok(removed.into_iter().fold(report, Report::note))
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let unclear = |error| Failure::bad_input(format!("{} is no path: {error}", path.display()));
    let path = std::path::absolute(path).map_err(unclear)?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::bad_input("the agent takes paths in UTF-8 only"))
}

impl Restore {
    async fn run(&self, console: &Console) -> Result<Report, Failure> {
        match &self.path {
            Some(path) => self.restore(path).await,
            None => {
                self.meant.sure("devices are added and activated as before the restore")?;
                accept(console).await
            }
        }
    }

    async fn restore(&self, path: &Path) -> Result<Report, Failure> {
        let database = database::named(Some(path))?;
        let shown = plain(&path.display().to_string());
        self.meant
            .sure(&format!("{shown} becomes a store of its own, and spends old codes"))?;
        let caller = CallerId::new(format!("uid:{}", Uid::effective()));
        let leads = if self.none_ahead { Leads::Owners } else { Leads::Unknown };
        let keyring = keyring::named(Some(path), self.key.as_deref())?;
        let mut rows = self.audit.as_deref().map(exported::rows).transpose()?;
        let mut wanted = store::Restore {
            now: SystemClock.read().wall,
            caller: &caller,
            leads,
            keyring: keyring.as_ref(),
            log: None,
        };
        if let Some(rows) = &mut rows {
            wanted.log = Some(rows);
        }
        let (restored, next) = match database {
            Some(options) => (
                database::restore(options, wanted).await?,
                "Its agents go on by themselves.".into(),
            ),
            None => (
                sqlite::restore_as(path, wanted).map_err(|error| refused(error, path))?,
                format!("Serve from it: twostep agent --store sqlite:{}", path.display()),
            ),
        };
        Ok(Restore::told(&restored, leads).note(next).note(
            "Until you run twostep store restore --accept there, only administrators add and \
             activate devices.",
        ))
    }

    /// The extent of a restore, and what it cannot know.
    fn told(restored: &Restored, leads: Leads) -> Report {
        let text = format!(
            "Restored: {} of {}. Codes up to now and of the next ten minutes are spent, and all \
             sessions are over.",
            words::count(restored.devices, "device"),
            words::count(restored.accounts, "account")
        );
        let mut unknown = UNKNOWN.to_vec();
        if leads == Leads::Unknown {
            unknown.insert(0, UNKNOWN_LEADS);
        }
        let mut report = Report::new(document(restored, &unknown), text);
        if restored.disabled > 0 {
            report = report.note(format!(
                "{} by counter: disabled until an administrator activates them by two codes each: \
                 twostep device activate SERIAL",
                words::count(restored.disabled, "device")
            ));
        }
        if let Some(log) = restored.log {
            report = report.note(repeated(log, restored.repeated));
        }
        report = report.note("What the backup cannot know, so look:");
        for unknown in unknown {
            report = report.note(format!("  {unknown}"));
        }
        report
    }
}

/// The document of a restore.
fn document(restored: &Restored, unknown: &[&str]) -> Value {
    json!({
        "devices": restored.devices,
        "accounts": restored.accounts,
        "disabled": restored.disabled,
        "restored": true,
        "unknown": unknown,
        "audit": restored.log.map(|log| json!({
            "rows": log.rows,
            "until": log.until.map(|until| until.to_string()),
            "disabled": restored.repeated.disabled,
            "removed": restored.repeated.removed,
            "removed_accounts": restored.repeated.accounts,
            "revoked_api_keys": restored.repeated.api_keys,
        })),
    })
}

/// The losses that a log has told, and its end.
fn repeated(log: ReadLog, repeated: Repeated) -> String {
    let Repeated { disabled, removed, accounts, api_keys } = repeated;
    let until = log.until.map_or_else(|| "the backup".to_owned(), |until| until.to_string());
    format!(
        "Of the {} after the backup, which follow from it: {} disabled again, {} removed, {} \
         removed, {} revoked. The log goes up to {until}; see that it is the store's own: twostep \
         audit verify",
        words::count(log.rows, "row"),
        words::count(disabled, "device"),
        words::count(removed, "device"),
        words::count(accounts, "account"),
        words::count(api_keys, "API key"),
    )
}

async fn accept(console: &Console) -> Result<Report, Failure> {
    let accepted = console.client().accept_restore().await;
    let accepted = accepted.map_err(console.failing(Task::Other))?;
    let text = match accepted.restored_at {
        Some(at) => format!("The restore of {at} is accepted: devices are added as before."),
        None => "The store is in no restored state.".to_owned(),
    };
    Ok(Report::new(accepted, text))
}

/// The unknown of time-based tokens, unless the caller vouches.
const UNKNOWN_LEADS: &str = "Tokens that an administrator found far ahead: codes of time-based \
                             tokens are refused for a day, but for an administrator's pair, or \
                             after twostep device unlock SERIAL";

/// The knowledge that no backup has.
const UNKNOWN: [&str; 4] = [
    "Devices that were deactivated, locked or removed since are in use again: twostep device list",
    "Accounts that were removed since are there again: twostep account list",
    "API keys that were revoked since work again, those of administrators once you accept: twostep \
     api-key list",
    "Accounts and devices that were added since are gone, and with them the protection of such \
     accounts",
];

fn check(path: Option<&Path>, key: Option<&Path>) -> Result<Report, Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => own()?,
    };
    let found = look(&path, key)?;
    let mut text = format!(
        "{}: {}, {}",
        path.display(),
        words::count(found.accounts, "account"),
        words::count(found.devices, "device")
    );
    text += if found.copy { ", a backup that was not restored\n" } else { "\n" };
    for problem in &found.problems {
        text += &format!("  {problem}\n");
    }
    text += if found.problems.is_empty() {
        "sound"
    } else {
        "not sound: do what it says above, or restore a backup from before"
    };
    let document = json!({
        "ok": found.problems.is_empty(),
        "accounts": found.accounts,
        "devices": found.devices,
        "copy": found.copy,
        "audit_rows": found.audit.as_ref().map(|audit| audit.rows()),
        "problems": found.problems,
    });
    let exit = if found.problems.is_empty() { Exit::Done } else { Exit::Refused };
    Ok(Report::new(document, text).exit(exit))
}

/// Looks at a store that no agent holds.
pub(super) fn look(path: &Path, key: Option<&Path>) -> Result<CheckReport, Failure> {
    let keyring = keyring::named(Some(path), key)?;
    let report = sqlite::alone(path)
        .and_then(|alone| alone.check(keyring.as_ref()))
        .map_err(|error| refused(error, path))?;
    match key {
        Some(_) if report.wrong_keys => {
            Err(refused(OpenError::WrongKeys(path.display().to_string()), path))
        }
        _ => Ok(report),
    }
}

/// The store that an agent of this user would serve from.
fn own() -> Result<PathBuf, Failure> {
    let config = Config::load(None).map_err(|error| Failure::bad_input(error.to_string()))?;
    let file = config.store_url().file().map(Path::to_owned);
    file.ok_or_else(|| {
        Failure::bad_input("the configured store is no file: check it with its own tools")
    })
}

fn refused(error: OpenError, path: &Path) -> Failure {
    match error {
        OpenError::Held(_) => {
            Failure::new(Exit::Refused, format!("an agent serves from {}", path.display()))
                .hint("Stop it first, or look at a backup: twostep store backup FILE")
        }
        OpenError::Io { .. } | OpenError::Foreign(_) => Failure::bad_input(error.to_string()),
        OpenError::Stray(_)
        | OpenError::Damaged { .. }
        | OpenError::Locked(_)
        | OpenError::WrongKeys(_)
        | OpenError::Log(_) => Failure::new(Exit::Refused, error.to_string()),
        _ => Failure::new(Exit::Unavailable, error.to_string()),
    }
}
