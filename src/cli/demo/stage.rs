//! The props of the demo: a store in a temporary directory, a clock that is set by hand, a token.

use std::sync::Arc;

use tempfile::TempDir;

use crate::cli::output::{Exit, Failure};
use crate::device::Device;
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Seed, Totp};
use crate::session::Issuer;
use crate::store::{Keyring, SqliteStore};
use crate::testing::{FixedClock, SimulatedToken};
use crate::time::{Clock, UnixTime};
use crate::verifier;
use crate::verifier::{Limits, Verifier};

/// The stage. The store's directory goes when this does.
pub(super) struct Stage {
    pub(super) verifier: Verifier,
    pub(super) issuer: Issuer,
    pub(super) clock: FixedClock,
    pub(super) account: AccountId,
    pub(super) serial: SerialNumber,
    token: Option<SimulatedToken>,
    _directory: TempDir,
}

impl Stage {
    pub(super) fn new() -> Result<Stage, Failure> {
        let broken =
            |what: &str| Failure::new(Exit::Unavailable, format!("the demo cannot begin: {what}"));
        let directory = tempfile::tempdir()
            .map_err(|error| broken(&format!("no temporary directory: {error}")))?;
        let store = SqliteStore::open(directory.path().join("demo.db"))
            .map_err(|error| broken(&error.to_string()))?;
        let keyring = Keyring::ephemeral().map_err(|error| broken(&error.to_string()))?;
        let clock = FixedClock::at(BEGINNING);
        let verifier =
            Verifier::with(Arc::new(store), keyring, Arc::new(clock.clone()), Limits::default());
        let issuer = Issuer::new(verifier.clone(), ISSUER);
        let account = "alice".parse().map_err(|_| broken("the account's name"))?;
        let serial = "GAHT12345678".parse().map_err(|_| broken("the serial number"))?;
        Ok(Stage { verifier, issuer, clock, account, serial, token: None, _directory: directory })
    }

    /// Gives Alice a token that holds this seed. Its crystal gains a second a day.
    pub(super) fn hand_out(&mut self, seed: &Seed) {
        self.token =
            Some(SimulatedToken::totp(seed, Totp::default()).running_fast(GAIN, BEGINNING));
    }

    pub(super) fn token(&self) -> Result<&SimulatedToken, Failure> {
        self.token.as_ref().ok_or_else(no_token)
    }

    pub(super) fn token_mut(&mut self) -> Result<&mut SimulatedToken, Failure> {
        self.token.as_mut().ok_or_else(no_token)
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.read().wall
    }

    /// The device as the store has it now.
    pub(super) async fn device(&self) -> Result<Device, Failure> {
        let seen = self
            .verifier
            .store()
            .account(&self.account)
            .await
            .map_err(verifier::Error::from)
            .map_err(broken)?;
        let device = seen
            .as_ref()
            .and_then(|seen| seen.device(&self.serial))
            .map(|enrolled| enrolled.device.clone());
        device.ok_or_else(|| super::otherwise("a device in the store", "there is none"))
    }
}

/// An unexpected failure.
pub(super) fn broken(error: verifier::Error) -> Failure {
    super::otherwise("success", error)
}

fn no_token() -> Failure {
    super::otherwise("a token in Alice's hand", "it was not handed out")
}

/// The issuer of the sessions.
pub(super) const ISSUER: &str = "twostep";

/// 2026-01-05T09:00:10Z, a third into a time step.
const BEGINNING: UnixTime = UnixTime(1_767_603_610);

/// Parts per million: 31 seconds in 30 days.
const GAIN: f64 = 12.0;
