//! `twostep session`: what a token says, and how it ends.

use clap::Subcommand;
use zeroize::Zeroizing;

use crate::cli::console::{Console, existing_account};
use crate::cli::kept::Claims;
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::signing_key::SigningKey;
use crate::cli::{known, prompt, words};
use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;
use crate::wire::{Context, Introspected, Mfa, RevokeSessions};

/// Read a session's token, revoke sessions, manage the keys that sign them
#[derive(Subcommand)]
pub(super) enum Session {
    /// Say what a token proves, and whether it is alive; exit 1 if it is not
    Show {
        /// The token; - reads it from standard input, which other users cannot see
        #[arg(value_name = "TOKEN|-")]
        token: String,
        /// For whom it must be [default: the agent itself]
        #[arg(long)]
        audience: Option<String>,
    },
    /// Revoke an account's sessions: all of them so far, or some
    Revoke {
        /// The account of the sessions [default: yours]
        #[arg(long, value_parser = existing_account)]
        account: Option<AccountId>,
        /// Only those opened up to then: 2026-11-22T09:30:00Z
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Only those opened with this device
        #[arg(long)]
        serial: Option<SerialNumber>,
        /// For an account that the agent does not know too: sessions without MFA have no other
        /// trace
        #[arg(long)]
        force: bool,
    },
    /// Manage the keys that sign sessions
    #[command(subcommand)]
    Keys(SigningKey),
}

impl Session {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        match self {
            Session::Show { token, audience } => show(console, token, audience.as_deref()).await,
            Session::Revoke { account, before, serial, force } => {
                let named = account.as_ref().filter(|_| !force);
                let account = console.account(account.as_ref())?;
                if named.is_some() {
                    known::account(console, &account).await?;
                }
                // The agent reads the time: a wrong one is told in its words.
                let which = RevokeSessions {
                    issued_before: before.clone(),
                    ..RevokeSessions::new(None, serial.as_ref())
                };
                let revoked = console.client().revoke_sessions(&account, &which).await;
                let revoked = revoked.map_err(console.failing(Task::Other))?;
                let with =
                    serial.as_ref().map_or_else(String::new, |serial| format!(" with {serial}"));
                let text = format!(
                    "Sessions of {} opened{with} up to {} are over.",
                    plain(account.as_str()),
                    revoked.revoked_before
                );
                Ok(Report::new(revoked, text))
            }
            Session::Keys(keys) => keys.run(console).await,
        }
    }
}

async fn show(console: &Console, token: &str, audience: Option<&str>) -> Result<Report, Failure> {
    let token =
        if token == "-" { prompt::secret("Token")? } else { Zeroizing::new(token.to_owned()) };
    let found = console.client().introspect(token.trim(), audience).await;
    let context = found.map_err(console.failing(Task::Other))?;
    let Some(context) = context else {
        let text =
            "not active: it is over, revoked, for another audience, or no token of this agent";
        let answer = Introspected { active: false, context: None };
        let report = Report::new(answer, text).exit(Exit::Refused);
        return Ok(report.note(claimed(&token, audience)));
    };
    let text = facts(&context);
    Ok(Report::new(Introspected { active: true, context: Some(context) }, text))
}

/// The facts of a session, for people.
pub(super) fn facts(context: &Context) -> String {
    let mut facts = vec![("Account", words::text(&context.account))];
    match &context.mfa {
        Some(mfa) => facts.extend(proof(mfa)),
        None => {
            facts.push(("MFA", "none: nothing more than the account's name was given".to_owned()));
        }
    }
    facts.extend([
        ("Audience", plain(&context.audience)),
        ("Opened", words::at(Some(context.issued_at))),
        ("Over", words::at(Some(context.expires_at))),
        ("Id", plain(&context.session_id)),
    ]);
    words::facts(&facts)
}

fn proof(mfa: &Mfa) -> [(&'static str, String); 5] {
    let methods: Vec<String> = mfa.amr.iter().map(|method| plain(method)).collect();
    let phishing = match mfa.phishing_resistant {
        true => "resistant",
        false => "not resistant: a code can be typed into a false page",
    };
    let hardware =
        if mfa.hardware_bound { "known to keep its key in hardware" } else { "not known" };
    [
        ("MFA", format!("proved {} ago, at {}", words::seconds(mfa.age_seconds), mfa.time)),
        ("Device", format!("{} ({})", mfa.serial, mfa.kind.name())),
        ("Methods", methods.join(", ")),
        ("Phishing", phishing.to_owned()),
        ("Hardware", hardware.to_owned()),
    ]
}

/// The next step after a token that is not alive, by what it says of itself: its signature is not
/// verified here.
fn claimed(token: &str, shown_to: Option<&str>) -> String {
    let Some(Claims { iss, aud, exp, .. }) = Claims::of(token) else {
        return "It cannot be read as a token. Open a session: twostep login".to_owned();
    };
    let over = UnixTime(exp);
    if words::seconds_from_now(over) < 0 {
        let when = words::when(Some(over.into()));
        return format!("It says of itself that it ended {when}. Open another: twostep login");
    }
    if aud == shown_to.unwrap_or(&iss) {
        return "Open another: twostep login".to_owned();
    }
    let other = plain(&aud);
    format!(
        "It says of itself that it is for {other:?}. If that is who you are: --audience {other}"
    )
}
