//! `twostep key test`: the whole way, without keeping anything.

use serde_json::json;

use crate::cli::console::Console;
use crate::cli::key::{Plugged, open_session};
use crate::cli::output::{Failure, Report};
use crate::cli::words::text;
use crate::id::AccountId;

/// See whether a security key opens sessions of an account, and say what the agent made of it
///
/// The session that it opens is revoked at once.
#[derive(clap::Args)]
pub(in crate::cli) struct Test {
    /// Whose key it is [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    #[command(flatten)]
    plugged: Plugged,
}

impl Test {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let body = json!({"account": account, "duration_seconds": SHORTEST});
        let opened = open_session(console, &self.plugged, body).await?;
        let context = opened.get("context").cloned().unwrap_or_default();
        let revoked = console
            .ask(
                console
                    .client()
                    .post(&["v1", "sessions", "revoke"])
                    .body(json!({"token": opened.get("token")})),
            )
            .await;
        let knows = match context.get("user_verified").and_then(serde_json::Value::as_bool) {
            Some(true) => "and knew its person by PIN or fingerprint",
            _ => "and was touched; it did not ask who touches it",
        };
        let said = format!(
            "{} of {} works: it was accepted, {knows}.",
            text(&context, "serial"),
            text(&context, "account")
        );
        let report = Report::new(json!({"context": context, "revoked": revoked.is_ok()}), said);
        Ok(match revoked {
            Ok(_) => report,
            Err(failure) => report.note(format!("The session of this test ends by itself in 15 minutes; it was not revoked: {failure}")),
        })
    }
}

/// The shortest session there is, in seconds.
const SHORTEST: u64 = 900;
