//! Authentication by signature: the signer of a request, as a caller of the agent.

use crate::agent::access::{Connection, Peer};
use crate::agent::aws::fault::Fault;
use crate::agent::operations::aws_rights::{Circumstances, Signer};
use crate::agent::operations::aws_signers;
use crate::agent::state::State;
use crate::aws::Principal;
use crate::aws::sigv4::{Request, Rules};

/// Finds the signer of a request.
pub(super) async fn signer(
    state: &State,
    connection: &Connection,
    rules: &Rules,
    request: &Request<'_>,
) -> Result<Signer, Fault> {
    let identified = identified(state, connection, rules, request).await;
    if identified.is_err() {
        state.callers.before_denial(connection).await;
    }
    identified
}

async fn identified(
    state: &State,
    connection: &Connection,
    rules: &Rules,
    request: &Request<'_>,
) -> Result<Signer, Fault> {
    let now = state.verifier.now().await?;
    let identity = aws_signers::identify(state, rules, request, now).await?;
    let request = Circumstances {
        now,
        source_ip: match &connection.peer {
            Peer::Tcp(address) => Some(address.ip()),
            Peer::Unix { .. } => None,
        },
        secure_transport: Some(connection.encrypted),
        own: Vec::new(),
    };
    let user = match &identity.principal {
        Principal::Root { .. } => None,
        Principal::User { account, .. } => Some(account),
    };
    let caller = state.callers.signer(identity.key.as_str(), user).await?;
    Ok(Signer { caller, identity, request })
}
