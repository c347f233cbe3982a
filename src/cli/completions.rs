//! `twostep completions`: scripts for shells, which ask the program itself.
//!
//! With the variable [`ASKED`] the program prints the words that may stand at the end of its
//! arguments: commands, options, values, and names that the agent knows.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, CommandFactory, ValueEnum};
use serde_json::json;
use tokio::runtime;
use tokio::time::timeout;

use crate::cli::output::{Failure, Report};
use crate::cli::{Program, console};
use crate::client::Client;
use crate::id::AccountId;

/// Print completions for a shell
///
/// Accounts, serial numbers and keys come from the agent. bash: twostep completions bash >
/// /etc/bash_completion.d/twostep
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The end of a command line.
struct End<'c> {
    command: &'c Command,
    /// The option whose value is at the end.
    option: Option<&'c Arg>,
    /// The number of values before the end that belong to no option.
    values: usize,
    /// The account that was named.
    account: Option<String>,
    /// The socket that was named.
    socket: Option<String>,
}

/// Names that the agent knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Accounts,
    Serials,
    AccessKeys,
    ApiKeys,
    Links,
    SigningKeys,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        let (name, script) = match self.shell {
            Shell::Bash => ("bash", BASH),
            Shell::Zsh => ("zsh", ZSH),
            Shell::Fish => ("fish", FISH),
        };
        Ok(Report::new(json!({"shell": name, "script": script}), script))
    }
}

/// Answers a shell that asks for words; false if none does.
pub(super) fn answered() -> bool {
    if std::env::var_os(ASKED).is_none() {
        return false;
    }
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut program = Program::command();
    program.build();
    let words: String =
        candidates(&program, &words).iter().map(|word| format!("{word}\n")).collect();
    // A shell that has gone wants no answer.
    let _ = std::io::stdout().write_all(words.as_bytes());
    true
}

/// The words that may stand in place of the last one.
fn candidates(program: &Command, words: &[String]) -> Vec<String> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let end = End::of(program, before);
    let (typed, mut found) = match (end.option, last.split_once('=')) {
        (Some(option), _) => (last.as_str(), end.values_of(option)),
        (None, Some((name, value))) if last.starts_with("--") => {
            let option = long(end.command, name.trim_start_matches('-'));
            let values = option.map(|option| end.values_of(option)).unwrap_or_default();
            return values
                .into_iter()
                .filter(|known| known.starts_with(value))
                .map(|known| format!("{name}={known}"))
                .collect();
        }
        _ if last.starts_with('-') => (last.as_str(), end.options()),
        _ => (last.as_str(), end.commands_and_values()),
    };
    found.retain(|word| word.starts_with(typed));
    found.sort();
    found.dedup();
    found
}

