//! Extractors: a handler with one as its argument runs only for requests that pass. A router whose
//! state has no guard does not compile.
//!
//! | argument | no token | without MFA | MFA, policy refuses | policy allows |
//! |---|---|---|---|---|
//! | [`MfaPresent`], [`Mfa<P>`](Mfa) | refused | refused | refused | runs |
//! | `Option<SessionContext>` | `None` | refused | refused | `Some` |
//! | `Option<AnyContext>` | `None` | `Some(WithoutMfa)` | `Some(Mfa)` | `Some(Mfa)` |
//!
//! Each of them refuses an invalid token. `None` always means that no token was sent; a context
//! without MFA is present, so it never becomes `None`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::guard::{MfaGuard, Refusal, RefusalReason};
use crate::policy::Policy;
use crate::session::{AnyContext, SessionContext};

/// A context that meets the guard's policy. Only a request makes one.
#[derive(Clone, Debug)]
pub struct MfaPresent(SessionContext);

/// A context that meets the policy of `P`, in place of the guard's.
pub struct Mfa<P> {
    context: SessionContext,
    policy: PhantomData<fn() -> P>,
}

/// A policy as a type, for routes with a policy of their own.
pub trait RoutePolicy {
    /// The policy, evaluated for each request.
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
            Err(refusal) if *refusal.reason() == RefusalReason::NoToken => Ok(None),
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
