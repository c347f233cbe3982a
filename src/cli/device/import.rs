//! `twostep device import`: files of tokens, whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hyper::body::Bytes;

use crate::cli::console::Console;
use crate::cli::device::file::{STANDARD_INPUT, bytes, secret};
use crate::cli::device::imported;
use crate::cli::device::progress::Progress;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::{prompt, terminal};
use crate::client::{Error, TokenFile};
use crate::device::MfaKind;
use crate::id::AccountId;
use crate::import::Settings;
use crate::secret::Secret;
use crate::time::{BadDay, Clock, SystemClock, UnixTime};
use crate::wire;
use crate::wire::{Expired, ImportDevices, Signature};

/// Import a file of tokens of any vendor or server, whole or not at all
///
/// Tokens without an owner are put in stock: `device assign` gives them out. Each token proves
/// itself by two consecutive codes, unless --activate takes it over as it was; what was used stays
/// used.
#[derive(clap::Args)]
pub(in crate::cli) struct Import {
    /// The file, or - for standard input
    file: PathBuf,
    /// The format of the file [default: recognised by its beginning]
    #[arg(long, value_parser = formats())]
    format: Option<String>,
    /// Show what would be imported, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Put tokens that have an owner in use at once, with what was used of them
    #[arg(long)]
    activate: bool,
    /// Leave out tokens that cannot be verified here: OCRA, Steam, 5 digits
    #[arg(long)]
    skip_unsupported: bool,
    /// Leave out keys of PINs
    #[arg(long)]
    drop_pins: bool,
    /// The key of an encrypted file, from a file or from standard input (-)
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    key_file: Option<PathBuf>,
    /// The passphrase of an encrypted file, from a file or from standard input (-); a terminal is
    /// asked for it
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Take tokens that have expired, or are not valid yet, too: import
    #[arg(long, value_parser = ["import"])]
    expired: Option<String>,
    /// Take a signed file although its signature is not checked: ignore
    #[arg(long, value_parser = ["ignore"])]
    signature: Option<String>,
    /// Tokens are of hardware, where the file does not say it
    #[arg(long, conflicts_with = "software")]
    hardware: bool,
    /// Tokens are programs, where the file does not say it
    #[arg(long)]
    software: bool,
    /// The kind, where the file does not say it
    #[arg(long, value_parser = ["totp", "hotp"])]
    kind: Option<String>,
    /// The hash function, where the file does not say it
    #[arg(long, ignore_case = true, value_parser = ["SHA1", "SHA256", "SHA512"])]
    algorithm: Option<String>,
    /// The number of digits, where the file does not say it
    #[arg(long, value_parser = clap::value_parser!(u8).range(6..=8))]
    digits: Option<u8>,
    /// For how many seconds a code is shown, where the file does not say it
    #[arg(long, value_parser = clap::value_parser!(u16).range(10..=120))]
    period: Option<u16>,
    /// The owner of tokens that have none
    #[arg(long)]
    account: Option<AccountId>,
    /// The day on which the maker set the clocks, as 2024-03-01, where the file does not say it
    #[arg(long, value_name = "DATE", value_parser = day)]
    clock_set: Option<String>,
    /// The columns of a csv: serial,secret:hex|base32|base64|ascii,kind,digits,period,counter,
    /// account,name,- (left out)
    #[arg(long, value_name = "LIST")]
    columns: Option<String>,
    /// The delimiter of a csv
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<char>,
    /// The first line of a csv is no token
    #[arg(long)]
    header: bool,
}

