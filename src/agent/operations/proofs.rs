//! Sessions of pages: opened by a change that proves a device, and ended as any other.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::sessions::{Opened, Proof};
use crate::agent::operations::{devices, scope};
use crate::agent::state::State;
use crate::device::Device;
use crate::id::AccountId;
use crate::otp::{Code, CodePair};
use crate::session::{AnyContext, Lifetime, SignedContext};
use crate::verifier::{Error, LinkCode, OpenedLink, Passcode, Resynced, Verified};

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

/// A code, or two, without the serial number of the device that shows it.
pub(crate) enum Typed {
    Code(Passcode),
    Pair([Code; 2]),
}

/// The proof of a typed code, with the device that it is of. The account of a link, of a session
/// or of a service's word is meant, so that its devices may be looked at.
pub(crate) async fn of_typed(
    state: &State,
    caller: &Caller,
    account: &AccountId,
    typed: Typed,
) -> Result<Proof, Failure> {
    let verifier = scope::verifier(state, caller);
    Ok(match typed {
        Typed::Code(Passcode::Otp(code)) => {
            let serial = verifier.device_of_code(account, &code).await?;
            Proof::Passcode(serial, Passcode::Otp(code))
        }
        Typed::Code(code) => Proof::Passcode(None, code),
        Typed::Pair(codes) => {
            let [first, second] = &codes;
            let pair = CodePair { codes: [first, second], counter: None };
            let window = scope::window(caller);
            let serial = verifier.device_of_pair(account, pair, window).await?;
            // No device has this name: the pair is refused at the cost of any other.
            let serial = serial.map_or_else(|| NO_DEVICE.parse(), Ok).map_err(Denied::bad_input)?;
            Proof::Pair(serial, codes, None)
        }
    })
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

/// A serial number that is given to no device.
const NO_DEVICE: &str = "none:none";
