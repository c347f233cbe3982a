//! A service that demands MFA: extractors for axum, and a layer for whatever is made of tower
//! services, gRPC included.
//!
//! The token comes as `Authorization: Bearer` (RFC 6750 §2.1) or, where one is named, in a cookie.
//! A request that carries two tokens is refused; the same one in both places is one, and an empty
//! cookie is none beside another. What is there is validated offline and judged by a [`Policy`]. A
//! refusal says what would do instead (RFC 9470 §3), so that a client can ask for a second factor
//! and try again.
//!
//! A cookie goes along with requests that its owner never meant: give it `SameSite=Strict`, or
//! judge the origin yourself. Requests of browsers that ask for permission first (CORS) carry no
//! token: their layer belongs outside of this one.

mod cookie;
mod extract;
mod layer;
mod refusal;

pub use cookie::CookieName;
pub use extract::{Mfa, MfaPresent, RoutePolicy};
pub use layer::{MfaLayer, MfaService};
pub use refusal::{Because, Realm, Refusal};

use std::sync::Arc;

use http::HeaderMap;

use crate::policy::{Policy, Presented, StepUp};
use crate::session::carried::Ambiguous;
use crate::session::{AnyContext, SessionContext, Validator, carried};
use crate::time::UnixTime;

/// Whose contexts a service takes, and what it demands of them. Cheap to clone; it belongs into the
/// state of a router.
#[derive(Clone)]
pub struct MfaGuard {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    validator: Validator,
    policy: Policy,
    cookie: Option<CookieName>,
    realm: Realm,
}

/// A name that a header cannot carry.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// RFC 6265 §4.1.1 has a token for a name.
    #[error("a cookie's name consists of letters, digits and !#$%&'*+-.^_`|~")]
    Cookie,
    /// RFC 6750 §3 leaves quotes and control characters out.
    #[error("a realm consists of printable ASCII characters without \" and \\")]
    Realm,
}

impl MfaGuard {
    /// A guard that takes what `validator` finds valid and, where a route has no policy of its own,
    /// `policy` allows. It has the validator's clock, reads no cookie, and calls its realm `mfa`.
    pub fn new(validator: Validator, policy: Policy) -> MfaGuard {
        MfaGuard {
            inner: Arc::new(Inner { validator, policy, cookie: None, realm: Realm::default() }),
        }
    }

    /// The same, for tokens in this cookie too. A name that begins with `__Host-` keeps other hosts
    /// of the domain from setting it.
    #[must_use]
    pub fn with_cookie(self, cookie: CookieName) -> MfaGuard {
        let inner = Arc::unwrap_or_clone(self.inner);
        MfaGuard { inner: Arc::new(Inner { cookie: Some(cookie), ..inner }) }
    }

    /// The same, for clients that are told this realm (RFC 9110 §11.5).
    #[must_use]
    pub fn with_realm(self, realm: Realm) -> MfaGuard {
        let inner = Arc::unwrap_or_clone(self.inner);
        MfaGuard { inner: Arc::new(Inner { realm, ..inner }) }
    }

    /// The policy of routes without one of their own.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The context with MFA that a request with these headers brings, if `policy` allows it.
    ///
    /// # Errors
    /// The answer to the request. It is one also where the policy would allow a context without
    /// MFA, or none.
    pub fn judge(&self, headers: &HeaderMap, policy: &Policy) -> Result<SessionContext, Refusal> {
        let because = match self.admit(headers, policy)? {
            Some(AnyContext::Mfa(context)) => return Ok(context),
            Some(AnyContext::WithoutMfa(_)) => Because::WithoutMfa,
            None => Because::NoToken,
        };
        let now = self.inner.validator.now();
        Err(self.refusal(
            headers,
            because,
            Policy::mfa_present().decide(Presented::Absent, now).step_up(),
        ))
    }

    /// What a request with these headers brings, if `policy` allows that: most policies allow
    /// nothing but a context with MFA.
    ///
    /// # Errors
    /// The answer to the request. What is there and not valid is refused, whatever the policy
    /// allows.
    pub fn admit(
        &self,
        headers: &HeaderMap,
        policy: &Policy,
    ) -> Result<Option<AnyContext>, Refusal> {
        let now = self.inner.validator.now();
        let read = self.read(headers, now);
        let presented = match &read {
            Ok(Some(context)) => context.into(),
            Ok(None) | Err(_) => Presented::Absent,
        };
        let decision = policy.decide(presented, now);
        let because = match read {
            Ok(context) if decision.is_allowed() => return Ok(context),
            Ok(Some(AnyContext::Mfa(_))) if decision.step_up_helps() => {
                Because::Insufficient(decision.reason().to_string())
            }
            Ok(Some(AnyContext::Mfa(_))) => Because::Forbidden(decision.reason().to_string()),
            Ok(Some(AnyContext::WithoutMfa(_))) => Because::WithoutMfa,
            Ok(None) => Because::NoToken,
            Err(because) => because,
        };
        Err(self.refusal(headers, because, decision.step_up()))
    }

    /// What a request with these headers brings, judged by no policy. Absent is `None`; what is
    /// there and not valid is refused.
    ///
    /// # Errors
    /// The answer to the request.
    pub fn validate(&self, headers: &HeaderMap) -> Result<Option<AnyContext>, Refusal> {
        let read = self.read(headers, self.inner.validator.now());
        read.map_err(|because| self.refusal(headers, because, StepUp::default()))
    }

    fn read(&self, headers: &HeaderMap, now: UnixTime) -> Result<Option<AnyContext>, Because> {
        let cookie = self.inner.cookie.as_ref().map(CookieName::as_str);
        match carried::token(headers, cookie).map_err(|Ambiguous| Because::Ambiguous)? {
            Some(signed) => self
                .inner
                .validator
                .validate_any_at(&signed, now)
                .map(Some)
                .map_err(Because::from),
            None => Ok(None),
        }
    }

    fn refusal(&self, headers: &HeaderMap, because: Because, step_up: StepUp) -> Refusal {
        Refusal::new(because, step_up, &self.inner.realm, headers)
    }
}
