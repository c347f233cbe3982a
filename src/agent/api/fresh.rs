//! `/v1/local/fresh`: whether somebody proved themselves a moment ago, in the same place. For root
//! alone, who logs people in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::access::{Caller, LocalPeer};
use crate::agent::api::body::Body;
use crate::agent::api::members::{account, parse};
use crate::agent::api::views::ContextView;
use crate::agent::local::{Leader, ReuseScope};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::{AnyContext, SessionContext, SignedContext};
use crate::store::Revision;
use crate::verifier::Error;

macro_rules! places {
    ($($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            #[schema(min_length = 1, max_length = 256)]
            account: String,
            /// The user on whose behalf it is asked.
            uid: u32,
            /// The program that asks, as PAM calls it.
            #[schema(pattern = "^[A-Za-z0-9._+@-]{1,64}$")]
            service: String,
            /// The terminal.
            #[schema(pattern = "^[!-~]{1,64}$")]
            tty: String,
            /// The leader of the session.
            leader_pid: u32,
            /// When it began, in clock ticks since boot.
            leader_started: u64,
            /// `/proc/sys/kernel/random/boot_id`.
            #[schema(pattern = "^[0-9a-f-]{36}$")]
            boot_id: String,
            $($(#[$field_about])* $field: $kind,)*
        }

        impl $name {
            fn place(&self, state: &Shared) -> Result<ReuseScope, Problem> {
                if !(1..=64).contains(&self.tty.len()) || !self.tty.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(Problem::bad_input("a tty has 1 to 64 visible characters"));
                }
                let in_id = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
                if self.boot_id.len() != 36 || !self.boot_id.bytes().all(in_id) {
                    return Err(Problem::bad_input("a boot_id is a UUID in lower case"));
                }
                let leader = Leader { pid: self.leader_pid, started: self.leader_started, boot_id: self.boot_id.clone() };
                let (account, service) = (account(state, &self.account)?, parse(&self.service)?);
                Ok(ReuseScope { account, uid: self.uid, service, tty: self.tty.clone(), leader })
            }
        }
    )*};
}

places! {
    /// Where somebody sits.
    AskFresh {}
    /// Where somebody sits, and what they proved there.
    KeepFresh {
        /// A context for the agent itself.
        token: String,
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct FreshAnswer {
    /// A context of this place stands in for a new proof.
    fresh: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextView>,
}

/// Says whether a context that was kept for this place stands in for a new proof. That it does is
/// written down first.
#[utoipa::path(post, path = "/v1/local/fresh", tag = "local", request_body = AskFresh, responses(
    (status = 200, description = "whether it does", body = FreshAnswer),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn ask(
    State(state): State<Shared>,
    caller: Caller,
    peer: LocalPeer,
    Body(body): Body<AskFresh>,
) -> Result<Json<FreshAnswer>, Problem> {
    peer.must_be_root()?;
    let place = body.place(&state)?;
    let Some((context, seen)) = judge(&state, &place).await? else {
        state.local.reusable.forget(&place);
        return Ok(Json(FreshAnswer { fresh: false, context: None }));
    };
    let now = state.verifier.clock().read();
    let verifier = state.verifier.on_behalf_of(caller.id.clone());
    // Whatever changed meanwhile may have been its end: a new proof is never wrong.
    let fresh = state.local.reusable.still(&place, &context, now)
        && verifier.note_reuse(&place.account, context.serial(), seen).await?;
    let context = fresh
        .then(|| ContextView::new(&AnyContext::Mfa(context), now.wall).asked_as(&body.account));
    Ok(Json(FreshAnswer { fresh, context }))
}

/// Keeps a context for this place. Where the configuration does not let it be used again, nothing
/// is kept.
#[utoipa::path(put, path = "/v1/local/fresh", tag = "local", request_body = KeepFresh, responses(
    (status = 204, description = "kept, if it may be used again"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn keep(
    State(state): State<Shared>,
    _: Caller,
    peer: LocalPeer,
    Body(body): Body<KeepFresh>,
) -> Result<StatusCode, Problem> {
    peer.must_be_root()?;
    let place = body.place(&state)?;
    let signed = SignedContext::new(body.token);
    match alive(&state, &signed).await? {
        Some(context) if *context.account() == place.account => {
            if place.leader.lives() {
                state
                    .local
                    .reusable
                    .keep(place, signed, &context, state.verifier.clock().read());
            }
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(Problem::forbidden(
            "this is no living context with MFA, of this account and for the agent itself",
        )),
    }
}

/// The context of a place, if it is alive, and the account as it was before that was looked at.
async fn judge(
    state: &Shared,
    place: &ReuseScope,
) -> Result<Option<(SessionContext, Revision)>, Problem> {
    let seen = state.verifier.store().account(&place.account).await.map_err(Error::Store)?;
    let Some(signed) = state.local.reusable.find(place, state.verifier.clock().read()) else {
        return Ok(None);
    };
    let context = if place.leader.lives() { alive(state, &signed).await? } else { None };
    Ok(seen.zip(context).map(|(seen, context)| (context, seen.revision)))
}

async fn alive(state: &Shared, signed: &SignedContext) -> Result<Option<SessionContext>, Problem> {
    match state.introspector.introspect(signed, state.issuer.name()).await? {
        Some(AnyContext::Mfa(context)) => Ok(Some(context)),
        _ => Ok(None),
    }
}
