//! `twostep login`: open a session with a code or a security key.

use crate::cli::console::Console;
use crate::cli::key::{Plugged, answer};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::prompt::PairPrompt;
use crate::cli::refusal::Task;
use crate::cli::{output, prompt, words};
use crate::client::Error;
use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, SerialNumber};
use crate::wire::{Device, OpenSession, OpenedSession, Proof, Reason, SecretText};

/// Open a session with a code, and print its token
///
/// The code is asked for, or read from standard input. It may be one that a device shows, a
/// recovery code, or a bypass code. If the clock or counter of the device has moved, the agent
/// notices it at the first wrong code, and at the next one two codes are asked for: they set it
/// right and open the session. With --key, a security key that is plugged in here is touched
/// instead. The token alone goes to standard output: twostep login > session.jwt
#[derive(clap::Args)]
pub(super) struct Login {
    /// The account of the session [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    /// The device that shows the code, where the account has several
    #[arg(long)]
    serial: Option<SerialNumber>,
    /// For how many seconds the session lasts [default: the agent's]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(900..=129_600))]
    duration: Option<u64>,
    /// For whom the session is [default: the agent itself]
    #[arg(long)]
    audience: Option<String>,
    /// Use two consecutive codes of a device that is out of sync, and resynchronise it
    #[arg(long)]
    resync: bool,
    /// Use a security key that is plugged in here
    #[arg(long, conflicts_with_all = ["serial", "resync"])]
    key: bool,
    #[command(flatten)]
    plugged: Plugged,
}

impl Login {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let opened = match (self.key, self.resync) {
            (true, _) => self.by_key(console, &account).await?,
            (false, true) => self.by_pair(console, &account).await?,
            (false, false) => self.by_code(console, &account).await?,
        };
        let note = format!(
            "Session of {}, until {}.",
            words::text(&opened.context.account),
            words::at(Some(opened.context.expires_at))
        );
        let token = plain(opened.token.as_str());
        Ok(Report::new(opened, token).note(note))
    }

    async fn by_code(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let code = prompt::passcode(&match &self.serial {
            Some(serial) => format!("Code shown by {serial} now:"),
            None => format!("Code for {}:", plain(account.as_str())),
        })?;
        let proof = Proof::Code(code.into(), self.serial.clone());
        let error = match console.client().open_session(&self.session(account, proof)).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let out_of_sync = is_out_of_sync(&error);
        let refused = console.failure(Task::Login, error);
        if out_of_sync && prompt::has_more() {
            return self.by_next_pair(console, account).await;
        }
        Err(refused)
    }

    /// Asks for two codes of a device that the agent knows to be out of sync.
    async fn by_next_pair(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let (serial, kind) = match &self.serial {
            Some(serial) => (serial.clone(), kind_of(console, account, serial).await),
            None => only_device(console, account).await?,
        };
        let moved = if kind == Some(MfaKind::Hotp) { "counter" } else { "clock" };
        output::note(&format!(
            "Your token's {moved} has moved. Enter the next two codes: they set it right, and \
             open the session."
        ));
        self.by_pair_of(console, account, (serial, kind)).await
    }

    async fn by_pair(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let device = match &self.serial {
            Some(serial) => (serial.clone(), None),
            None => only_device(console, account).await?,
        };
        self.by_pair_of(console, account, device).await
    }

    async fn by_pair_of(
        &self,
        console: &Console,
        account: &AccountId,
        (serial, kind): (SerialNumber, Option<MfaKind>),
    ) -> Result<OpenedSession, Failure> {
        let codes = prompt::pair(&PairPrompt::new(&serial, kind))?;
        let proof = Proof::Pair(codes.map(SecretText::from), serial);
        let opened = console.client().open_session(&self.session(account, proof)).await;
        opened.map_err(console.failing(Task::LoginByPair))
    }

    async fn by_key(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let (id, credential) = answer(console, &self.plugged, account).await?;
        let session = self.session(account, Proof::SecurityKey(id, credential));
        let opened = console.client().open_session(&session).await;
        opened.map_err(console.failing(Task::LoginByKey))
    }

    fn session(&self, account: &AccountId, proof: Proof) -> OpenSession {
        OpenSession {
            duration_seconds: self.duration,
            audience: self.audience.clone(),
            ..OpenSession::new(account, proof)
        }
    }
}

/// True if the agent refuses a code because its device is out of sync.
fn is_out_of_sync(error: &Error) -> bool {
    matches!(error, Error::Problem(problem) if problem.reason == Some(Reason::OutOfSync))
}

/// The kind of a device, if the agent shows it to this caller.
async fn kind_of(console: &Console, account: &AccountId, serial: &SerialNumber) -> Option<MfaKind> {
    let devices = console.client().all_devices(Some(account), None).await.ok()?;
    devices.iter().find(|device| device.serial == *serial).map(|device| device.kind)
}

/// The one device of the account that shows codes, and its kind.
async fn only_device(
    console: &Console,
    account: &AccountId,
) -> Result<(SerialNumber, Option<MfaKind>), Failure> {
    let devices = console.client().all_devices(Some(account), None).await;
    let devices = devices.map_err(console.failing(Task::Other))?;
    let fits = |device: &&Device| {
        matches!(device.kind, MfaKind::Totp | MfaKind::Hotp)
            && matches!(device.state, DeviceState::Active | DeviceState::Locked)
    };
    let fitting: Vec<&Device> = devices.iter().filter(fits).collect();
    let name = plain(account.as_str());
    match fitting.as_slice() {
        [device] => Ok((device.serial.clone(), Some(device.kind))),
        [] => Err(Failure::bad_input(format!("{name} has no device in use that shows codes"))
            .hint("See what there is: twostep device list")),
        several => {
            let serials: Vec<&str> = several.iter().map(|device| device.serial.as_str()).collect();
            Err(Failure::bad_input(format!("{name} has several devices"))
                .hint(format!("Say which: --serial {}", serials.join(" or "))))
        }
    }
}
