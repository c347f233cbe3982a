//! `twostep login`: a code, or a security key, buys a session.

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::key::{Plugged, open_session};
use crate::cli::output::{Failure, Report};
use crate::cli::prompt::PairPrompt;
use crate::cli::words::text;
use crate::cli::{prompt, refusal, words};
use crate::client::Error;
use crate::id::{AccountId, SerialNumber};

/// Open a session with a code, and print its token
///
/// The code is asked for, or read from standard input. It may be one that a device shows, a
/// recovery code, or a bypass code. With --key, a security key that is plugged in here is touched
/// instead. The token alone goes to standard output: twostep login > session.jwt
#[derive(clap::Args)]
pub(super) struct Login {
    /// Whose session it is [default: your login name]
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
            (true, _) => open_session(console, &self.plugged, self.body(&account)).await?,
            (false, true) => self.by_pair(console, &account).await?,
            (false, false) => self.by_code(console, &account).await?,
        };
        let context = opened.get("context").cloned().unwrap_or_default();
        let note = format!(
            "Session of {}, until {}.",
            text(&context, "account"),
            words::at(&context, "expires_at")
        );
        let token = text(&opened, "token");
        Ok(Report::new(opened, token).note(note))
    }

    async fn by_code(&self, console: &Console, account: &str) -> Result<Value, Failure> {
        let code = prompt::passcode(&match &self.serial {
            Some(serial) => format!("Code shown by {serial} now:"),
            None => format!("Code for {account}:"),
        })?;
        let mut body = self.body(account);
        body["code"] = code.as_str().into();
        if let Some(serial) = &self.serial {
            body["serial"] = serial.as_str().into();
        }
        let call = console.client().post(&["v1", "sessions"]).body(body);
        match console.try_to_ask(call).await {
            Ok(answer) => Ok(answer.body),
            Err(Error::Problem(problem))
                if problem.reason.as_deref() == Some("out_of_sync") && prompt::is_terminal() =>
            {
                let failure = refusal::failure(*problem);
                console.note(&format!(
                    "{failure}\nIts next two codes find it again, and open the session:"
                ));
                self.by_pair(console, account).await
            }
            Err(error) => Err(console.failure(error)),
        }
    }

    async fn by_pair(&self, console: &Console, account: &str) -> Result<Value, Failure> {
        let (serial, kind) = match &self.serial {
            Some(serial) => (serial.to_string(), None),
            None => only_device(console, account).await?,
        };
        let [first, second] = prompt::pair(&PairPrompt::new(&serial, kind.as_deref()))?;
        let mut body = self.body(account);
        body["serial"] = serial.into();
        body["codes"] = json!([first.as_str(), second.as_str()]);
        console.ask(console.client().post(&["v1", "sessions"]).body(body)).await
    }

    fn body(&self, account: &str) -> Value {
        let mut body = json!({"account": account});
        if let Some(duration) = self.duration {
            body["duration_seconds"] = duration.into();
        }
        if let Some(audience) = &self.audience {
            body["audience"] = audience.as_str().into();
        }
        body
    }
}

/// The one device of the account that shows codes, and its kind.
async fn only_device(
    console: &Console,
    account: &str,
) -> Result<(String, Option<String>), Failure> {
    let devices = console
        .ask_all("devices", || {
            console.client().get(&["v1", "devices"]).query("account", Some(account))
        })
        .await?;
    let is = |device: &Value, member: &str, values: &[&str]| {
        values.contains(&device.get(member).and_then(Value::as_str).unwrap_or(""))
    };
    let fits = |device: &&Value| {
        is(device, "kind", &["totp", "hotp"]) && is(device, "state", &["active", "locked"])
    };
    let fitting: Vec<&Value> = devices.iter().filter(fits).collect();
    match fitting.as_slice() {
        [device] => Ok((text(device, "serial"), Some(text(device, "kind")))),
        [] => Err(Failure::bad_input(format!("{account} has no device in use that shows codes"))
            .hint("See what there is: twostep device list")),
        several => {
            let serials: Vec<String> =
                several.iter().map(|device| text(device, "serial")).collect();
            Err(Failure::bad_input(format!("{account} has several devices"))
                .hint(format!("Say which: --serial {}", serials.join(" or "))))
        }
    }
}
