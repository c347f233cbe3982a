//! Guards for services that demand MFA: extractors for axum, and a layer for tower services, gRPC
//! included.
//!
//! The token arrives as `Authorization: Bearer` (RFC 6750 §2.1) or, where configured, in a cookie.
//! Two different tokens in one request are refused; one token in both places counts once, and an
//! empty cookie is ignored. The token is validated offline and judged by a [`Policy`]. A refusal
//! names the verification that would suffice (RFC 9470 §3), so that a client can step up and try
//! again.
//!
//! Browsers attach cookies to requests of other sites: set `SameSite=Strict`, or check the origin
//! yourself. CORS preflight requests carry no token: place the CORS layer outside this one.

mod cookie;
mod extract;
mod layer;
mod refusal;

pub use cookie::CookieName;
pub use extract::{Mfa, MfaPresent, RoutePolicy};
pub use layer::{MfaLayer, MfaService};
pub use refusal::{Realm, Refusal, RefusalReason};

use std::sync::Arc;

use http::HeaderMap;

use crate::policy::{Policy, Presented, StepUp};
use crate::session::carried::Ambiguous;
use crate::session::{AnyContext, Invalid, SessionContext, Validator, carried};
use crate::time::UnixTime;

/// Admits requests by their session context: a [`Validator`] for the token, and a [`Policy`] for
/// the context. Cheap to clone; belongs into the state of a router.
///
/// ```
/// use axum::body::Body;
/// use axum::http::{Request, StatusCode};
/// use axum::routing::post;
/// use axum::Router;
/// use tower::ServiceExt;
/// use twostep::guard::{MfaGuard, MfaPresent};
/// use twostep::policy::Policy;
/// use twostep::session::{JwkSet, Validator};
///
/// async fn pay(mfa: MfaPresent) -> String {
///     format!("paid by {}", mfa.account())
/// }
///
/// # let keys = JwkSet::default();
/// // `keys` are the issuer's, from a file or from its `/.well-known/jwks.json`.
/// let validator = Validator::new(keys, "https://mfa.example", "payments");
/// let guard = MfaGuard::new(validator, Policy::mfa_present());
/// let app: Router = Router::new().route("/pay", post(pay)).with_state(guard);
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let request = Request::post("/pay").body(Body::empty()).unwrap();
/// let answer = app.oneshot(request).await.unwrap();
/// assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
/// # });
/// ```
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
    diagnoses: bool,
}

/// A cookie name or realm that a header cannot carry.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not a token (RFC 6265 §4.1.1).
    #[error("a cookie's name consists of letters, digits and !#$%&'*+-.^_`|~")]
    Cookie,
    /// Has quotes, backslashes or control characters (RFC 6750 §3).
    #[error("a realm consists of printable ASCII characters without \" and \\")]
    Realm,
}

impl MfaGuard {
    /// A guard that accepts contexts valid for `validator` and allowed by `policy`, on routes
    /// without a policy of their own. Uses the validator's clock, reads no cookie, and has the
    /// realm `mfa`.
    pub fn new(validator: Validator, policy: Policy) -> MfaGuard {
        MfaGuard {
            inner: Arc::new(Inner {
                validator,
                policy,
                cookie: None,
                realm: Realm::default(),
                diagnoses: false,
            }),
        }
    }

    /// Also reads tokens from this cookie. The prefix `__Host-` keeps other hosts of the domain
    /// from setting it.
    #[must_use]
    pub fn with_cookie(self, cookie: CookieName) -> MfaGuard {
        let inner = Arc::unwrap_or_clone(self.inner);
        MfaGuard { inner: Arc::new(Inner { cookie: Some(cookie), ..inner }) }
    }

    /// Sets the realm in challenges (RFC 9110 §11.5).
    #[must_use]
    pub fn with_realm(self, realm: Realm) -> MfaGuard {
        let inner = Arc::unwrap_or_clone(self.inner);
        MfaGuard { inner: Arc::new(Inner { realm, ..inner }) }
    }

