//! `twostep key`: the security keys that are plugged in here.

mod ceremony;
mod enroll;
mod person;
mod test;

pub(super) use ceremony::Plugged;
pub(super) use ceremony::open_session;

use clap::Subcommand;

use crate::cli::console::Global;
use crate::cli::output::Failure;
use crate::cli::output::Report;

/// Enrol, try and look after the security keys that are plugged in
#[derive(Subcommand)]
pub(super) enum Key {
    Enroll(enroll::Enroll),
    Test(test::Test),
}

impl Key {
    pub(super) async fn run(self, global: Global) -> Result<Report, Failure> {
        match self {
            Key::Enroll(enroll) => enroll.run(&global.open()?).await,
            Key::Test(test) => test.run(&global.open()?).await,
        }
    }
}
