//! The program: one file for each command.
//!
//! A command returns what it found and prints nothing; `output` says it to people or as one JSON
//! document. Prompts and notes go to standard error. Codes and secrets come from a prompt or from
//! standard input, never from an argument.

mod access_key;
mod account;
mod agent;
mod api_key;
mod audit;
mod audit_export;
mod audit_list;
mod aws;
mod clock;
mod completions;
mod config;
mod console;
mod database;
mod demo;
mod device;
mod doctor;
mod examples;
mod exported;
mod factors;
mod fleet;
mod kept;
mod key;
mod keyring;
mod known;
mod links;
mod login;
mod logout;
mod manual;
mod meant;
mod moment;
mod output;
mod owner;
mod page;
mod pam_check;
mod policy;
mod prompt;
mod qr;
mod refusal;
mod run;
mod session;
mod signing_key;
mod simulate;
mod spelt;
mod store;
mod terminal;
mod tree;
mod unverified;
mod whoami;
mod words;

use std::process::ExitCode;

use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime;

use crate::cli::console::Global;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::page::Colour;

/// Multi-factor verification: enrol tokens, mend the ones that drift, open sessions that any
/// service can check
///
/// Begin with `twostep demo`. Codes and secrets are typed at a prompt, or read from standard input
/// one a line; they are never arguments.
#[derive(Parser)]
#[command(name = "twostep", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Program {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Agent(agent::Agent),
    #[command(subcommand)]
    Device(device::Device),
    #[command(subcommand)]
    Account(account::Account),
    #[command(subcommand)]
    Fleet(fleet::Fleet),
    Login(login::Login),
    Whoami(whoami::Whoami),
    Logout(logout::Logout),
    Run(run::Run),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Session(session::Session),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Console(links::Links),
    #[command(subcommand)]
    AccessKey(access_key::AccessKey),
    #[command(subcommand)]
    Aws(aws::Aws),
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Store(store::Store),
    #[command(subcommand)]
    Clock(clock::Clock),
    #[command(subcommand)]
    Config(config::Config),
    Doctor(doctor::Doctor),
    Simulate(simulate::Simulate),
    PamCheck(pam_check::PamCheck),
    Completions(completions::Completions),
    Man(manual::Manual),
}

/// Runs the program with the arguments it was started with.
pub fn run() -> ExitCode {
    // Codes, seeds and passphrases pass through every other command. Programs that it starts have
    // core dumps again.
    let _ = nix::sys::prctl::set_dumpable(false);
    if completions::answered() {
        return ExitCode::SUCCESS;
    }
    let colour = Colour::of_the_arguments().choose();
    let program = match matches(colour).and_then(|matches| Program::from_arg_matches(&matches)) {
        Ok(program) => program,
        Err(error) => return output::usage(&error),
    };
    program.global.colour().choose();
    let (json, quiet) = (program.global.json(), program.global.quiet());
    let socket = program.global.named_socket();
    // The agent ends when it is told to, even if a pipe takes its output and is never read.
    let waits_for_its_reader = !matches!(program.command, Command::Agent(_));
    let mut result = perform(program);
    if let Some(socket) = socket {
        result = result
            .map(|report| report.reaching(&socket))
            .map_err(|failure| failure.reaching(&socket));
    }
    if waits_for_its_reader {
        output::finish(&result, json, quiet)
    } else {
        output::finish_soon(result, json, quiet)
    }
}

/// Help is laid out only where the arguments do not name a command that can be run: that takes as
/// long as all the rest of a start.
fn matches(colour: ColorChoice) -> clap::error::Result<ArgMatches> {
    let plain = Program::command().color(colour).try_get_matches();
    plain.or_else(|_| tree::shown(Program::command()).color(colour).try_get_matches())
}

fn perform(program: Program) -> Result<Report, Failure> {
    // The agent works for many at a time; everything else does one thing after the other.
    let mut builder = match program.command {
        Command::Agent(_) => runtime::Builder::new_multi_thread(),
        _ => runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::new(Exit::Unavailable, format!("cannot start: {error}")))?;
    runtime.block_on(dispatch(program))
}

async fn dispatch(Program { global, command }: Program) -> Result<Report, Failure> {
    match command {
        Command::Demo(demo) => demo.run(global.json()).await,
        Command::Agent(agent) => agent.run(global).await,
        Command::Config(config) => config.run(),
        Command::Policy(policy) => policy.run(&global.config_file()),
        Command::PamCheck(check) => check.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(manual) => manual.run(Program::command()),
        Command::Device(device) => device.run(&global.open()?).await,
        Command::Account(account) => account.run(&global.open()?).await,
        Command::Fleet(fleet) => fleet.run(&global.open()?).await,
        Command::Login(login) => login.run(&global.open()?).await,
        Command::Whoami(whoami) => whoami.run(&global.open()?).await,
        Command::Logout(logout) => logout.run(&global.open()?).await,
        Command::Run(run) => run.run(&global.open()?).await,
        Command::Key(key) => key.run(global).await,
        Command::Session(session) => session.run(&global.open()?).await,
        Command::Console(links) => links.run(&global.open()?).await,
        Command::Aws(aws) => aws.run(&global.open()?).await,
        Command::AccessKey(access_key) => access_key.run(&global.open()?).await,
        Command::ApiKey(api_key) => api_key.run(&global.open()?).await,
        Command::Audit(audit) => {
            let json = global.json();
            audit.run(&global.open()?, json).await
        }
        Command::Store(store) => store.run(&global.open()?).await,
        Command::Clock(clock) => clock.run(&global.open()?).await,
        Command::Doctor(doctor) => doctor.run(&global.open()?).await,
    }
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 refused, 2 bad input, 3 no agent or no store, 4 no security key.";
