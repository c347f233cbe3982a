//! The page of a command, from the command itself.

use clap::{Arg, ArgAction, Command};

use crate::cli::examples::examples;
use crate::cli::manual::roff::Page;
use crate::cli::manual::shared;

/// The name of a command, and its page in section 1. `above` is the page of the command above it.
pub(super) fn page(command: &Command, above: Option<&str>) -> (String, String) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let called = command.get_bin_name().unwrap_or(&name);
    let mut page = Page::new(&name, 1);
    let about = text(command.get_about());
    page.name(&name, about.split('\n').next().unwrap_or_default());
    page.section("SYNOPSIS");
    page.paragraph(&synopsis(command, called));
    page.section("DESCRIPTION");
    let long = command.get_long_about().map_or(about, |about| about.to_string());
    paragraphs(&mut page, &long);
    subcommands(&mut page, command);
    options(&mut page, command);
    page.section("EXIT STATUS");
    shared::EXIT_STATUS.iter().for_each(|(exit, text)| page.item(exit, text));
    page.section("ENVIRONMENT");
    shared::ENVIRONMENT.iter().for_each(|(name, text)| page.item(name, text));
    page.section("FILES");
    shared::FILES.iter().for_each(|(name, text)| page.item(name, text));
    let shown = examples(called);
    if !shown.is_empty() {
        page.section("EXAMPLES");
        shown
            .iter()
            .for_each(|(command, does)| page.example(&format!("{does}:"), command));
    }
    page.see_also(&see_also(command, above));
    (name, page.finish())
}

/// Subcommands that people type.
pub(super) fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    let typed = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    command.get_subcommands().filter(typed)
}

fn synopsis(command: &Command, called: &str) -> String {
    let mut words = vec![called.to_owned(), "[OPTIONS]".to_owned()];
    if visible(command).next().is_some() {
        words.push("COMMAND".to_owned());
    }
    for argument in command.get_positionals() {
        let name = value_names(argument);
        words.push(if argument.is_required_set() { name } else { format!("[{name}]") });
    }
    words.join(" ")
}

fn subcommands(page: &mut Page, command: &Command) {
    let mut subcommands = visible(command).peekable();
    if subcommands.peek().is_none() {
        return;
    }
    page.section("COMMANDS");
    for subcommand in subcommands {
        let name = subcommand.get_display_name().unwrap_or(subcommand.get_name());
        page.item(&format!("{name}(1)"), &text(subcommand.get_about()));
    }
}

/// Arguments first, then the options of the command, then those of every command.
fn options(page: &mut Page, command: &Command) {
    let shown = |argument: &&Arg| !argument.is_hide_set();
    let (all, own): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(shown)
        .partition(|argument| argument.is_global_set());
    for (heading, arguments) in [("OPTIONS", own), ("GLOBAL OPTIONS", all)] {
        if arguments.is_empty() {
            continue;
        }
        page.section(heading);
        for argument in arguments {
            page.item(&spelt(argument), &explained(argument));
        }
    }
}

/// An argument as it is typed: `-q, --quiet`, `--socket PATH`, `SERIAL`.
fn spelt(argument: &Arg) -> String {
    if argument.is_positional() {
        return value_names(argument);
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let flags = flags.join(", ");
    let takes = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    if takes { format!("{flags} {}", value_names(argument)) } else { flags }
}

fn value_names(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    if names.is_empty() { argument.get_id().as_str().to_uppercase() } else { names.join(" ") }
}

fn explained(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = vec![help.map(ToString::to_string).unwrap_or_default()];
    let values = argument.get_possible_values();
    let values: Vec<&str> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name())
        .collect();
    if !values.is_empty() && !matches!(argument.get_action(), ArgAction::SetTrue) {
        text.push(format!("[values: {}]", values.join(", ")));
    }
    let defaults = argument.get_default_values();
    let defaults: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
    let is_flag = !matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    if !defaults.is_empty() && !is_flag {
        text.push(format!("[default: {}]", defaults.join(" ")));
    }
    text.extend(argument.get_env().map(|name| format!("[env: {}]", name.to_string_lossy())));
    text.join(" ")
}

fn paragraphs(page: &mut Page, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        page.paragraph(paragraph);
    }
}

/// The page above, the pages of subcommands, and those of the whole.
fn see_also(command: &Command, above: Option<&str>) -> Vec<(String, u8)> {
    let below = visible(command).filter_map(Command::get_display_name);
    let mut pages: Vec<(String, u8)> =
        above.into_iter().chain(below).map(|name| (name.to_owned(), 1)).collect();
    pages.sort();
    let whole = [("twostep.toml", 5), ("twostep", 7), ("pam_twostep", 8)];
    pages.extend(whole.map(|(name, section)| (name.to_owned(), section)));
    pages
}

fn text(about: Option<&clap::builder::StyledStr>) -> String {
    about.map(ToString::to_string).unwrap_or_default()
}
