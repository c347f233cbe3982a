//! `twostep device add`: what is shown here is shown this once.

use zeroize::Zeroizing;

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report, plain};
use crate::cli::qr::{Drawing, Qr};
use crate::cli::refusal::Task;
use crate::cli::{output, prompt, words};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::{Seed, SpareBits};
use crate::time::{BadDay, UnixTime};
use crate::wire::{CreateDevice, Provisioning, SecretText};

/// Add a device to an account; it is pending until two consecutive codes activate it
///
/// A new secret is made and shown once, as a QR code for authenticator apps, unless the secret of a
/// token is given with --secret-stdin. Recovery codes are active at once, beside another active
/// device, and void the old ones.
#[derive(clap::Args)]
pub(in crate::cli) struct Add {
    /// The account that gets the device [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    /// Time-based codes, counter-based codes, or a sheet of recovery codes
    #[arg(long, default_value = "totp", value_parser = ["totp", "hotp", "recovery"])]
    kind: String,
    /// The name that its owner gives it
    #[arg(long)]
    name: Option<DeviceName>,
    /// The serial number printed on it [default: a new one]
    #[arg(long)]
    serial: Option<SerialNumber>,
    /// Read its secret, in base32, from a prompt or from standard input
    #[arg(long)]
    secret_stdin: bool,
    /// The hash function
    #[arg(long, ignore_case = true, value_parser = ["SHA1", "SHA256", "SHA512"])]
    algorithm: Option<String>,
    /// The number of digits of a code
    #[arg(long, value_parser = clap::value_parser!(u8).range(6..=8))]
    digits: Option<u8>,
    /// For how many seconds a code is shown
    #[arg(long, value_parser = clap::value_parser!(u16).range(10..=120))]
    period: Option<u16>,
    /// Where its time steps begin, in seconds since 1970 [default: 0]
    #[arg(long, value_name = "SECONDS")]
    t0: Option<u64>,
    /// The counter to begin at
    #[arg(long)]
    counter: Option<u64>,
    /// The day on which the maker set the token's clock, as 2024-03-01: its rate is known from the
    /// first two codes on
    #[arg(long, value_name = "DATE", value_parser = day)]
    clock_set: Option<String>,
    /// The drawing of the QR code
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    qr: Qr,
}

impl Add {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let secret = if self.secret_stdin { Some(typed_secret()?) } else { None };
        let device = CreateDevice {
            account: account.as_str().to_owned(),
            kind: self.kind.clone(),
            name: self.name.as_ref().map(|name| name.as_str().to_owned()),
            serial: self.serial.as_ref().map(|serial| serial.as_str().to_owned()),
            secret: secret.map(SecretText::from),
            algorithm: self.algorithm.clone(),
            digits: self.digits,
            period: self.period,
            t0: self.t0,
            counter: self.counter,
            clock_set: self.clock_set.clone(),
        };
        let added = console.owner().add_device(&device).await;
        let added = added.map_err(console.failing(Task::Change))?;
        let serial = &added.device.serial;
        let (text, note) = match (&added.provisioning, &added.recovery_codes) {
            (_, Some(codes)) => (sheet(codes), SHEET.to_owned()),
            (Some(provisioning), None) => {
                let (text, fits) = self.provisioned(serial, &account, provisioning);
                (text, next(serial, if fits { SCAN } else { TOO_LONG }))
            }
            (None, None) => {
                (format!("{serial}\n"), next(serial, "It has the secret that you gave."))
            }
        };
        Ok(Report::new(added, text).note(note))
    }

    /// The facts for an authenticator app, and whether their URI fits into a QR code.
    fn provisioned(
        &self,
        serial: &SerialNumber,
        account: &AccountId,
        provisioning: &Provisioning,
    ) -> (String, bool) {
        let (uri, secret) = (plain(provisioning.uri.as_str()), provisioning.secret.as_str());
        let grouped: Vec<String> = secret
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        let facts = [
            ("Serial number", serial.to_string()),
            ("Account", plain(account.as_str())),
            ("Secret", plain(&grouped.join(" "))),
            ("URI", uri.clone()),
        ];
        let facts = words::facts(&facts);
        match self.qr.draw(&uri) {
            Drawing::Drawn(drawing) => (format!("{drawing}\n{facts}"), true),
            Drawing::NotWanted => (facts, true),
            Drawing::TooLong => (facts, false),
        }
    }
}

/// Recovery codes, one a line.
fn sheet(codes: &[SecretText]) -> String {
    codes.iter().map(|code| format!("{}\n", plain(code.as_str()))).collect()
}

const SCAN: &str =
    "Scan it with an authenticator app, or type the secret into one. It is shown this once.";

const TOO_LONG: &str = "The URI is too long for a QR code: type the secret into an authenticator \
                        app, or open the URI where one is installed. They are shown this once.";

const SHEET: &str = "Each of these codes opens one session. They are shown this once: print them, \
                     and lock them away.";

fn next(serial: &SerialNumber, first: &str) -> String {
    format!(
        "\n{first}\nThen put it in use with two consecutive codes:\n\n    \
         twostep device activate {serial}\n"
    )
}

fn day(text: &str) -> Result<String, BadDay> {
    UnixTime::noon(text).map(|_| text.to_owned())
}

/// The secret in the one spelling that the agent takes.
fn typed_secret() -> Result<Zeroizing<String>, Failure> {
    let typed = prompt::secret("Secret of the device, in base32")?;
    let typed = Seed::typed(&typed).map_err(|error| Failure::bad_input(error.to_string()))?;
    if typed.spare == SpareBits::Dropped {
        output::note(
            "The last character of the secret holds bits that fill no byte. They are dropped, as \
             authenticator apps do. If the codes do not fit, compare the secret with the original: \
             its end may be missing.",
        );
    }
    Ok(typed.seed.to_base32())
}
