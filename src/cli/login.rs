//! `twostep login`: open a session with a code or a security key.

use crate::cli::console::Console;
use crate::cli::factors::{Choice, Factors};
use crate::cli::key::{Plugged, answer};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::prompt::PairPrompt;
use crate::cli::refusal::{Subject, Task};
use crate::cli::{kept, output, prompt, session, words};
use crate::client::Error;
use crate::device::MfaKind;
use crate::id::{AccountId, SerialNumber};
use crate::verifier::Passcode;
use crate::wire::{Context, Device, Mfa, OpenSession, OpenedSession, Proof, Reason, SecretText};

/// Open a session with a code, and keep it for the commands that need one
///
/// The code is asked for, or read from standard input. It may be one that a device shows, a
/// recovery code, or a bypass code. If the clock or counter of the device has moved, the agent
/// notices it at the first wrong code, and at the next one two codes are asked for: they set it
/// right and open the session. With --key, a security key that is plugged in here is touched
/// instead.
///
/// At a terminal the session is kept in $XDG_RUNTIME_DIR/twostep, where only this user can read it:
/// twostep whoami shows it, twostep logout ends it. In a pipe or a file the token alone is printed,
/// and nothing is kept: twostep login > session.jwt
#[derive(clap::Args)]
pub(super) struct Login {
    #[command(flatten)]
    opening: Opening,
    /// Print the token at a terminal too
    #[arg(long)]
    print: bool,
}

/// A session to open, and its proof.
#[derive(clap::Args)]
pub(super) struct Opening {
    /// The account of the session [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    /// The device that shows the code, where the account has several
    #[arg(long)]
    serial: Option<SerialNumber>,
    /// For how many seconds the session lasts [default: the agent's]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(900..=129_600))]
    duration: Option<u64>,
    /// For whom the session is [default: the agent itself; in aws, sts.amazonaws.com]
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
        let opened = self.opening.open(console).await?;
        let mut notes = vec![summary(&opened.context)];
        notes.extend(codes_left(console, &opened).await);
        let token = plain(opened.token.as_str());
        let text = if console.is_read_by_a_person() {
            let facts = session::facts(&opened.context);
            match kept::keep(console.socket(), opened.token.as_str()) {
                Ok(_) if !self.print => {
                    notes.push(FOUND.to_owned());
                    facts
                }
                Ok(_) => {
                    notes.push(FOUND.to_owned());
                    format!("{facts}\n{token}\n")
                }
                Err(failure) => {
                    notes.push(format!("{failure}. The token is printed instead."));
                    format!("{facts}\n{token}\n")
                }
            }
        } else {
            token
        };
        let undo = format!(
            "The code is spent, and the session open. End it: twostep session revoke --account {}",
            words::quoted(opened.context.account.as_str())
        );
        let report = Report::new(opened, text).once(undo);
        Ok(notes.into_iter().fold(report, Report::note))
    }
}

impl Opening {
    pub(super) fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    pub(super) fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The same, for this audience unless another one was named.
    pub(super) fn or_for(self, audience: &str) -> Opening {
        let audience = self.audience.or_else(|| Some(audience.to_owned()));
        Opening { audience, ..self }
    }

    /// True if a session of this kind of proof is what was asked for.
    pub(super) fn is_met_by(&self, proof: &Mfa) -> bool {
        !self.key || proof.phishing_resistant
    }

    /// Opens the session, and asks for its proof.
    pub(super) async fn open(&self, console: &Console) -> Result<OpenedSession, Failure> {
        let account = console.account(self.account.as_ref())?;
        match (self.key, self.resync) {
            (true, _) => self.by_key(console, &account).await,
            (false, true) => self.by_pair(console, &account).await,
            (false, false) => self.by_code(console, &account).await,
        }
    }