impl Import {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let standard = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new(STANDARD_INPUT));
        let keys = [&self.key_file, &self.passphrase_file];
        if self.is_standard_input() && keys.into_iter().any(standard) {
            let message = "standard input is the file: the key has to come from another place";
            return Err(Failure::bad_input(message));
        }
        let key = self.key_file.as_deref().map(secret).transpose()?;
        let passphrase = self.passphrase_file.as_deref().map(secret).transpose()?;
        let sent = Arc::new(AtomicU64::new(0));
        let bytes = Bytes::from_owner(bytes(&self.file)?);
        let mut file = TokenFile { bytes, key, passphrase, sent };
        let mut answer = self.send(console, &file).await;
        if needs_passphrase(&answer) && self.may_ask() {
            file.passphrase = Some(self.ask()?);
            answer = self.send(console, &file).await;
        }
        // Wiped before the question, which may stay on the screen for long.
        drop(file);
        let source = self.file.display().to_string();
        match answer {
            Ok(import) => {
                let report = imported::report(&import, self.dry_run, &source);
                let holds = !self.is_standard_input() && import.imported > 0;
                Ok(if holds { self.left_over(console, report) } else { report })
            }
            Err(Error::Problem(problem)) if !problem.problems.is_empty() => {
                Err(imported::refused(&problem, &source))
            }
            Err(error) => Err(console.failing(Task::Change)(error)),
        }
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new(STANDARD_INPUT)
    }

    async fn send(&self, console: &Console, file: &TokenFile) -> Result<wire::Import, Error> {
        let format = self.format.as_deref().and_then(|name| name.parse().ok());
        let _shown = Progress::of(file, format, self.reading(file));
        console.client().import_devices(file, &self.settings()).await
    }

    fn settings(&self) -> ImportDevices {
        let kind = self.kind.as_deref().map(|kind| match kind {
            "hotp" => MfaKind::Hotp,
            _ => MfaKind::Totp,
        });
        ImportDevices {
            format: self.format.clone(),
            dry_run: self.dry_run,
            activate: self.activate,
            skip_unsupported: self.skip_unsupported,
            drop_pins: self.drop_pins,
            expired: self.expired.as_ref().map(|_| Expired::Import),
            signature: self.signature.as_ref().map(|_| Signature::Ignore),
            hardware: (self.hardware || self.software).then_some(self.hardware),
            kind,
            algorithm: self.algorithm.as_ref().map(|name| name.to_ascii_uppercase()),
            digits: self.digits,
            period: self.period,
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            clock_set: self.clock_set.clone(),
            columns: self.columns.clone(),
            delimiter: self.delimiter,
            header: self.header,
        }
    }

    /// The settings with which the agent reads the file.
    fn reading(&self, file: &TokenFile) -> Settings {
        Settings {
            key: file.key.clone(),
            passphrase: file.passphrase.clone(),
            columns: self.columns.clone(),
            delimiter: self.delimiter,
            header: self.header,
            expired: self.expired.is_some(),
            unchecked_signature: self.signature.is_some(),
            drop_pins: self.drop_pins,
            ..Settings::new(SystemClock.read().wall)
        }
    }

    fn may_ask(&self) -> bool {
        let given = self.key_file.is_some() || self.passphrase_file.is_some();
        prompt::is_terminal() && !given && !self.is_standard_input()
    }

    fn ask(&self) -> Result<Secret, Failure> {
        let question = format!("Passphrase of {}", self.file.display());
        let passphrase = terminal::unseen(&question).map_err(|error| {
            Failure::bad_input(format!("a passphrase cannot be asked for: {error}"))
        })?;
        Ok(Secret::from(passphrase.trim_end_matches(['\n', '\r']).as_bytes()))
    }

    /// The file still holds the secrets: at a terminal, the question whether it is to be destroyed.
    fn left_over(&self, console: &Console, report: Report) -> Report {
        let file = crate::cli::output::quoted(&self.file.display().to_string());
        let report = report.note(format!(
            "The file still holds the secrets: shred -u {file}. Flash memory, snapshots and \
             backups keep copies that this does not reach."
        ));
        if !console.is_interactive() {
            return report;
        }
        terminal::say(&format!(
            "The tokens of {file} are imported.\nOverwrite and remove the file now? Type yes: "
        ));
        let mut typed = String::new();
        if std::io::stdin().read_line(&mut typed).is_err() || typed.trim() != "yes" {
            return report.note("The file was left as it is.");
        }
        let done = std::process::Command::new("shred").arg("-u").arg("--").arg(&self.file).status();
        match done {
            Ok(status) if status.success() => report.note("The file is overwritten and removed."),
            _ => report.note("shred failed: the file is still there."),
        }
    }
}

/// True if the file is encrypted, and nothing more is known than that.
fn needs_passphrase(answer: &Result<wire::Import, Error>) -> bool {
    let problems = match answer {
        Ok(import) => &import.problems,
        Err(Error::Problem(problem)) => &problem.problems,
        Err(_) => return false,
    };
    !problems.is_empty() && problems.iter().all(|problem| problem.code == "key_needed")
}

fn formats() -> clap::builder::PossibleValuesParser {
    crate::import::Format::ALL
        .iter()
        .map(|format| format.name())
        .collect::<Vec<_>>()
        .into()
}

fn day(text: &str) -> Result<String, BadDay> {
    UnixTime::noon(text).map(|_| text.to_owned())
}
