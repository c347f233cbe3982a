//! `twostep device export`: devices with their secrets, encrypted.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::device::file::secret;
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::device::DeviceState;
use crate::id::AccountId;
use crate::wire::{ExportDevices, ExportFormat};

/// Export devices that show codes with their secrets, as an encrypted PSKC file
///
/// Secrets, counters, drift and what was used are in the file. The file and its
/// passphrase together make codes of every device in it. The audit log has a row of it.
#[derive(clap::Args)]
pub(in crate::cli) struct Export {
    /// The file to write, which must not be there yet
    file: PathBuf,
    /// The format
    #[arg(long, value_parser = formats(), default_value = "pskc")]
    format: ExportFormat,
    /// The passphrase that encrypts the file, from a file or from standard input (-)
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
    /// Only devices of this account
    #[arg(long, value_parser = existing_account)]
    account: Option<AccountId>,
    /// Only devices in stock
    #[arg(long, value_parser = ["unassigned"], conflicts_with = "account")]
    state: Option<String>,
    #[command(flatten)]
    meant: Meant,
}

impl Export {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let name = self.file.display();
        let passphrase = secret(&self.passphrase_file)?;
        let passphrase = String::from_utf8(passphrase.expose().to_vec())
            .map_err(|_| Failure::bad_input("the passphrase is no UTF-8 text"))?;
        self.meant
            .sure(&format!("the secrets of devices are written to {name}, encrypted"))?;
        let which = ExportDevices {
            format: self.format,
            passphrase: passphrase.into(),
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            state: self.state.as_ref().map(|_| DeviceState::Unassigned),
        };
        let file = console.client().export_devices(&which).await;
        let file = file.map_err(console.failing(Task::Other))?;
        let mut options = OpenOptions::new();
        let written = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.file)
            .and_then(|mut to| to.write_all(&file).and_then(|()| to.sync_all()));
        written.map_err(|error| Failure::bad_input(format!("{name} was not written: {error}")))?;
        let document = json!({"file": self.file, "bytes": file.len()});
        Ok(Report::new(document, format!("The devices are in {name}, encrypted."))
            .note("To read it elsewhere: twostep device import FILE --passphrase-file FILE"))
    }
}

fn formats() -> impl TypedValueParser<Value = ExportFormat> {
    PossibleValuesParser::new(["pskc"]).map(|_| ExportFormat::Pskc)
}
