//! `twostep session`: what a token says, and how it ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::signing_key::SigningKey;
use crate::cli::words::text;
use crate::cli::{prompt, words};
use crate::id::{AccountId, SerialNumber};

/// Read a session's token, revoke sessions, manage the keys that sign them
#[derive(Subcommand)]
pub(super) enum Session {
    /// Say what a token proves, and whether it is alive; exit 1 if it is not
    Show {
        /// The token; - reads it from standard input, where nobody else sees it
        #[arg(value_name = "TOKEN|-")]
        token: String,
        /// For whom it must be [default: the agent itself]
        #[arg(long)]
        audience: Option<String>,
    },
    /// Revoke an account's sessions: all of them so far, or some
    Revoke {
        /// Whose sessions [default: yours]
        #[arg(long, value_parser = existing_account)]
        account: Option<AccountId>,
        /// Only those opened up to then: 2026-11-22T09:30:00Z
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Only those opened with this device
        #[arg(long)]
        serial: Option<SerialNumber>,
    },
    /// Manage the keys that sign sessions
    #[command(subcommand)]
    Keys(SigningKey),
}

impl Session {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        match self {
            Session::Show { token, audience } => show(console, token, audience.as_deref()).await,
            Session::Revoke { account, before, serial } => {
                let account = console.account(account.as_ref())?;
                let mut body = json!({});
                if let Some(before) = before {
                    body["issued_before"] = before.as_str().into();
                }
                if let Some(serial) = serial {
                    body["serial"] = serial.as_str().into();
                }
                let call = console
                    .client()
                    .post(&["v1", "accounts", &account, "revoke-sessions"])
                    .body(body);
                let answer = console.ask(call).await?;
                let with =
                    serial.as_ref().map_or_else(String::new, |serial| format!(" with {serial}"));
                let text = format!(
                    "Sessions of {account} opened{with} up to {} are over.",
                    text(&answer, "revoked_before")
                );
                Ok(Report::new(answer, text))
            }
            Session::Keys(keys) => keys.run(console).await,
        }
    }
}

async fn show(console: &Console, token: &str, audience: Option<&str>) -> Result<Report, Failure> {
    let token =
        if token == "-" { prompt::secret("Token")? } else { Zeroizing::new(token.to_owned()) };
    let mut body = json!({"token": token.trim()});
    if let Some(audience) = audience {
        body["audience"] = audience.into();
    }
    let answer = console
        .ask(console.client().post(&["v1", "sessions", "introspect"]).body(body))
        .await?;
    if answer.get("active") != Some(&Value::Bool(true)) {
        let text = "not active: it is over, revoked, for somebody else, or no token of this agent";
        let report = Report::new(answer, text).exit(Exit::Refused);
        let other = claimed_audience(&token, audience).map(|other| plain(&other));
        let hint = other.map(|other| format!("It says of itself that it is for {other:?}. If that is who you are: --audience {other}"));
        return Ok(hint.into_iter().fold(report, Report::note));
    }
    let text = answer.get("context").map(context).unwrap_or_default();
    Ok(Report::new(answer, text))
}

fn context(context: &Value) -> String {
    let is = |member: &str| context.get(member) == Some(&Value::Bool(true));
    let mut facts = vec![("Account", text(context, "account"))];
    if is("mfa_present") {
        let age = context
            .get("mfa_age_seconds")
            .and_then(Value::as_u64)
            .map(words::seconds)
            .unwrap_or_default();
        let methods = context.get("amr").and_then(Value::as_array).cloned().unwrap_or_default();
        let methods: Vec<String> = methods.iter().filter_map(Value::as_str).map(plain).collect();
        facts.push(("MFA", format!("proved {age} ago, at {}", text(context, "mfa_time"))));
        facts.push(("Device", format!("{} ({})", text(context, "serial"), text(context, "kind"))));
        facts.push(("Methods", methods.join(", ")));
        facts.push((
            "Phishing",
            if is("phishing_resistant") {
                "resistant"
            } else {
                "not resistant: a code can be typed into a false page"
            }
            .to_owned(),
        ));
        facts.push((
            "Hardware",
            if is("hardware_bound") { "known to keep its key in hardware" } else { "not known" }
                .to_owned(),
        ));
    } else {
        facts.push(("MFA", "none: nothing more than the account's name was given".to_owned()));
    }
    facts.push(("Audience", text(context, "audience")));
    facts.push(("Opened", words::at(context, "issued_at")));
    facts.push(("Over", words::at(context, "expires_at")));
    facts.push(("Id", text(context, "session_id")));
    words::facts(&facts)
}

/// The audience that a token names, if it is another than the one it was shown to. Nobody has
/// checked what it names.
fn claimed_audience(token: &str, shown_to: Option<&str>) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let (issuer, audience) = (claims.get("iss")?.as_str()?, claims.get("aud")?.as_str()?);
    (audience != shown_to.unwrap_or(issuer)).then(|| audience.to_owned())
}
