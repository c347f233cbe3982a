//! `twostep clock`: believe a clock that jumped.

use clap::Subcommand;

use crate::cli::console::Console;
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;

/// Look after the clock that codes are judged by
#[derive(Subcommand)]
pub(super) enum Clock {
    /// Believe the clock as it is now, although it jumped
    ///
    /// An agent whose clock went back, or ahead by more than an hour, judges nothing until it is
    /// right again, or until the kernel says that it is synchronised (timedatectl set-ntp true).
    /// Accept a jump that was meant, or the clock of a machine without a source of time. Codes that
    /// were used stay used.
    Accept {
        #[command(flatten)]
        meant: Meant,
    },
}

impl Clock {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let Clock::Accept { meant } = self;
        meant.sure("codes are judged by the agent's clock as it is now, right or wrong")?;
        let accepted = console.client().accept_clock().await;
        let reading = accepted.map_err(console.failing(Task::Other))?;
        Ok(Report::new(reading, format!("The clock is believed: it is {}.", reading.now)))
    }
}
