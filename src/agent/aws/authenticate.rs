//! Authentication by signature: who signed a request, and whether the key is alive.

use crate::agent::access::{Connection, Peer};
use crate::agent::aws::fault::Fault;
use crate::agent::operations::aws::{Circumstances, Session, Signer};
use crate::agent::state::State;
use crate::aws::sigv4::{AccessKey, AccessKeyId, Claimed, Request, Rules, Signed};
use crate::aws::{FoundKey, Grant, KeyOwner, OpenedToken, Principal, UserName};
use crate::session::AnyContext;
use crate::verifier::Error;

/// The key of a claim before its signature is compared.
enum Candidate {
    LongTerm(FoundKey),
    Temporary(OpenedToken),
}

/// Finds the signer of a request. Nothing is told of a key before its signature is compared, but
/// that it is not known.
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
    let claimed = rules.parse(request, now)?;
    let candidate = candidate(state, &claimed).await?.ok_or_else(Fault::invalid_token)?;
    let signed = compared(state, claimed, candidate.key())?;
    let request = Circumstances {
        now,
        source_ip: match &connection.peer {
            Peer::Tcp(address) => Some(address.ip()),
            Peer::Unix { .. } => None,
        },
        encrypted: connection.encrypted,
        region: signed.scope().region().to_owned(),
    };
    match candidate {
        Candidate::LongTerm(found) => alive(state, found, None, request).await,
        Candidate::Temporary(opened) => {
            let Grant { owner, parent, context, expires_at } = opened.grant;
            if expires_at <= now {
                return Err(Fault::expired_token());
            }
            let found = key_of(state, &parent).await?.filter(|found| found.owner == owner);
            let found = found.ok_or_else(Fault::invalid_token)?;
            let audience = state.issuer.name();
            let read = state.introspector.introspect(&context, audience).await?;
            let read: AnyContext = read.ok_or_else(Fault::invalid_token)?;
            let session = Session { signed: context, context: read };
            alive(state, found, Some(session), request).await
        }
    }
}

/// The signer, if its long-term key is in use.
async fn alive(
    state: &State,
    found: FoundKey,
    session: Option<Session>,
    request: Circumstances,
) -> Result<Signer, Fault> {
    if !found.record.active {
        return Err(Fault::invalid_token());
    }
    let key = found.record.id;
    let principal = principal(state, found.owner, found.record.user_id)?;
    let user = match &principal {
        Principal::Root { .. } => None,
        Principal::User { account, .. } => Some(account),
    };
    let caller = state.callers.signer(key.as_str(), user).await?;
    Ok(Signer { caller, principal, key, session, request })
}

fn principal(state: &State, owner: KeyOwner, user_id: Option<String>) -> Result<Principal, Fault> {
    match owner {
        KeyOwner::Root => {
            let account = state.plane.root.clone().ok_or_else(Fault::invalid_token)?;
            Ok(Principal::Root { account })
        }
        KeyOwner::User(account) => {
            let name = UserName::of(&account).ok_or_else(Fault::invalid_token)?;
            let user_id = user_id.ok_or_else(Fault::invalid_token)?;
            Ok(Principal::User { account, name, user_id })
        }
    }
}

async fn candidate(state: &State, claimed: &Claimed) -> Result<Option<Candidate>, Error> {
    let id = claimed.access_key_id();
    match claimed.session_token() {
        None => Ok(key_of(state, id).await?.map(Candidate::LongTerm)),
        Some(token) => {
            let sealer = state.verifier.sealer().await?;
            Ok(OpenedToken::open(&sealer, token, id).map(Candidate::Temporary))
        }
    }
}

async fn key_of(state: &State, id: &AccessKeyId) -> Result<Option<FoundKey>, Error> {
    state.plane.own_keys().find(id).await
}

fn compared(state: &State, claimed: Claimed, key: &AccessKey) -> Result<Signed, Fault> {
    let signing_key = state.plane.signing_keys.key(key, claimed.scope());
    Ok(claimed.verify(&signing_key)?)
}

impl Candidate {
    fn key(&self) -> &AccessKey {
        match self {
            Candidate::LongTerm(found) => &found.key,
            Candidate::Temporary(opened) => &opened.key,
        }
    }
}