    async fn by_code(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let factors = Factors::of(console, account, self.account.is_some()).await?;
        let choice = match &self.serial {
            Some(serial) => factors.named(serial)?.map_or(Choice::Spare, Choice::Device),
            None => factors.for_code()?,
        };
        let device = match choice {
            Choice::Device(device) => Some(device),
            Choice::Spare | Choice::Several(_) => None,
        };
        let subject = factors.subject(device);
        let chosen = device.filter(|_| subject.named).map(|device| device.serial.clone());
        let serial = self.serial.clone().or(chosen);
        if prompt::is_terminal() {
            factors.ways_out_of(device).iter().for_each(|way| output::note(way));
        }
        let code = prompt::passcode(&match &serial {
            Some(serial) => format!("Code shown by {serial} now:"),
            None => format!("Code for {}:", plain(account.as_str())),
        })?;
        if let (Choice::Several(several), Ok(Passcode::Otp(_))) = (&choice, code.parse()) {
            return Err(factors.several(several));
        }
        let proof = Proof::Code(code.into(), serial);
        let error = match console.client().open_session(&self.session(account, proof)).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let reason = reason(&error);
        let refused = console.failing_of(Task::Login, &subject)(error);
        if reason == Some(Reason::OutOfSync) && prompt::has_more() {
            return self.by_next_pair(console, account, &factors, device).await;
        }
        Err(factors.refused(device, reason.as_ref(), refused))
    }

    /// Asks for two codes of a device that the agent knows to be out of sync.
    async fn by_next_pair(
        &self,
        console: &Console,
        account: &AccountId,
        factors: &Factors,
        device: Option<&Device>,
    ) -> Result<OpenedSession, Failure> {
        let subject = match device {
            Some(device) => factors.subject(Some(device)),
            None => self.subject_of_pair(factors)?,
        };
        let moved = if subject.kind == Some(MfaKind::Hotp) { "counter" } else { "clock" };
        output::note(&format!(
            "Your token's {moved} has moved. Enter the next two codes: they set it right, and \
             open the session."
        ));
        self.by_pair_of(console, account, &subject).await
    }

    async fn by_pair(
        &self,
        console: &Console,
        account: &AccountId,
    ) -> Result<OpenedSession, Failure> {
        let factors = Factors::of(console, account, self.account.is_some()).await?;
        let subject = self.subject_of_pair(&factors)?;
        self.by_pair_of(console, account, &subject).await
    }

    /// The device of two codes: the one that was named, or the only one that shows codes.
    fn subject_of_pair(&self, factors: &Factors) -> Result<Subject, Failure> {
        let Some(serial) = &self.serial else {
            return Ok(factors.subject(Some(factors.for_pair()?)));
        };
        let known = factors.named(serial)?;
        Ok(Subject { device: Some(serial.clone()), named: true, ..factors.subject(known) })
    }

    async fn by_pair_of(
        &self,
        console: &Console,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<OpenedSession, Failure> {
        let Some(serial) = &subject.device else {
            return Err(Failure::bad_input("two codes are of a device").hint("Say which: --serial"));
        };
        let codes = prompt::pair(&PairPrompt::new(serial, subject.kind))?;
        let proof = Proof::Pair(codes.map(SecretText::from), serial.clone());
        let opened = console.client().open_session(&self.session(account, proof)).await;
        opened.map_err(console.failing_of(Task::LoginByPair, subject))
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

/// The account of a session, and its end.
pub(super) fn summary(context: &Context) -> String {
    let account = words::text(&context.account);
    format!("Session of {account}, until {}.", words::at(Some(context.expires_at)))
}

/// The reason of a refusal, if the agent tells it.
fn reason(error: &Error) -> Option<Reason> {
    match error {
        Error::Problem(problem) => problem.reason.clone(),
        _ => None,
    }
}

/// The number of recovery codes that are left after one of them opened a session.
async fn codes_left(console: &Console, opened: &OpenedSession) -> Option<String> {
    let mfa = opened.context.mfa.as_ref().filter(|mfa| mfa.kind == MfaKind::Recovery)?;
    let left = console.client().device(&mfa.serial).await.ok()?.codes_left?;
    let left = words::count(u64::try_from(left).unwrap_or(u64::MAX), "recovery code");
    let account = words::quoted(opened.context.account.as_str());
    Some(format!(
        "{left} left. A new sheet voids this one: twostep device add --account {account} \
         --kind recovery"
    ))
}

const FOUND: &str =
    "Commands of this user find it here. See it: twostep whoami\nEnd it: twostep logout";