    /// Tells every client why its token is not valid, in the header `X-MFA-Invalid` of the refusal:
    /// `issuer; expected="twostep"`, `audience; expected="orders"`, `key`, `expiry`. For
    /// development: the same is in a debug event of `tracing` in any case, and clients in
    /// production have no use for it.
    #[must_use]
    pub fn with_diagnosis(self) -> MfaGuard {
        let inner = Arc::unwrap_or_clone(self.inner);
        MfaGuard { inner: Arc::new(Inner { diagnoses: true, ..inner }) }
    }

    /// The policy for routes without one of their own.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Returns the context with MFA of a request with these headers, if `policy` allows it.
    ///
    /// # Errors
    /// [`Refusal`], the answer to the request. Also returned if the policy would allow a context
    /// without MFA, or none.
    pub fn judge(&self, headers: &HeaderMap, policy: &Policy) -> Result<SessionContext, Refusal> {
        let reason = match self.admit(headers, policy)? {
            Some(AnyContext::Mfa(context)) => return Ok(context),
            Some(AnyContext::WithoutMfa(_)) => RefusalReason::WithoutMfa,
            None => RefusalReason::NoToken,
        };
        Err(self.refusal(headers, reason, Policy::mfa_present().step_up()))
    }

    /// Returns the context of a request with these headers, if `policy` allows it; `None` if the
    /// policy allows a request without a context.
    ///
    /// # Errors
    /// [`Refusal`], the answer to the request. An invalid token is refused under every policy.
    pub fn admit(
        &self,
        headers: &HeaderMap,
        policy: &Policy,
    ) -> Result<Option<AnyContext>, Refusal> {
        let now = self.now(headers)?;
        let read = self.read(headers, now);
        let presented = match &read {
            Ok(Some(context)) => context.into(),
            Ok(None) | Err(_) => Presented::Absent,
        };
        let decision = policy.decide(presented, now);
        let reason = match read {
            Ok(context) if decision.is_allowed() => return Ok(context),
            Ok(Some(AnyContext::Mfa(_))) if decision.step_up_helps() => {
                RefusalReason::Insufficient(decision.reason().to_string())
            }
            Ok(Some(AnyContext::Mfa(_))) => RefusalReason::Forbidden(decision.reason().to_string()),
            Ok(Some(AnyContext::WithoutMfa(_))) => RefusalReason::WithoutMfa,
            Ok(None) => RefusalReason::NoToken,
            Err(reason) => reason,
        };
        Err(self.refusal(headers, reason, decision.step_up()))
    }

    /// Returns the context of a request with these headers, without a policy; `None` if no token
    /// was sent.
    ///
    /// # Errors
    /// [`Refusal`], the answer to a request with an invalid token.
    pub fn validate(&self, headers: &HeaderMap) -> Result<Option<AnyContext>, Refusal> {
        let read = self.read(headers, self.now(headers)?);
        read.map_err(|reason| self.refusal(headers, reason, StepUp::default()))
    }

    /// The time; a clock that was set back refuses every request, as no policy can be judged.
    fn now(&self, headers: &HeaderMap) -> Result<UnixTime, Refusal> {
        let unjudged = |invalid: Invalid| {
            self.tell(invalid);
            self.refusal(headers, invalid.into(), StepUp::default())
        };
        self.inner.validator.now().map_err(unjudged)
    }

    fn read(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<Option<AnyContext>, RefusalReason> {
        let cookie = self.inner.cookie.as_ref().map(CookieName::as_str);
        match carried::token(headers, cookie).map_err(|Ambiguous| RefusalReason::Ambiguous)? {
            Some(signed) => self
                .inner
                .validator
                .validate_any_at(&signed, now)
                .map(Some)
                .inspect_err(|invalid| self.tell(*invalid))
                .map_err(RefusalReason::from),
            None => Ok(None),
        }
    }

    fn refusal(&self, headers: &HeaderMap, reason: RefusalReason, step_up: StepUp) -> Refusal {
        let refusal = Refusal::new(reason, step_up, &self.inner.realm, headers);
        if self.inner.diagnoses { refusal.diagnosed(&self.inner.validator) } else { refusal }
    }

    /// The event for those who run the service: the client learns only "invalid".
    fn tell(&self, invalid: Invalid) {
        tracing::debug!(
            invalid = invalid.name(),
            expected_issuer = self.inner.validator.issuer(),
            expected_audience = self.inner.validator.audience(),
            "refused: {invalid}"
        );
    }
}
