//! `twostep whoami`: the sessions that `login` keeps.

use serde_json::json;

use crate::cli::console::Console;
use crate::cli::kept::{Claims, Kept, Which};
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{kept, session};
use crate::id::AccountId;
use crate::wire::Context;

/// Say which sessions this user has here, what they prove and until when; exit 1 if there is none
///
/// Sessions are those that `twostep login` keeps in $XDG_RUNTIME_DIR/twostep, or the one of
/// --mfa-context. Ended ones are removed.
#[derive(clap::Args)]
pub(super) struct Whoami {
    /// Only those of this account
    #[arg(long)]
    account: Option<AccountId>,
    /// Only those for this audience
    #[arg(long)]
    audience: Option<String>,
}

impl Whoami {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        if let Some(given) = console.given() {
            let claims = Claims::of(given);
            let audience = claims.as_ref().map(|claims| claims.aud.as_str());
            let found = console.client().introspect(given, audience).await;
            let context = found.map_err(console.failing(Task::Other))?;
            let context = context.ok_or_else(|| none("the given session is over or revoked"))?;
            return Ok(shown(&[context]));
        }
        let which = Which { account: self.account.as_ref(), audience: self.audience.as_deref() };
        let kept = kept::all(console.socket(), which);
        let mut alive = Vec::new();
        let mut over = Vec::new();
        for session in &kept {
            match read(console, session).await? {
                Some(context) => alive.push(context),
                None => {
                    session.forget()?;
                    over.push(plain(&session.claims.sub));
                }
            }
        }
        match (alive.as_slice(), over.as_slice()) {
            ([], []) => Err(none("no session is kept here")),
            ([], over) => Err(none(&format!("the session of {} is over", over.join(", ")))),
            (alive, _) => Ok(shown(alive)),
        }
    }
}

/// The context of a kept session, if the agent says that it is alive.
pub(super) async fn read(console: &Console, kept: &Kept) -> Result<Option<Context>, Failure> {
    let found = console.client().introspect(&kept.token, Some(&kept.claims.aud)).await;
    found.map_err(console.failing(Task::Other))
}

fn shown(alive: &[Context]) -> Report {
    let facts: Vec<String> = alive.iter().map(session::facts).collect();
    Report::new(json!({"sessions": alive}), facts.join("\n"))
}

fn none(says: &str) -> Failure {
    Failure::new(Exit::Refused, says).hint("Open one: twostep login")
}
