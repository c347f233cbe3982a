//! Signers of AWS's requests: who signed, and whether the key is alive.

use std::sync::Arc;

use crate::agent::access::Failure;
use crate::agent::state::State;
use crate::aws::sigv4::{
    AccessKey, AccessKeyId, Refusal, Request, Rules, Scope, SessionToken, Signed, SigningKey,
};
use crate::aws::{FoundKey, Grant, KeyOwner, KeyUse, OpenedToken, Principal, UserName};
use crate::session::{AnyContext, SignedContext};
use crate::time::UnixTime;
use crate::verifier::Error;

/// The signer of a request, verified.
pub(crate) struct Identity {
    pub(crate) principal: Principal,
    /// The long-term key: the one that signed, or the one that opened the session. The key of the
    /// session itself where a context opened it.
    pub(crate) key: AccessKeyId,
    /// The session, if temporary credentials signed.
    pub(crate) session: Option<Session>,
    pub(crate) signed: Signed,
}

/// An open session of temporary credentials.
pub(crate) struct Session {
    pub(crate) signed: SignedContext,
    pub(crate) context: AnyContext,
}

/// A request whose signer is not known. Nothing is told of a key before its signature is compared,
/// but that it is not known.
pub(crate) enum NotSigned {
    /// The signature does not prove the key.
    Signature(Refusal),
    /// The key is not known, or not in use.
    UnknownKey,
    /// The session token is no token of the key, or its session was ended.
    BadToken,
    /// The session is over.
    Expired,
    /// It was not decided.
    Failed(Failure),
}

/// The holder of a key that may sign.
struct Holder {
    principal: Principal,
    /// As [`Identity::key`].
    key: AccessKeyId,
    session: Option<Session>,
}

/// The key of a claim before its signature is compared.
enum Candidate {
    LongTerm(FoundKey),
    Temporary(OpenedToken),
}

/// Finds the signer of a request.
pub(crate) async fn identify(
    state: &State,
    rules: &Rules,
    request: &Request<'_>,
    now: UnixTime,
) -> Result<Identity, NotSigned> {
    let claimed = rules.parse(request, now)?;
    let candidate = candidate(state, claimed.access_key_id(), claimed.session_token()).await?;
    let signing_key = state.plane.signing_keys.key(candidate.key(), claimed.scope());
    let signed = claimed.verify(&signing_key)?;
    let holder = alive(state, candidate, now).await?;
    note_use(state, &holder, signed.scope(), now);
    let Holder { principal, key, session } = holder;
    Ok(Identity { principal, key, session, signed })
}

/// Notes the use of a long-term key, by itself or by a session that it opened.
fn note_use(state: &State, holder: &Holder, scope: &Scope, at: UnixTime) {
    if holder.key.is_long_term() {
        let (service, region) = (scope.service().to_owned(), scope.region().to_owned());
        let last = KeyUse { at, service, region };
        state.plane.last_uses.note(&holder.key, holder.principal.owner(), last);
    }
}

/// The signing key of a scope, and whose it is.
pub(crate) struct Derived {
    pub(crate) principal: Principal,
    pub(crate) session: Option<Session>,
    pub(crate) key: Arc<SigningKey>,
}

/// Derives the signing key of a scope for an access key that may sign now.
pub(super) async fn derive(
    state: &State,
    (id, token): (&AccessKeyId, Option<&SessionToken>),
    scope: &Scope,
    now: UnixTime,
) -> Result<Derived, NotSigned> {
    let candidate = candidate(state, id, token).await?;
    let key = state.plane.signing_keys.key(candidate.key(), scope);
    let holder = alive(state, candidate, now).await?;
    note_use(state, &holder, scope, now);
    Ok(Derived { principal: holder.principal, session: holder.session, key })
}

/// The holder of the key, if it may sign now.
async fn alive(state: &State, candidate: Candidate, now: UnixTime) -> Result<Holder, NotSigned> {
    // Keys that were deleted after the backup are back.
    if state.verifier.restored().await?.is_some() {
        return Err(Error::Restored.into());
    }
    match candidate {
        Candidate::LongTerm(FoundKey { owner, record, .. }) if record.active => {
            let principal = principal(state, owner, record.user_id);
            let principal = principal.ok_or(NotSigned::UnknownKey)?;
            Ok(Holder { principal, key: record.id, session: None })
        }
        Candidate::LongTerm(_) => Err(NotSigned::UnknownKey),
        Candidate::Temporary(opened) => holder_of_session(state, opened, now).await,
    }
}

/// The holder of temporary credentials, if their session is alive, and the key that opened it.
async fn holder_of_session(
    state: &State,
    OpenedToken { grant, key }: OpenedToken,
    now: UnixTime,
) -> Result<Holder, NotSigned> {
    let Grant { owner, parent, context: signed, expires_at } = grant;
    if expires_at <= now {
        return Err(NotSigned::Expired);
    }
    let (audience, key, user_id) = match parent {
        Some(parent) => {
            let found = key_of(state, &parent).await?;
            let found = found.filter(|found| found.owner == owner && found.record.active);
            let record = found.ok_or(NotSigned::BadToken)?.record;
            (state.issuer.name(), record.id, record.user_id)
        }
        None => {
            let user_id = match state.plane.own_keys().owner_id(&owner).await {
                Err(Error::NotFound(_)) => return Err(NotSigned::BadToken),
                user_id => user_id?,
            };
            (state.config.aws.audience.as_str(), key.id().clone(), user_id)
        }
    };
    let context = state.introspector.introspect(&signed, audience).await?;
    let context: AnyContext = context.ok_or(NotSigned::BadToken)?;
    let principal = principal(state, owner, user_id).ok_or(NotSigned::BadToken)?;
    Ok(Holder { principal, key, session: Some(Session { signed, context }) })
}

fn principal(state: &State, owner: KeyOwner, user_id: Option<String>) -> Option<Principal> {
    match owner {
        KeyOwner::Root => Some(Principal::Root { account: state.plane.root.clone()? }),
        KeyOwner::User(account) => {
            let name = UserName::of(&account)?;
            Some(Principal::User { account, name, user_id: user_id? })
        }
    }
}

async fn candidate(
    state: &State,
    id: &AccessKeyId,
    token: Option<&SessionToken>,
) -> Result<Candidate, NotSigned> {
    match token {
        None => {
            let found = key_of(state, id).await?;
            found.map(Candidate::LongTerm).ok_or(NotSigned::UnknownKey)
        }
        Some(token) => {
            let sealer = state.verifier.sealer().await?;
            let opened = OpenedToken::open(&sealer, token, id);
            opened.map(Candidate::Temporary).ok_or(NotSigned::BadToken)
        }
    }
}

async fn key_of(state: &State, id: &AccessKeyId) -> Result<Option<FoundKey>, Error> {
    state.plane.own_keys().find(id).await
}

impl Candidate {
    fn key(&self) -> &AccessKey {
        match self {
            Candidate::LongTerm(found) => &found.key,
            Candidate::Temporary(opened) => &opened.key,
        }
    }
}

impl From<Refusal> for NotSigned {
    fn from(refusal: Refusal) -> NotSigned {
        NotSigned::Signature(refusal)
    }
}

impl From<Error> for NotSigned {
    fn from(error: Error) -> NotSigned {
        NotSigned::Failed(error.into())
    }
}
