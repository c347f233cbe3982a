//! `/v1/local/fresh`: whether somebody proved themselves a moment ago, in the same place. For root
//! alone, who logs people in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::access::{Caller, LocalPeer};
use crate::agent::api::body::Body;
use crate::agent::api::members::parse;
use crate::agent::api::views::ContextView;
use crate::agent::local::Leader;
use crate::agent::operations::reuse;
use crate::agent::operations::reuse::Terminal;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::{AnyContext, SignedContext};

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
            fn terminal(&self) -> Result<Terminal<'_>, Problem> {
                Ok(Terminal {
                    account: &self.account,
                    uid: self.uid,
                    service: parse(&self.service)?,
                    tty: self.tty.clone(),
                    leader: Leader {
                        pid: self.leader_pid,
                        started: self.leader_started,
                        boot_id: self.boot_id.clone(),
                    },
                })
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
    let context = reuse::find(&state, &caller, peer, body.terminal()?).await?;
    let now = state.verifier.clock().read().wall;
    let context = context
        .map(|context| ContextView::new(&AnyContext::Mfa(context), now).asked_as(&body.account));
    Ok(Json(FreshAnswer { fresh: context.is_some(), context }))
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
    let signed = SignedContext::new(body.token.as_str());
    reuse::keep(&state, peer, body.terminal()?, signed).await?;
    Ok(StatusCode::NO_CONTENT)
}
