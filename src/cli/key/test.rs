//! `twostep key test`: the whole way, without keeping anything.

use std::time::Duration;

use serde_json::json;

use crate::cli::console::Console;
use crate::cli::key::{Plugged, answer};
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::id::AccountId;
use crate::wire::{OpenSession, Proof};

/// See whether a security key opens sessions of an account, and say what the agent made of it
///
/// The session that it opens is revoked at once.
#[derive(clap::Args)]
pub(in crate::cli) struct Test {
    /// The account of the key [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    #[command(flatten)]
    plugged: Plugged,
}

impl Test {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let (id, credential) = answer(console, &self.plugged, &account).await?;
        let session = OpenSession::new(&account, Proof::SecurityKey(id, credential));
        let opened = console.client().open_session(&session.lasting(SHORTEST)).await;
        let opened = opened.map_err(console.failing(Task::LoginByKey))?;
        let revoked = console.client().revoke_session(opened.token.as_str(), None).await;
        let revoked = revoked.map_err(console.failing(Task::Other));
        let context = opened.context;
        let verified = context.mfa.as_ref().is_some_and(|mfa| mfa.user_verified);
        let knows = match verified {
            true => "and knew its person by PIN or fingerprint",
            false => "and was touched; it did not ask who touches it",
        };
        let serial = words::or_dash(context.mfa.as_ref().map(|mfa| &mfa.serial));
        let account = words::text(&context.account);
        let said = format!("{serial} of {account} works: it was accepted, {knows}.");
        let report = Report::new(json!({"context": context, "revoked": revoked.is_ok()}), said);
        Ok(match revoked {
            Ok(_) => report,
            Err(failure) => report.note(format!(
                "The session of this test ends by itself in 15 minutes; \
                 it was not revoked: {failure}"
            )),
        })
    }
}

/// The shortest session there is.
const SHORTEST: Duration = Duration::from_secs(900);
