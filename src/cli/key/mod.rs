//! `twostep key`: the security keys that are plugged in here.

mod ceremony;
mod credentials;
mod doctor;
mod enroll;
mod info;
mod list;
mod manage;
mod person;
mod pin;
mod test;

pub(super) use ceremony::{Plugged, answer};

use clap::Subcommand;

use crate::cli::console::Global;
use crate::cli::output::{Failure, Report};

/// Enrol, try and look after the security keys that are plugged in
#[derive(Subcommand)]
pub(super) enum Key {
    List(list::List),
    Enroll(enroll::Enroll),
    Test(test::Test),
    Info(info::Info),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Pin(pin::Pin),
    #[command(subcommand)]
    Credentials(credentials::Credentials),
    #[command(name = manage::COMMAND, hide = true)]
    Manage(manage::Manage),
}

impl Key {
    pub(super) async fn run(self, global: Global) -> Result<Report, Failure> {
        match self {
            Key::List(list) => list.run().await,
            Key::Enroll(enroll) => enroll.run(&global.open()?).await,
            Key::Test(test) => test.run(&global.open()?).await,
            Key::Info(info) => info.run().await,
            Key::Doctor(doctor) => doctor.run().await,
            Key::Pin(pin) => pin.run().await,
            Key::Credentials(credentials) => credentials.run().await,
            Key::Manage(manage) => manage.run(),
        }
    }
}
