//! Extractors: a handler that takes one cannot be reached without it, and a router whose state has
//! no guard does not compile.
//!
//! | a handler takes | no token | valid, without MFA | with MFA, the policy says no | the policy allows |
//! |---|---|---|---|---|
//! | [`MfaPresent`], [`Mfa<P>`](Mfa) | refused | refused | refused | runs |
//! | `Option<SessionContext>` | `None` | refused | refused | `Some` |
//! | `Option<AnyContext>` | `None` | `Some(WithoutMfa)` | `Some(Mfa)` | `Some(Mfa)` |
//!
//! A token that is not valid is refused by each of them. `None` always means that none was sent: a
//! context without MFA is no absent one, and would read as one if it became `None`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::guard::{Because, MfaGuard, Refusal};
use crate::policy::Policy;
use crate::session::{AnyContext, SessionContext};

/// MFA is present, as the guard's policy wants it. Only a request makes one.
#[derive(Clone, Debug)]
pub struct MfaPresent(SessionContext);

/// MFA is present, as the policy of `P` wants it; the guard's own does not count here.
pub struct Mfa<P> {
    context: SessionContext,
    policy: PhantomData<fn() -> P>,
}

/// A policy with a name in the types, for routes that want another one than their neighbours.
pub trait RoutePolicy {
    /// The policy; asked for at each request.
    fn policy() -> Policy;
}

impl MfaPresent {
    /// The context itself.
    pub fn into_context(self) -> SessionContext {
        self.0
    }
}

impl Deref for MfaPresent {
    type Target = SessionContext;

    fn deref(&self) -> &SessionContext {
        &self.0
    }
}

impl<S> FromRequestParts<S> for MfaPresent
where
    MfaGuard: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<MfaPresent, Refusal> {
        let guard = MfaGuard::from_ref(state);
        guard.judge(&parts.headers, guard.policy()).map(MfaPresent)
    }
}

impl<P> Mfa<P> {
    /// The context itself.
    pub fn into_context(self) -> SessionContext {
        self.context
    }
}

impl<P> Deref for Mfa<P> {
    type Target = SessionContext;

    fn deref(&self) -> &SessionContext {
        &self.context
    }
}

impl<P> fmt::Debug for Mfa<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mfa").field(&self.context).finish()
    }
}

impl<S, P> FromRequestParts<S> for Mfa<P>
where
    MfaGuard: FromRef<S>,
    S: Send + Sync,
    P: RoutePolicy,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Mfa<P>, Refusal> {
        let context = MfaGuard::from_ref(state).judge(&parts.headers, &P::policy())?;
        Ok(Mfa { context, policy: PhantomData })
    }
}

impl<S> OptionalFromRequestParts<S> for SessionContext
where
    MfaGuard: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<SessionContext>, Refusal> {
        let guard = MfaGuard::from_ref(state);
        match guard.judge(&parts.headers, guard.policy()) {
            Err(refusal) if *refusal.because() == Because::NoToken => Ok(None),
            judged => judged.map(Some),
        }
    }
}

impl<S> OptionalFromRequestParts<S> for AnyContext
where
    MfaGuard: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<AnyContext>, Refusal> {
        MfaGuard::from_ref(state).validate(&parts.headers)
    }
}
