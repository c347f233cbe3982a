//! One call of the program: its flags, its agent, its notes.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use zeroize::Zeroizing;

use crate::agent::config::Paths;
use crate::cli::output::{Exit, Failure};
use crate::cli::page::Colour;
use crate::cli::refusal::{Subject, Task};
use crate::cli::{output, prompt, refusal, words};
use crate::client::{Client, Error};
use crate::http::Cause;
use crate::id::{AccountId, BadName};

/// Flags of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The Unix socket where the agent listens
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "PATH",
        env = "TWOSTEP_SOCKET",
        hide_env_values = true
    )]
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
    /// Use colours and bold letters; NO_COLOR, CLICOLOR and TERM=dumb are heeded
    #[arg(long, global = true, display_order = 904, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// A session of the account's owner, in a file (-: standard input), in place of the one that
    /// login keeps; changing the devices of a protected account needs one
    #[arg(
        long,
        global = true,
        display_order = 905,
        value_name = "FILE|-",
        env = "TWOSTEP_MFA_CONTEXT",
        hide_env_values = true
    )]
    mfa_context: Option<PathBuf>,
}

/// The surroundings of a command: its flags, and clients of the agent.
pub(super) struct Console {
    client: Client,
    socket: PathBuf,
    /// The session of `--mfa-context`.
    given: Option<Zeroizing<String>>,
    json: bool,
}

impl Global {
    /// Reads the files and variables that the flags name.
    pub(super) fn open(self) -> Result<Console, Failure> {
        let socket = self.socket();
        let mut client = Client::unix(&socket);
        if self.verbose {
            client = client.observed(trace);
        }
        let given = self.mfa_context.as_deref().map(read_context).transpose()?;
        Ok(Console { client, socket, given, json: self.json })
    }

    /// The configuration file of the agent that would be asked.
    pub(super) fn config_file(&self) -> PathBuf {
        Paths::of_this_process().config_behind(&self.socket())
    }

    fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(socket_to_reach)
    }

    pub(super) fn colour(&self) -> Colour {
        self.color
    }

    pub(super) fn json(&self) -> bool {
        self.json
    }

    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// The socket that a flag names, which the next command would not find by itself.
    pub(super) fn named_socket(&self) -> Option<PathBuf> {
        let found = std::env::var_os("TWOSTEP_SOCKET").map(PathBuf::from);
        let found = found.unwrap_or_else(socket_to_reach);
        self.socket.clone().filter(|socket| *socket != found)
    }

    pub(super) fn into_socket(self) -> Option<PathBuf> {
        self.socket
    }
}

impl Console {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The socket where the agent listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The session that was given by a flag or a variable, in place of those that are kept.
    pub(super) fn given(&self) -> Option<&Zeroizing<String>> {
        self.given.as_ref()
    }

    /// True if a person is at a terminal, types there and reads there.
    pub(super) fn is_interactive(&self) -> bool {
        !self.json && prompt::is_terminal() && std::io::stdout().is_terminal()
    }

    /// True if the output is for a person at a terminal.
    pub(super) fn is_read_by_a_person(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// The command that opens a session of this account for the user who runs this.
    pub(super) fn login_command(&self, account: &AccountId) -> String {
        let own = self.account(None).is_ok_and(|own| own == *account);
        match own {
            true => "twostep login".to_owned(),
            false => format!("twostep login --account {}", words::quoted(account.as_str())),
        }
    }

    /// The account that is meant: the one that was named, or that of the user who runs this.
    pub(super) fn account(&self, named: Option<&AccountId>) -> Result<AccountId, Failure> {
        if let Some(named) = named {
            return Ok(named.clone());
        }
        let uid = Uid::current();
        let nameless = || {
            Failure::bad_input(format!("the user {uid} has no login name"))
                .hint("Say whose account it is: --account NAME")
        };
        let user = User::from_uid(uid).ok().flatten().ok_or_else(nameless)?;
        AccountId::existing(&user.name).map_err(|error| Failure::bad_input(error.to_string()))
    }

    /// The failure of this task, from what went wrong with its request.
    pub(super) fn failing(&self, task: Task) -> impl Fn(Error) -> Failure + Copy {
        move |error| self.failure(task, error)
    }

    /// The failure of a task that is about this device or account.
    pub(super) fn failing_of<'a>(
        &self,
        task: Task,
        subject: &'a Subject,
    ) -> impl Fn(Error) -> Failure + 'a {
        move |error| failure_of(task, subject, error)
    }

    /// The failure of this task, in words and with what helps.
    pub(super) fn failure(&self, task: Task, error: Error) -> Failure {
        failure_of(task, &Subject::default(), error)
    }
}

/// The failure of a task that is about this device or account, in words and with what helps.
fn failure_of(task: Task, subject: &Subject, error: Error) -> Failure {
    let message = output::plain(&error.to_string());
    match error {
        Error::Problem(problem) => refusal::failure(task, subject, *problem),
        Error::Unreachable { endpoint, cause } => {
            unreachable(message, endpoint.socket().unwrap_or(Path::new("")), &cause)
        }
        _ => Failure::new(Exit::Unavailable, message).hint("Look for the fault: twostep doctor"),
    }
}

/// An account that is there already, as `account list` shows it: characters that print as nothing
/// are spelt out there (`\u{ad}`), and read back.
pub(super) fn existing_account(text: &str) -> Result<AccountId, BadName> {
    AccountId::existing(&output::read_back(text))
}

/// Says what was asked of the agent, and what came of it.
fn trace(asked: &str, outcome: Result<u16, &Error>) {
    let outcome = outcome.map_or_else(|error| error.to_string(), |status| status.to_string());
    output::note(&output::plain(&format!("{asked}: {outcome}")));
}

fn unreachable(message: String, socket: &Path, cause: &Cause) -> Failure {
    let failure = Failure::new(Exit::Unavailable, message);
    match cause {
        Cause::NotThere | Cause::NotListening => {
            let agent = if socket == socket_to_reach() {
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

/// The user who runs this, for people.
pub(super) fn whoami() -> String {
    let uid = Uid::effective();
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("{} (uid {uid})", user.name),
        _ => format!("uid {uid}"),
    }
}

/// The users who may use a socket, and how to become one of them.
fn permissions(socket: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(socket) = std::fs::metadata(socket) else {
        return "The directory of the socket is closed to you: run this as the user who runs the \
                agent, or with sudo."
            .to_owned();
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
        "The socket is for {owner} and the group {group} (mode {mode:03o}): run this with sudo, \
         or join the group {group}."
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

/// The socket of the agent that is asked where none is named.
pub(super) fn socket_to_reach() -> PathBuf {
    Paths::of_this_process().socket_to_reach()
}
