//! Ceremonies with security keys that are plugged in here.

use std::time::{Duration, Instant};

use crate::agent::access::{Caller, Denied, Failure, LocalPeer};
use crate::agent::local::{Answered, Busy, NotBound, RunningCeremony};
use crate::agent::operations::sessions::{Opened, Proof, Target};
use crate::agent::operations::timing::leave_at_interval;
use crate::agent::operations::{scope, sessions};
use crate::agent::state::State;
use crate::session::AnyContext;
use crate::usb::{Key, Pin};
use crate::verifier::{BoundSession, CeremonyId, Error};

/// A ceremony to begin.
pub(crate) struct Request<'a> {
    pub(crate) account: &'a str,
    pub(crate) audience: Option<&'a str>,
    /// The time to wait for a key and its touch, and for its PIN.
    pub(crate) wait: Duration,
    /// The session ends when the key is pulled.
    pub(crate) bind: bool,
}

/// A ceremony that has begun.
pub(crate) struct Begun {
    /// The id that the PIN must name.
    pub(crate) id: String,
    pub(crate) running: RunningCeremony,
    pub(crate) open: OpenRequest,
}

/// The session that the answer of the key will open.
pub(crate) struct OpenRequest {
    target: Target,
    id: CeremonyId,
    bind: bool,
}

/// Begins a ceremony; none while the user has another one or all slots are taken. A hidden account
/// is refused before any key blinks.
pub(crate) async fn begin(
    state: &State,
    caller: &Caller,
    peer: LocalPeer,
    request: Request<'_>,
    arrived: Instant,
) -> Result<Option<Begun>, Failure> {
    let account = scope::named(state, request.account)?;
    let audience = sessions::audience_of(state, request.audience)?;
    if request.bind && !state.local.presence.is_enabled() {
        return Err(Denied::bad_input(
            "sessions are not bound to keys here: set presence.enabled in the agent's \
             configuration",
        )
        .into());
    }
    if !caller.sees(&account) {
        leave_at_interval(state, arrived).await;
        return Err(Denied::Session(None).into());
    }
    let slot = match state.local.ceremonies.reserve(peer.uid) {
        Ok(slot) => slot,
        Err(Busy::Now) => return Ok(None),
        Err(Busy::TooSoon(wait)) => return Err(Denied::TooFast(wait).into()),
        Err(Busy::Random(error)) => return Err(Error::Key(error).into()),
    };
    let keys = scope::keys(state, caller);
    let begun = keys.begin_authentication(&account).await?;
    let origin = state.config.own_origin().ok_or(Denied::KeysUnusable)?;
    let id = slot.id().to_owned();
    let running = slot
        .begin(begun.options, origin, request.wait)
        .map_err(|_| Denied::KeysUnusable)?;
    let target = Target { account: Some(account), audience, lifetime: None };
    let open = OpenRequest { target, id: begun.id, bind: request.bind };
    Ok(Some(Begun { id, running, open }))
}

/// Passes a PIN to a ceremony of the same user.
pub(crate) fn give_pin(state: &State, peer: LocalPeer, id: &str, pin: Pin) -> Result<(), Denied> {
    if state.local.ceremonies.give_pin(peer.uid, id, pin) {
        Ok(())
    } else {
        Err(Denied::NotFound("ceremony of yours that waits for a PIN"))
    }
}

/// Opens the session that the key has proved, and binds it to the key where that was asked for.
pub(crate) async fn finish(
    state: &State,
    caller: &Caller,
    request: OpenRequest,
    answered: Answered,
) -> Result<Opened, Failure> {
    let OpenRequest { target, id, bind } = request;
    let proof = Proof::Key(id, Box::new(answered.response));
    let opened = sessions::open_for(state, caller, target, proof, Instant::now()).await?;
    if bind {
        bind_to_key(state, &opened.context, answered.key).await?;
    }
    Ok(opened)
}

/// Binds a session to the key that opened it, or fails: no session may outlast its key.
async fn bind_to_key(state: &State, context: &AnyContext, key: Option<Key>) -> Result<(), Failure> {
    let AnyContext::Mfa(context) = context else {
        return Err(Denied::Unavailable("no key has answered".to_owned()).into());
    };
    let common = context.common();
    let session = BoundSession {
        account: common.account.clone(),
        session_id: common.session_id.clone(),
        serial: context.serial().clone(),
        expires_at: common.expires_at,
    };
    state.local.presence.bind(key, session).await.map_err(|error| match error {
        NotBound::Verifier(error) => error.into(),
        error => Denied::Unavailable(error.to_string()).into(),
    })
}
