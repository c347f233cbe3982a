//! `twostep device add`: what is shown here is shown this once.

use crate::cli::console::Console;
use crate::cli::device::secret::{Given, Parameters};
use crate::cli::device::{codes, secret};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::qr::{Drawing, Qr};
use crate::cli::refusal::Task;
use crate::cli::{owner, words};
use crate::id::{AccountId, DeviceName, SerialNumber};
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
    /// Time-based codes, counter-based codes, or a sheet of recovery codes [default: totp, or what
    /// the URI says]
    #[arg(long, value_parser = ["totp", "hotp", "recovery"])]
    kind: Option<String>,
    /// The name that its owner gives it
    #[arg(long)]
    name: Option<DeviceName>,
    /// The serial number printed on it [default: a new one]
    #[arg(long)]
    serial: Option<SerialNumber>,
    /// Read its secret from a prompt or from standard input: in base32, in hexadecimal (0x before
    /// it where it could be either), or a whole otpauth:// URI with its parameters
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
    /// The beginning of its time steps, in seconds since 1970 [default: 0]
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
    /// With --json: the QR code as well, as SVG
    #[arg(long)]
    svg: bool,
}

impl Add {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let given = if self.secret_stdin { Some(secret::typed()?) } else { None };
        let told = Parameters {
            kind: self.kind.clone(),
            algorithm: self.algorithm.as_ref().map(|name| name.to_ascii_uppercase()),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
        };
        let (secret, told) = match given {
            Some(Given { secret, parameters }) => (Some(secret), told.agreed(parameters)?),
            None => (None, told),
        };
        let device = CreateDevice {
            account: Some(account.as_str().to_owned()),
            kind: told.kind.unwrap_or_else(|| "totp".to_owned()),
            name: self.name.as_ref().map(|name| name.as_str().to_owned()),
            serial: self.serial.as_ref().map(|serial| serial.as_str().to_owned()),
            secret: secret.map(SecretText::from),
            algorithm: told.algorithm,
            digits: told.digits,
            period: told.period,
            t0: self.t0,
            counter: told.counter,
            clock_set: self.clock_set.clone(),
        };
        let owner = owner::of_account(console, &account, self.account.is_some()).await?;
        let added = owner.add_device(&device).await;
        let mut added = added.map_err(console.failing(Task::Change))?;
        if let (false, Some(provisioning)) = (self.svg, &mut added.provisioning) {
            provisioning.qr_svg = None;
        }
        let serial = &added.device.serial;
        let (text, note) = match (&added.provisioning, &added.recovery_codes) {
            (_, Some(codes)) => (sheet(codes), SHEET.to_owned()),
            (Some(provisioning), None) => self.provisioned(serial, &account, provisioning),
            (None, None) => {
                (format!("{serial}\n"), next(serial, "It has the secret that you gave."))
            }
        };
        let report = Report::new(&added, text);
        let report = if note.is_empty() { report } else { report.note(note) };
        let report = match (&added.provisioning, &added.recovery_codes) {
            (None, None) => report,
            (_, Some(_)) => report.once(format!(
                "A new sheet voids this one: twostep device add --account {} --kind recovery",
                words::quoted(account.as_str())
            )),
            (Some(_), None) => {
                report.once(format!("Remove it, and add it again: twostep device remove {serial}"))
            }
        };
        let shows_codes = added.recovery_codes.is_none();
        match shows_codes && console.is_interactive() {
            true => codes::activate_at_once(console, report, &owner, &added.device).await,
            false => Ok(report),
        }
    }

    /// The facts for an authenticator app, the QR code below them, and what comes next: above the
    /// code, so that nothing moves it off the screen.
    fn provisioned(
        &self,
        serial: &SerialNumber,
        account: &AccountId,
        provisioning: &Provisioning,
    ) -> (String, String) {
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
            Drawing::Drawn(drawing) => (
                format!("{facts}{}\n{drawing}", next(serial, &format!("{SCAN} {WAITS}"))),
                String::new(),
            ),
            Drawing::NotWanted => (facts, next(serial, &format!("{OPEN} {WAITS}"))),
            Drawing::Impossible(why) => (facts, next(serial, &format!("{why}: {INSTEAD} {WAITS}"))),
        }
    }
}

/// Recovery codes, one a line.
fn sheet(codes: &[SecretText]) -> String {
    codes.iter().map(|code| format!("{}\n", plain(code.as_str()))).collect()
}

const SCAN: &str =
    "Scan the code with an authenticator app, or type the secret into one. It is shown this once.";

const OPEN: &str = "Type the secret into an authenticator app, or open the URI where one is \
                    installed. They are shown this once.";

const INSTEAD: &str = "type the secret into an authenticator app, or open the URI where one is \
                       installed. They are shown this once.";

const WAITS: &str = "It waits for its codes for 24 hours.";

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
