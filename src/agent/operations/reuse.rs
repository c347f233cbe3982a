//! Reuse of a session in place of a new proof, at the same terminal. For root alone, whose programs
//! log people in.

use crate::agent::access::{Caller, Denied, Failure, LocalPeer};
use crate::agent::config::Service;
use crate::agent::local::{Leader, ReuseScope};
use crate::agent::operations::scope;
use crate::agent::state::State;
use crate::session::{AnyContext, SessionContext, SignedContext};
use crate::store::Revision;

/// The person and the terminal that a program asks for.
pub(crate) struct Terminal<'a> {
    pub(crate) account: &'a str,
    pub(crate) uid: u32,
    pub(crate) service: Service,
    pub(crate) tty: String,
    pub(crate) leader: Leader,
}

/// The kept context that stands in for a new proof, if there is one. Its reuse is audited before it
/// is returned.
pub(crate) async fn find(
    state: &State,
    caller: &Caller,
    peer: LocalPeer,
    terminal: Terminal<'_>,
) -> Result<Option<SessionContext>, Failure> {
    let scope = scope_of(state, peer, terminal)?;
    let Some((context, seen)) = kept(state, &scope).await? else {
        state.local.reusable.forget(&scope);
        return Ok(None);
    };
    let now = state.verifier.clock().read();
    let verifier = scope::verifier(state, caller);
    // A change of the account since `seen` may have revoked the context: ask for a new proof then.
    let fresh = state.local.reusable.still(&scope, &context, now)
        && verifier.note_reuse(&scope.account, context.serial(), seen).await?;
    Ok(fresh.then_some(context))
}

/// Keeps a context for its terminal, if the configuration allows its reuse.
pub(crate) async fn keep(
    state: &State,
    peer: LocalPeer,
    terminal: Terminal<'_>,
    signed: SignedContext,
) -> Result<(), Failure> {
    let scope = scope_of(state, peer, terminal)?;
    let context = alive(state, &signed).await?;
    let context =
        context.filter(|context| *context.account() == scope.account).ok_or_else(|| {
            Denied::forbidden(
                "this is no living context with MFA, of this account and for the agent itself",
            )
        })?;
    if scope.leader.lives() {
        state
            .local
            .reusable
            .keep(scope, signed, &context, state.verifier.clock().read());
    }
    Ok(())
}

fn scope_of(state: &State, peer: LocalPeer, terminal: Terminal<'_>) -> Result<ReuseScope, Denied> {
    peer.must_be_root()?;
    let Terminal { account, uid, service, tty, leader } = terminal;
    if !(1..=64).contains(&tty.len()) || !tty.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Denied::bad_input("a tty has 1 to 64 visible characters"));
    }
    let in_id = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if leader.boot_id.len() != 36 || !leader.boot_id.bytes().all(in_id) {
        return Err(Denied::bad_input("a boot_id is a UUID in lower case"));
    }
    Ok(ReuseScope { account: scope::named(state, account)?, uid, service, tty, leader })
}

/// The kept context, if it is alive, and the account's revision from before it was examined.
async fn kept(
    state: &State,
    scope: &ReuseScope,
) -> Result<Option<(SessionContext, Revision)>, Failure> {
    let seen = state.verifier.store().account(&scope.account).await?;
    let Some(signed) = state.local.reusable.find(scope, state.verifier.clock().read()) else {
        return Ok(None);
    };
    let context = if scope.leader.lives() { alive(state, &signed).await? } else { None };
    Ok(seen.zip(context).map(|(seen, context)| (context, seen.revision)))
}

async fn alive(state: &State, signed: &SignedContext) -> Result<Option<SessionContext>, Failure> {
    match state.introspector.introspect(signed, state.issuer.name()).await? {
        Some(AnyContext::Mfa(context)) => Ok(Some(context)),
        _ => Ok(None),
    }
}
