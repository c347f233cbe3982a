//! Sessions of pages: opened by a change that proves a device, and ended as any other.

use crate::agent::access::{Caller, Failure};
use crate::agent::operations::sessions::Opened;
use crate::agent::operations::{devices, scope};
use crate::agent::state::State;
use crate::device::Device;
use crate::otp::CodePair;
use crate::session::{AnyContext, Lifetime, SignedContext};
use crate::verifier::{Error, LinkCode, OpenedLink, Resynced, Verified};

/// Activates a device, and opens a session with the proof that its codes are.
pub(crate) async fn activate(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
    (proof, lifetime): (Option<&SignedContext>, Lifetime),
) -> Result<(Device, Opened), Failure> {
    let activated = devices::activate_proving(state, caller, serial, codes, proof).await?;
    let (device, verified) = activated;
    Ok((device, open(state, caller, verified, lifetime).await?))
}

/// Resynchronises a device, and opens a session with the proof that its codes are.
pub(crate) async fn resync(
    state: &State,
    caller: &Caller,
    serial: &str,
    codes: CodePair<'_>,
    lifetime: Lifetime,
) -> Result<(Resynced, Opened), Failure> {
    let (resynced, verified) = devices::resync_proving(state, caller, serial, codes).await?;
    Ok((resynced, open(state, caller, verified, lifetime).await?))
}

/// Opens a one-time link; every one that cannot be opened is refused alike.
pub(crate) async fn open_link(
    state: &State,
    caller: &Caller,
    code: &LinkCode,
) -> Result<OpenedLink, Failure> {
    let opened = scope::verifier(state, caller).open_link(code).await;
    opened.map_err(|error| {
        if let Error::Refused(refusal) = &error {
            scope::refused(state, caller, refusal);
        }
        error.into()
    })
}

/// Opens a session for the issuer itself.
pub(crate) async fn open(
    state: &State,
    caller: &Caller,
    verified: Verified,
    lifetime: Lifetime,
) -> Result<Opened, Failure> {
    let now = verified.at();
    let issuer = state.issuer.clone().on_behalf_of(caller.id.clone()).lifetime(lifetime);
    let (signed, context) = issuer.issue_and_read(verified, issuer.name()).await?;
    let context = AnyContext::Mfa(context);
    state.metrics.issued(&context);
    Ok(Opened { signed, context, now })
}
