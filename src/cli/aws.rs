//! `twostep aws`: temporary credentials for the clients of AWS.

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::console::Console;
use crate::cli::login::{Opening, summary};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{kept, output, prompt, whoami, words};
use crate::wire::AskAwsCredentials;

/// Open sessions for the clients of AWS, with a code or a security key
#[derive(Subcommand)]
pub(super) enum Aws {
    /// Print temporary credentials, as the setting credential_process of AWS's clients takes them
    ///
    /// The session is kept like that of twostep login: as long as it is alive, and not about to
    /// end, no code is asked for. The prompt is on the terminal, even where the client passes no
    /// input on.
    Credentials {
        #[command(flatten)]
        opening: Opening,
    },
}

impl Aws {
    pub(super) async fn run(self, console: &Console) -> Result<Report, Failure> {
        let Aws::Credentials { opening } = self;
        let opening = opening.or_for(AUDIENCE);
        let token = match kept_token(console, &opening).await? {
            Some(token) => token,
            None => opened_token(console, &opening).await?,
        };
        let ask = AskAwsCredentials { token: token.as_str().into(), duration_seconds: None };
        let made = console.client().aws_credentials(&ask).await;
        let made = made.map_err(console.failing(Task::Other))?;
        let document = json!({
            "Version": 1,
            "AccessKeyId": plain(&made.access_key_id),
            "SecretAccessKey": plain(made.secret_access_key.as_str()),
            "SessionToken": plain(made.session_token.as_str()),
            "Expiration": made.expires_at,
        });
        let text = document.to_string();
        Ok(Report::verbatim(document, text))
    }
}

/// The token of the session that is kept, if it is alive, proves MFA as asked, and lasts a while.
async fn kept_token(
    console: &Console,
    opening: &Opening,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let account = console.account(opening.account())?;
    let Some(kept) = kept::one(console.socket(), &account, opening.audience()) else {
        return Ok(None);
    };
    let alive = whoami::read(console, &kept).await?;
    let alive = alive.filter(|context| words::seconds_from_now(*context.expires_at) > AHEAD);
    let proof = alive.and_then(|context| context.mfa);
    let proves = proof.is_some_and(|mfa| opening.is_met_by(&mfa));
    Ok(proves.then_some(kept.token))
}

async fn opened_token(console: &Console, opening: &Opening) -> Result<Zeroizing<String>, Failure> {
    prompt::ask_the_terminal_without_input();
    let opened = opening.open(console).await?;
    output::note(&summary(&opened.context));
    if let Err(failure) = kept::keep(console.socket(), opened.token.as_str()) {
        output::note(&failure.to_string());
    }
    Ok(Zeroizing::new(opened.token.as_str().to_owned()))
}

/// The audience of contexts that become credentials, unless the agent is configured otherwise.
const AUDIENCE: &str = "sts.amazonaws.com";

/// Seconds before its end from which a session is not used any more: clients ask for credentials
/// that last.
const AHEAD: i64 = 300;