impl<'c> End<'c> {
    fn of(program: &'c Command, words: &[String]) -> End<'c> {
        let mut end =
            End { command: program, option: None, values: 0, account: None, socket: None };
        for word in words {
            if let Some(option) = end.option.take() {
                end.keep(option, word);
            } else if let Some(name) = word.strip_prefix("--") {
                let (name, value) =
                    name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
                let option = long(end.command, name).filter(|option| takes_value(option));
                match (option, value) {
                    (Some(option), Some(value)) => end.keep(option, value),
                    (option, _) => end.option = option,
                }
            } else if !word.starts_with('-') {
                end.walk(word);
            }
        }
        end
    }

    /// One word that is no option: a command below, or a value.
    fn walk(&mut self, word: &str) {
        match self.command.find_subcommand(word).filter(|_| self.values == 0) {
            Some(below) => self.command = below,
            None => self.values += 1,
        }
    }

    fn keep(&mut self, option: &Arg, value: &str) {
        match option.get_id().as_str() {
            "account" => self.account = Some(value.to_owned()),
            "socket" => self.socket = Some(value.to_owned()),
            _ => {}
        }
    }

    fn options(&self) -> Vec<String> {
        let shown = self.command.get_arguments().filter(|argument| !argument.is_hide_set());
        shown.filter_map(Arg::get_long).map(|name| format!("--{name}")).collect()
    }

    fn commands_and_values(&self) -> Vec<String> {
        let below = self.command.get_subcommands().filter(|below| !below.is_hide_set());
        let mut words: Vec<String> = match self.values {
            0 => below.map(|below| below.get_name().to_owned()).collect(),
            _ => Vec::new(),
        };
        let argument = self.command.get_positionals().nth(self.values);
        words.extend(argument.into_iter().flat_map(|argument| self.values_of(argument)));
        words
    }

    fn values_of(&self, argument: &Arg) -> Vec<String> {
        match self.known(argument) {
            Some(known) => self.ask(known),
            None => argument
                .get_possible_values()
                .iter()
                .filter(|value| !value.is_hide_set())
                .map(|value| value.get_name().to_owned())
                .collect(),
        }
    }

    /// The names that an argument takes. Those of things that are yet to be made are unknown.
    fn known(&self, argument: &Arg) -> Option<Known> {
        let command = self.command.get_name();
        match (argument.get_id().as_str(), command) {
            ("serial", "add") => None,
            ("account", _) => Some(Known::Accounts),
            ("serial", _) => Some(Known::Serials),
            ("kid", _) => Some(Known::SigningKeys),
            ("id", "activate" | "deactivate" | "delete") => Some(Known::AccessKeys),
            ("id", "revoke") => Some(Known::ApiKeys),
            ("id", "withdraw") => Some(Known::Links),
            _ => None,
        }
    }

    /// Asks the agent, for a moment; an agent that is away knows nothing.
    fn ask(&self, known: Known) -> Vec<String> {
        let named = self.socket.clone().map(PathBuf::from);
        let named = named.or_else(|| std::env::var_os("TWOSTEP_SOCKET").map(PathBuf::from));
        let client = Client::unix(named.unwrap_or_else(console::socket_to_reach));
        let account = self.account.as_deref().and_then(|name| AccountId::existing(name).ok());
        let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
            return Vec::new();
        };
        let asked = async { timeout(PATIENCE, names(&client, known, account.as_ref())).await };
        let mut names = runtime.block_on(asked).unwrap_or_default();
        names.retain(|name| is_plain(name));
        names
    }
}

async fn names(client: &Client, known: Known, account: Option<&AccountId>) -> Vec<String> {
    let found = match known {
        Known::Accounts => client.all_accounts(false).await.map(|accounts| {
            accounts
                .iter()
                .map(|account| account.account.to_string())
                .collect::<Vec<String>>()
        }),
        Known::Serials => client
            .all_devices(account, None)
            .await
            .map(|devices| devices.iter().map(|device| device.serial.to_string()).collect()),
        Known::AccessKeys => client
            .access_keys()
            .await
            .map(|keys| keys.access_keys.iter().map(|key| key.access_key_id.clone()).collect()),
        Known::ApiKeys => client
            .api_keys()
            .await
            .map(|keys| keys.api_keys.iter().map(|key| key.id.clone()).collect()),
        Known::Links => client
            .all_console_links()
            .await
            .map(|links| links.iter().map(|link| link.id.clone()).collect()),
        Known::SigningKeys => client
            .signing_keys()
            .await
            .map(|keys| keys.signing_keys.iter().map(|key| key.kid.clone()).collect()),
    };
    found.unwrap_or_default()
}

fn long<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|argument| argument.get_long() == Some(name))
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// True for a name that no shell takes for anything else.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || "._@+:=/,-".contains(c))
}

/// Set where the arguments are words to be completed.
const ASKED: &str = "_TWOSTEP_COMPLETE";

/// The time that a person does not notice.
const PATIENCE: Duration = Duration::from_millis(200);

const BASH: &str = "\
_twostep() {
    local IFS=$'\\n'
    local typed=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")
    COMPREPLY=($(_TWOSTEP_COMPLETE=1 \"${COMP_WORDS[0]}\" \"${typed[@]}\" 2>/dev/null))
}
complete -o default -F _twostep twostep
";

const ZSH: &str = "\
#compdef twostep
_twostep() {
    local -a found
    found=(${(f)\"$(_TWOSTEP_COMPLETE=1 ${words[1]} \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})
    if (( ${#found} )); then compadd -a found; else _files; fi
}
if [ \"$funcstack[1]\" = _twostep ]; then _twostep \"$@\"; else compdef _twostep twostep; fi
";

const FISH: &str = "\
function __twostep_words
    set -l words (commandline -opc) (commandline -ct)
    _TWOSTEP_COMPLETE=1 $words[1] $words[2..-1] 2>/dev/null
end
complete -c twostep -a '(__twostep_words)'
";
