//! A ceremony with a key that is plugged in here: the agent asks, the key answers, the agent
//! judges.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::TypedValueParser;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agent::config::{Config, Paths};
use crate::cli::console::Console;
use crate::cli::key::person::AtTerminal;
use crate::cli::output::{Exit, Failure};
use crate::cli::refusal::Task;
use crate::id::AccountId;
use crate::usb;
use crate::usb::{Cancel, Options};
use crate::webauthn::Origin;

/// Access to a key that is plugged in here, and the origin it answers for.
#[derive(clap::Args)]
#[command(next_help_heading = "Security key")]
pub(in crate::cli) struct Plugged {
    /// The web origin that this machine stands for; it must belong to the RP ID of the agent
    /// [default: the first in the agent's configuration]
    #[arg(long, value_name = "URL", env = "TWOSTEP_ORIGIN")]
    origin: Option<String>,
    /// For how many seconds to wait for a key, its PIN and its touch
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = seconds())]
    wait: u64,
    /// Use only the key at this device node
    #[arg(long, value_name = "PATH")]
    hidraw: Option<PathBuf>,
}

fn seconds() -> impl TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(1..=290)
}

impl Plugged {
    /// Lets a key answer `options`, which the agent sent; `ceremony` is one of those in `usb`.
    pub(super) async fn answer<O, R>(
        &self,
        console: &Console,
        options: &Value,
        ceremony: Ceremony<O, R>,
    ) -> Result<Value, Failure>
    where
        O: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
    {
        let unclear = |error: serde_json::Error| {
            Failure::new(Exit::Unavailable, format!("the agent and this program differ: {error}"))
        };
        let (asked, origin) =
            (O::deserialize(options).map_err(unclear)?, self.origin(console.socket())?);
        let (cancel, path) = (Cancel::default(), self.hidraw.clone());
        let how = Options {
            deadline: Duration::from_secs(self.wait),
            cancel: cancel.clone(),
            only: path,
        };
        let at_key = move || ceremony(&how, &asked, &origin, &mut AtTerminal::default());
        let answered = interruptible(cancel, at_key).await?.map_err(failure)?;
        serde_json::to_value(answered).map_err(unclear)
    }

    /// The origin of the configuration, never of the agent's request: a program that listens on the
    /// socket may not choose for whom a key answers.
    fn origin(&self, socket: &Path) -> Result<Origin, Failure> {
        const HINT: &str = "Say it with --origin https://login.example.com";
        let Some(origin) = &self.origin else {
            let config = Config::of_agent_behind(socket)
                .map_err(|error| Failure::bad_input(error.to_string()))?;
            let none = || {
                let file = Paths::of_this_process().config_behind(socket);
                Failure::bad_input(format!("{} has no origin of a web page", file.display()))
                    .hint(HINT)
            };
            return config.own_origin().ok_or_else(none);
        };
        origin
            .parse()
            .map_err(|error| Failure::bad_input(format!("{origin}: {error}")).hint(HINT))
    }
}

/// [`usb::register`] or [`usb::authenticate`].
pub(super) type Ceremony<O, R> =
    fn(&Options, &O, &Origin, &mut dyn usb::Person) -> Result<R, usb::Error>;

/// The answer of a security key of the account to a sign-in, with the ceremony's id.
pub(in crate::cli) async fn answer(
    console: &Console,
    plugged: &Plugged,
    account: &AccountId,
) -> Result<(String, Value), Failure> {
    let begun = console.client().begin_authentication(account).await;
    let begun = begun.map_err(console.failing(Task::LoginByKey))?;
    let credential = plugged.answer(console, &begun.public_key, usb::authenticate).await?;
    Ok((begun.ceremony_id, credential))
}

/// Runs `work` on a thread of its own. An interrupt stops it, so that no key is left blinking.
async fn interruptible<T: Send + 'static>(
    cancel: Cancel,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let mut work = tokio::task::spawn_blocking(work);
    let done = tokio::select! {
        done = &mut work => done,
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            work.await
        }
    };
    done.map_err(|error| {
        Failure::new(Exit::Unavailable, format!("the security key could not be used: {error}"))
    })
}

/// The failure of a key that did not answer, with what helps.
pub(super) fn failure(error: usb::Error) -> Failure {
    use usb::Error::*;
    let exit = match &error {
        Cancelled
        | Declined
        | AlreadyEnrolled(_)
        | PinWrong { .. }
        | PinNotSet
        | PinMustChange
        | Full => Exit::Refused,
        PinNotGiven | BadRequest(_) => Exit::BadInput,
        Bus(_) | Child(_) => Exit::Unavailable,
        _ => Exit::NoKey,
    };
    let hint = matches!(
        error,
        NoKey
            | NotAllowed { .. }
            | NotAsked { .. }
            | Busy
            | Slow
            | Silent
            | Misbehaved(_)
            | Bus(_)
            | Refused(_)
    );
    let failure = Failure::new(exit, error.to_string());
    if hint { failure.hint("Look for the fault: twostep key doctor") } else { failure }
}
