//! `twostep run`: a command with a session in its environment.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use zeroize::Zeroizing;

use crate::cli::console::Console;
use crate::cli::login::{Opening, summary};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::{kept, output, whoami};

/// Run a command with a session in its environment: the one that is kept, or a new one
///
/// TWOSTEP_TOKEN is the session's token, for services that the command calls. TWOSTEP_MFA_CONTEXT
/// is a file with it, where `twostep login` can keep one, and TWOSTEP_SOCKET is the agent's socket.
/// The command takes the place of this program: signals reach it, and its exit code is the exit
/// code. Without a session it is not run.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    opening: Opening,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// A session for the command.
struct Session {
    token: Zeroizing<String>,
    file: Option<PathBuf>,
}

impl Run {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let session = match self.kept(console).await? {
            Some(session) => session,
            None => self.opened(console).await?,
        };
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure::bad_input("a command is to be named"));
        };
        let mut command = Command::new(program);
        command.args(arguments);
        command.env("TWOSTEP_TOKEN", session.token.as_str());
        command.env("TWOSTEP_SOCKET", console.socket());
        match session.file {
            Some(file) => command.env("TWOSTEP_MFA_CONTEXT", file),
            None => command.env_remove("TWOSTEP_MFA_CONTEXT"),
        };
        let error = command.exec();
        let program = plain(&program.to_string_lossy());
        Err(Failure::bad_input(format!("cannot run {program}: {error}"))
            .hint("The session is open. The command is searched for in PATH."))
    }

    /// The session that is kept for this account and audience, if it is alive and proves MFA.
    async fn kept(&self, console: &Console) -> Result<Option<Session>, Failure> {
        let account = console.account(self.opening.account())?;
        let Some(kept) = kept::one(console.socket(), &account, self.opening.audience()) else {
            return Ok(None);
        };
        let alive = whoami::read(console, &kept).await?;
        let proof = alive.and_then(|context| context.mfa);
        let proves = proof.is_some_and(|mfa| self.opening.is_met_by(&mfa));
        Ok(proves.then_some(Session { token: kept.token, file: Some(kept.path) }))
    }

    async fn opened(&self, console: &Console) -> Result<Session, Failure> {
        let opened = self.opening.open(console).await?;
        output::note(&summary(&opened.context));
        let file = match kept::keep(console.socket(), opened.token.as_str()) {
            Ok(file) => Some(file),
            Err(failure) => {
                output::note(&failure.to_string());
                None
            }
        };
        Ok(Session { token: Zeroizing::new(opened.token.as_str().to_owned()), file })
    }
}

const EXAMPLES: &str = "Example:\n  twostep run --audience payments -- \
                        sh -c 'curl -H \"Authorization: Bearer $TWOSTEP_TOKEN\" \
                        https://payments.example/orders'";
