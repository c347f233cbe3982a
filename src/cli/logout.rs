//! `twostep logout`: end the sessions that `login` keeps.

use serde_json::json;

use crate::cli::console::Console;
use crate::cli::kept;
use crate::cli::kept::{Kept, Which};
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::client::Error;
use crate::id::AccountId;

/// End the sessions that `twostep login` keeps here: revoke them, and remove their files
#[derive(clap::Args)]
pub(super) struct Logout {
    /// Only those of this account
    #[arg(long)]
    account: Option<AccountId>,
    /// Only those for this audience
    #[arg(long)]
    audience: Option<String>,
}

impl Logout {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let which = Which { account: self.account.as_ref(), audience: self.audience.as_deref() };
        let kept = kept::all(console.socket(), which);
        if kept.is_empty() {
            return Err(Failure::new(Exit::Refused, "no session is kept here")
                .hint("For sessions elsewhere: twostep session revoke"));
        }
        let mut lines = Vec::new();
        let mut ended = Vec::new();
        for session in &kept {
            let revoked = end(console, session).await?;
            let (account, audience) = (plain(&session.claims.sub), plain(&session.claims.aud));
            lines.push(match revoked {
                true => format!("The session of {account} for {audience} is over.\n"),
                false => format!(
                    "The session of {account} for {audience} is not kept any longer. It was not \
                     revoked, for want of a right, and ends by itself.\n"
                ),
            });
            ended.push(json!({"account": account, "audience": audience, "revoked": revoked}));
        }
        Ok(Report::new(json!({"ended": ended}), lines.concat()))
    }
}

/// Removes the file, then revokes the session; false if this user may not revoke.
async fn end(console: &Console, session: &Kept) -> Result<bool, Failure> {
    session.forget()?;
    let audience = Some(session.claims.aud.as_str());
    match console.client().revoke_session(&session.token, audience).await {
        Ok(()) => Ok(true),
        Err(Error::Problem(problem)) if problem.status == 403 => Ok(false),
        Err(error) => {
            let failure = console.failure(Task::Other, error);
            Err(failure.hint("The file is removed. The session ends by itself, at the latest."))
        }
    }
}
