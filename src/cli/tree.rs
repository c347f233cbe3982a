//! The tree of commands as people see it: grouped by who uses a command, each with examples.

use std::io::stdout;

use clap::Command;

use crate::cli::examples;
use crate::cli::page::{self, Page};

/// Commands by who uses them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("To sign in", &["login", "whoami", "logout", "run", "session", "key", "aws"]),
    ("To look after devices and accounts", &["device", "account", "console", "fleet", "audit"]),
    (
        "To run the agent",
        &["agent", "config", "doctor", "store", "clock", "api-key", "access-key", "pam-check"],
    ),
    ("To protect a service", &["policy"]),
    ("To learn more", &["demo", "simulate", "man", "completions", "help"]),
];

/// Adds groups and examples to the help of the program.
pub(super) fn shown(program: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n\
         {{options}}{{after-help}}",
        groups(&program)
    );
    with_examples(program.help_template(template), "twostep")
}

fn groups(program: &Command) -> String {
    let named = |name: &str| program.get_subcommands().find(|command| command.get_name() == name);
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let rows: Vec<(String, String)> = names
            .iter()
            .filter_map(|name| {
                let about = named(name).and_then(Command::get_about).map(ToString::to_string);
                let about = about.or_else(|| (*name == "help").then(|| HELP.to_owned()))?;
                Some((format!("  {name:<12}"), about))
            })
            .collect();
        let rows: Vec<(&str, &str)> =
            rows.iter().map(|(name, about)| (name.as_str(), about.as_str())).collect();
        text += &format!("{heading}:\n{}\n", page::facts(&rows));
    }
    Page::of(&stdout()).lay_out(&text)
}

fn with_examples(command: Command, called: &str) -> Command {
    let after = command.get_after_help().map(ToString::to_string);
    let shown: Vec<String> = examples::in_help(called).into_iter().chain(after).collect();
    let command =
        if shown.is_empty() { command } else { command.after_long_help(shown.join("\n\n")) };
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let called = format!("{called} {name}");
        command.mut_subcommand(name, |subcommand| with_examples(subcommand, &called))
    })
}

const HELP: &str = "Print this message, or the help of a command";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Program;

    #[test]
    fn every_command_is_in_one_group() {
        let program = Program::command();
        for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&command.get_name()));
            assert_eq!(groups.count(), 1, "{}", command.get_name());
        }
    }

    #[test]
    fn examples_are_commands_as_they_can_be_typed() {
        for (called, examples) in examples::EXAMPLES {
            for (typed, _) in *examples {
                assert!(typed.starts_with(called), "{typed} is no {called}");
                let words = typed.split(['<', '>']).next().unwrap().split_whitespace();
                let parsed = Program::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
            }
        }
    }
}
