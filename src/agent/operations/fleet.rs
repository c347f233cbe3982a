//! The fleet of tokens: how their clocks are, and whose is off. For administrators.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::access::{Caller, Denied, Failure, Scope};
use crate::agent::config::Role;
use crate::agent::fleet;
use crate::agent::state::State;
use crate::fleet::{Survey, Suspicion};

/// The fleet as the caller sees it.
pub(crate) struct FleetDrift {
    pub(crate) survey: Arc<Survey>,
    /// The days within which tokens that need attention are listed.
    pub(crate) within_days: u32,
    /// The alarm that is not over.
    pub(crate) suspicion: Option<Suspicion>,
    /// True if the operating system calls its clock synchronised.
    pub(crate) is_synchronised: bool,
}

/// Surveys the tokens of the accounts that the caller sees. Of a large fleet the answer may be
/// seconds old: `Survey::at` tells.
pub(crate) async fn drift(
    state: &State,
    caller: &Caller,
    within_days: Option<u32>,
) -> Result<FleetDrift, Failure> {
    caller.must_be(Role::Admin)?;
    let within_days = within_days.unwrap_or(WITHIN);
    if !(1..=LONGEST).contains(&within_days) {
        return Err(Denied::bad_input("within_days is 1 to 3650").into());
    }
    caller.place.page().await;
    let within = Duration::from_secs(u64::from(within_days) * 86_400);
    let survey = match caller.scope {
        Scope::All => fleet::survey_all(state, within).await?,
        Scope::Only { .. } => {
            Arc::new(fleet::survey(state, within, |account| caller.sees(account)).await?)
        }
    };
    Ok(FleetDrift {
        survey,
        within_days,
        suspicion: state.fleet.suspicion(),
        is_synchronised: state.verifier.clock().synchronised().is_some(),
    })
}

const WITHIN: u32 = 30;

const LONGEST: u32 = 3_650;
