//! The program: one file for each command.
//!
//! A command returns what it found and prints nothing; [`output`] says it to people or as one JSON document. Prompts and
//! notes go to standard error. Codes and secrets come from a prompt or from standard input, never from an argument.

mod demo;
mod output;
mod qr;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::cli::output::Exit;
use crate::cli::output::Failure;
use crate::cli::output::Report;

/// Multi-factor verification: enrol tokens, mend the ones that drift, open sessions that any service can check.
#[derive(Parser)]
#[command(name = "twostep", version, max_term_width = 100, disable_help_subcommand = false)]
struct Program {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(clap::Args)]
struct Global {
    /// Print one JSON document, and nothing else, on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
}

/// Runs the program with the arguments it was started with.
pub fn run() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => return output::usage(&error),
    };
    let json = program.global.json;
    output::finish(perform(program), json)
}

fn perform(program: Program) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Unavailable, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match &program.command {
            Command::Demo(demo) => demo.run(program.global.json).await,
        }
    })
}
