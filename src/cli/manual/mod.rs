//! `twostep man`: the pages of every command, of the configuration and of the whole, made from what
//! they tell of.

mod command;
mod configuration;
mod overview;
mod roff;
mod shared;

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::cli::output::{Exit, Failure, Report};

/// Open the manual, or write its pages into a directory
///
/// On a terminal it opens in a pager. In a pipe the pages are printed as roff, one after the other:
/// twostep man | man -l -
#[derive(clap::Args)]
pub(super) struct Manual {
    /// The directory that gets one file for each page; it must be there
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A page of the manual.
struct Page {
    /// The name of its file: `twostep-login.1`.
    file: String,
    roff: String,
}

impl Manual {
    pub(super) fn run(&self, mut command: clap::Command) -> Result<Report, Failure> {
        command.build();
        let pages = pages(&command);
        if let Some(directory) = &self.directory {
            let written = pages.iter().map(|page| page.write(directory));
            let written = written.collect::<Result<Vec<String>, Failure>>()?;
            let text: String = written.iter().map(|page| format!("{page}\n")).collect();
            return Ok(Report::new(json!({"pages": written}), text));
        }
        let roff: String = pages.into_iter().map(|page| page.roff).collect();
        if stdout().is_terminal() && shown(&roff) {
            return Ok(Report::new(json!({"shown": true}), ""));
        }
        Ok(Report::new(json!({"roff": roff}), roff))
    }
}

impl Page {
    fn write(&self, directory: &Path) -> Result<String, Failure> {
        let path = directory.join(&self.file);
        std::fs::write(&path, &self.roff).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(path.display().to_string())
    }
}

/// The whole manual: the overview, the commands, the configuration.
fn pages(program: &clap::Command) -> Vec<Page> {
    let mut pages = vec![Page { file: "twostep.7".to_owned(), roff: overview::page() }];
    add(program, None, &mut pages);
    pages.push(Page { file: "twostep.toml.5".to_owned(), roff: configuration::page() });
    pages
}

fn add(command: &clap::Command, above: Option<&str>, pages: &mut Vec<Page>) {
    let (name, roff) = command::page(command, above);
    pages.push(Page { file: format!("{name}.1"), roff });
    command::visible(command).for_each(|subcommand| add(subcommand, Some(&name), pages));
}

/// Shows pages in the pager of the system's manual; false if it has none.
fn shown(roff: &str) -> bool {
    let viewers = [("man", &["-l", "-"][..]), ("mandoc", &["-a"])];
    viewers.iter().any(|(viewer, arguments)| {
        let started = Command::new(viewer).args(*arguments).stdin(Stdio::piped()).spawn();
        let Ok(mut viewer) = started else { return false };
        // A reader that has seen enough closes the pipe.
        let _ = viewer.stdin.take().map(|mut input| input.write_all(roff.as_bytes()));
        viewer.wait().is_ok_and(|ended| ended.success())
    })
}
