//! `twostep login`: open a session with a code or a security key.

use crate::cli::console::Console;
use crate::cli::key::{Plugged, answer};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::prompt::PairPrompt;
use crate::cli::refusal::Task;
use crate::cli::{prompt, words};
use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, SerialNumber};
use crate::wire::{Device, OpenSession, OpenedSession, Proof, SecretText};

/// Open a session with a code, and print its token
///
/// The code is asked for, or read from standard input. It may be one that a device shows, a
/// recovery code, or a bypass code. With --key, a security key that is plugged in here is touched
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
        match console.client().open_session(&self.session(account, proof)).await {
            Ok(opened) => Ok(opened),
            Err(error) => Err(console.failure(Task::Login, error)),
        }
    }

    async fn by_pair(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let (serial, kind) = match &self.serial {
            Some(serial) => (serial.clone(), None),
            None => only_device(console, account).await?,
        };
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
