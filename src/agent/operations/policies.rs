//! Policies: decisions on requests that a reverse proxy has received.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::sessions;
use crate::agent::state::State;
use crate::policy::{Decision, Policy, Presented};
use crate::session::{AnyContext, SignedContext};
use crate::store::AccountSnapshot;

/// The verdict on a request.
pub(crate) enum Verdict {
    /// The request may pass, with this context.
    Passed(Option<AnyContext>),
    /// A token came with the request and is not valid: it is refused even where none is needed
    /// (RFC 6750 §3.1).
    BadToken,
    /// A new verification could meet the policy.
    StepUp(Decision),
    /// No device of the account could meet the policy.
    Never(Decision),
}

/// The policy of this name.
pub(crate) fn find<'a>(state: &'a State, name: &str) -> Result<&'a Policy, Denied> {
    state.config.policies.get(name).ok_or(Denied::NotFound("policy"))
}

/// Decides on a request that carries this token.
pub(crate) async fn decide(
    state: &State,
    caller: &Caller,
    policy: &Policy,
    token: Option<&SignedContext>,
) -> Result<Verdict, Failure> {
    let context = match token {
        None => None,
        Some(token) => {
            let audience = state.config.forward.audience.as_deref();
            match sessions::introspect(state, caller, token, audience).await? {
                Some(context) => Some(context),
                None => return Ok(Verdict::BadToken),
            }
        }
    };
    let presented = context.as_ref().map_or(Presented::Absent, Presented::from);
    let decision = policy.decide(presented, state.verifier.now().await?);
    if decision.is_allowed() {
        return Ok(Verdict::Passed(context));
    }
    let possible = match &context {
        None => true,
        Some(context) => {
            let seen = state.verifier.store().account(&context.common().account).await?;
            decision.step_up_helps() && seen.is_none_or(|seen| has_a_device_for(policy, &seen))
        }
    };
    Ok(if possible { Verdict::StepUp(decision) } else { Verdict::Never(decision) })
}

/// `true` if a device of this account could meet the policy.
fn has_a_device_for(policy: &Policy, seen: &AccountSnapshot) -> bool {
    seen.devices
        .iter()
        .map(|enrolled| &enrolled.device)
        .any(|device| device.is_in_use() && policy.can_be_met_with(device.kind(), &device.serial))
}
