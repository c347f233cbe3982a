//! `twostep doctor`: what is wrong here, and how to mend it. It works without an agent and without
//! any right, and changes nothing.

mod agent;
mod clock;
mod files;
mod finding;

pub(super) use finding::{Finding, report};

use crate::cli::console;
use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};

/// Say what is wrong with the agent, the store, the clock and the permissions, and how to mend it
///
/// Exit 0: nothing. 1: something, and how to mend it. 3: there is no agent to ask.
#[derive(clap::Args)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let mut findings = vec![Finding::good("you", console::whoami())];
        let (agent, reached) = agent::look(console).await;
        findings.extend(agent);
        findings.extend(files::look(reached));
        findings.extend(clock::look(console, reached).await);
        let wrong = findings.iter().any(Finding::is_bad);
        let exit = match wrong {
            _ if !reached => Exit::Unavailable,
            true => Exit::Refused,
            false => Exit::Done,
        };
        Ok(report(&findings, exit, "twostep doctor"))
    }
}
