//! `/v1/local/fresh`: reuse of a recent proof at the same terminal. For root alone, whose programs
//! log people in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::agent::access::{Caller, LocalPeer};
use crate::agent::api::body::Body;
use crate::agent::api::members::parse;
use crate::agent::api::views;
use crate::agent::local::Leader;
use crate::agent::operations::reuse;
use crate::agent::operations::reuse::Terminal;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::{AnyContext, SignedContext};
use crate::wire::{AskFresh, FreshAnswer, KeepFresh};

/// Finds a kept context that replaces a new proof at this terminal. Its reuse is audited before the
/// answer.
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
    let context = reuse::find(&state, &caller, peer, terminal(&body)?).await?;
    let now = state.verifier.clock().read().wall;
    let context =
        context.map(|context| views::context(&AnyContext::Mfa(context), Some(&body.account), now));
    Ok(Json(FreshAnswer { fresh: context.is_some(), context }))
}

/// Keeps a context for this terminal, if the configuration allows its reuse.
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
    let (place, token) = body.into_parts();
    let signed = SignedContext::new(token.as_str());
    reuse::keep(&state, peer, terminal(&place)?, signed).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn terminal(place: &AskFresh) -> Result<Terminal<'_>, Problem> {
    Ok(Terminal {
        account: &place.account,
        uid: place.uid,
        service: parse(&place.service)?,
        tty: place.tty.clone(),
        leader: Leader {
            pid: place.leader_pid,
            started: place.leader_started,
            boot_id: place.boot_id.clone(),
        },
    })
}
