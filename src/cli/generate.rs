//! `twostep completions` and `twostep man`: made from the commands themselves, so that they never
//! say something else.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::json;

use crate::cli::output::{Exit, Failure, Report};

/// Print completions for a shell
///
/// bash: twostep completions bash > /etc/bash_completion.d/twostep
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Print the manual, or write one page for each command into a directory
///
/// To read it: twostep man | man -l -
#[derive(clap::Args)]
pub(super) struct Manual {
    /// The directory; it must be there
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command) -> Result<Report, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "twostep", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Ok(Report::verbatim(json!({"shell": self.shell.to_string(), "script": script}), script))
    }
}

impl Manual {
    pub(super) fn run(&self, mut command: Command) -> Result<Report, Failure> {
        command.build();
        match &self.directory {
            Some(directory) => {
                let mut written = Vec::new();
                write(&command, directory, &mut written)?;
                let text: String = written.iter().map(|page| format!("{page}\n")).collect();
                Ok(Report::new(json!({"pages": written}), text))
            }
            None => {
                let pages = pages(&command)?;
                Ok(Report::verbatim(json!({"roff": pages}), pages))
            }
        }
    }
}

/// Writes the page of a command and those of its subcommands.
fn write(command: &Command, directory: &Path, written: &mut Vec<String>) -> Result<(), Failure> {
    let path =
        directory.join(format!("{}.1", command.get_display_name().unwrap_or(command.get_name())));
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot write {}: {error}", path.display()))
    };
    std::fs::write(&path, page(command)?).map_err(failed)?;
    written.push(path.display().to_string());
    command
        .get_subcommands()
        .filter(|subcommand| subcommand.get_name() != "help")
        .try_for_each(|subcommand| write(subcommand, directory, written))
}

/// The page of a command, and those of its subcommands behind it.
fn pages(command: &Command) -> Result<String, Failure> {
    let subcommands =
        command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help");
    subcommands.map(pages).try_fold(page(command)?, |all, page| Ok(all + &page?))
}

fn page(command: &Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("twostep");
    man.render(&mut page).map_err(|error| {
        Failure::new(Exit::Unavailable, format!("the manual cannot be made: {error}"))
    })?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
