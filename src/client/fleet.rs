//! The fleet of tokens.

use crate::client::{Client, Error};
use crate::wire::{AskFleet, FleetDrift};

impl Client {
    /// The clocks of all tokens, alarms, and tokens that need attention.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn fleet_drift(&self, ask: &AskFleet) -> Result<FleetDrift, Error> {
        self.get(&["v1", "fleet", "drift"]).query_of(ask).read().await
    }
}
