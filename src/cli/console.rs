//! One call of the program: its flags, its agent, its notes.

use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::output::{Exit, Failure};
use crate::cli::{output, prompt, refusal};
use crate::client::{Answer, Call, Client, Error};
use crate::http::Cause;
use crate::id::{AccountId, BadName};

/// What every command understands.
#[derive(clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The Unix socket where the agent listens
    #[arg(long, global = true, display_order = 900, value_name = "PATH", env = "TWOSTEP_SOCKET")]
    socket: Option<PathBuf>,
    /// Print one JSON document, and nothing else, on standard output
    #[arg(long, global = true, display_order = 901)]
    json: bool,
    /// Say nothing but what was asked for, and errors
    #[arg(short, long, global = true, display_order = 902, conflicts_with = "verbose")]
    quiet: bool,
    /// Say what is asked of the agent
    #[arg(short, long, global = true, display_order = 903)]
    verbose: bool,
    /// A session of the account's owner, in a file (-: standard input); changing the devices of a
    /// protected account needs one
    #[arg(
        long,
        global = true,
        display_order = 904,
        value_name = "FILE|-",
        env = "TWOSTEP_MFA_CONTEXT",
        hide_env_values = true
    )]
    mfa_context: Option<PathBuf>,
}

/// What a command works with.
pub(super) struct Console {
    global: Global,
    client: Client,
    mfa_context: Option<Zeroizing<String>>,
}

impl Global {
    /// Reads what the flags point at.
    pub(super) fn open(self) -> Result<Console, Failure> {
        let socket = self.socket.clone().unwrap_or_else(default_socket);
        let mfa_context = self.mfa_context.as_deref().map(read_context).transpose()?;
        Ok(Console { client: Client::unix(socket), global: self, mfa_context })
    }

    pub(super) fn json(&self) -> bool {
        self.json
    }

    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    pub(super) fn into_socket(self) -> Option<PathBuf> {
        self.socket
    }
}

impl Console {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What a person has to know before they are asked something.
    pub(super) fn note(&self, text: &str) {
        if !self.global.quiet && !self.global.json {
            output::note(text);
        }
    }

    /// What helps to find a fault.
    pub(super) fn trace(&self, text: &str) {
        if self.global.verbose {
            output::note(text);
        }
    }

    /// Asks the agent and takes what it answers.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<Value, Failure> {
        Ok(self.ask_whole(call).await?.body)
    }

    /// Asks the agent to change the devices of an account, with the owner's proof if there is one.
    pub(super) async fn ask_with_proof(&self, call: Call<'_>) -> Result<Value, Failure> {
        self.ask(call.mfa_context(self.mfa_context.as_deref().map(String::as_str)))
            .await
    }

    /// Asks the agent for everything that a list has, page by page.
    pub(super) async fn ask_all<'a>(
        &'a self,
        list: &str,
        page: impl Fn() -> Call<'a>,
    ) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut body = self
                .ask(page().query("limit", Some("1000")).query("after", after.as_deref()))
                .await?;
            if let Some(found) = body.get_mut(list).and_then(Value::as_array_mut) {
                items.append(found);
            }
            match body.get("next").and_then(Value::as_str) {
                Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
                _ => return Ok(items),
            }
        }
    }

    pub(super) async fn ask_whole(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let line = call.to_string();
        let answer = self.try_to_ask(call).await;
        answer
            .map_err(|error| self.failure(error))
            .inspect_err(|failure| self.trace(&format!("{line}: {failure}")))
    }

    /// The same, for those who look at what is wrong.
    pub(super) async fn try_to_ask(&self, call: Call<'_>) -> Result<Answer, Error> {
        let line = call.to_string();
        let answer = call.send().await?;
        self.trace(&format!("{line}: {}", answer.status));
        Ok(answer)
    }

    /// The account that is meant: the one that was named, or that of whoever runs this.
    pub(super) fn account(&self, named: Option<&AccountId>) -> Result<String, Failure> {
        if let Some(named) = named {
            return Ok(named.to_string());
        }
        let uid = Uid::current();
        let user = User::from_uid(uid).ok().flatten();
        let nameless = || {
            Failure::bad_input(format!("the user {uid} has no login name"))
                .hint("Say whose account it is: --account NAME")
        };
        Ok(user.ok_or_else(nameless)?.name)
    }

    /// What a person is told who was not answered.
    pub(super) fn failure(&self, error: Error) -> Failure {
        let message = output::plain(&error.to_string());
        match error {
            Error::Problem(problem) => refusal::failure(*problem),
            Error::Unreachable { endpoint, cause } => {
                unreachable(message, endpoint.socket().unwrap_or(Path::new("")), &cause)
            }
            _ => {
                Failure::new(Exit::Unavailable, message).hint("Look for the fault: twostep doctor")
            }
        }
    }
}

/// An account that is there already, as `account list` shows it: characters that print as nothing
/// are spelt out there (`\u{ad}`), and read back.
pub(super) fn existing_account(text: &str) -> Result<AccountId, BadName> {
    AccountId::existing(&output::read_back(text))
}

fn unreachable(message: String, socket: &Path, cause: &Cause) -> Failure {
    let failure = Failure::new(Exit::Unavailable, message);
    match cause {
        Cause::NotThere | Cause::NotListening => {
            let agent = if socket == default_socket() {
                String::new()
            } else {
                format!("TWOSTEP_SOCKET={} ", socket.display())
            };
            failure
                .hint(format!("Start one: {agent}twostep agent"))
                .hint("Or say where it listens: --socket PATH, or the variable TWOSTEP_SOCKET")
        }
        Cause::NotAllowed => failure.hint(format!("You are {}. {}", whoami(), permissions(socket))),
        _ => failure.hint("Look for the fault: twostep doctor"),
    }
}

/// Who runs this, for people.
pub(super) fn whoami() -> String {
    let uid = Uid::effective();
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("{} (uid {uid})", user.name),
        _ => format!("uid {uid}"),
    }
}

/// Who may use a socket, and how to become one of them.
fn permissions(socket: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(socket) = std::fs::metadata(socket) else {
        return "The directory of the socket is closed to you: run this as the user who runs the agent, or with sudo.".to_owned();
    };
    let owner = User::from_uid(Uid::from_raw(socket.uid()))
        .ok()
        .flatten()
        .map_or(socket.uid().to_string(), |user| user.name);
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(socket.gid()))
        .ok()
        .flatten();
    let group = group.map_or(socket.gid().to_string(), |group| group.name);
    let mode = socket.mode() & 0o777;
    format!(
        "The socket is for {owner} and the group {group} (mode {mode:03o}): run this with sudo, or join the group {group}."
    )
}

fn read_context(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if path == Path::new("-") {
        return prompt::secret("A session of the account's owner (twostep login prints one)");
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| {
        Failure::bad_input(format!("cannot read the MFA context in {}: {error}", path.display()))
    })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn default_socket() -> PathBuf {
    crate::agent::config::Paths::of_this_process().socket_to_reach()
}
