//! An issuer of contexts for these tests, and a service that demands contexts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use twostep::guard::{Mfa, MfaGuard, MfaLayer, MfaPresent, RoutePolicy};
use twostep::policy::Policy;
use twostep::session::{AnyContext, JwkSet, PublicKey, SessionContext, Validator};
use twostep::testing::FixedClock;
use twostep::time::UnixTime;

pub(crate) const NOW: u64 = 1_800_000_000;

/// An issuer's key, and the clock of who validates.
pub(crate) struct Desk {
    key: Ed25519KeyPair,
    public: PublicKey,
    pub(crate) clock: FixedClock,
}

/// The state of a service, in which the guard is one thing of several.
#[derive(Clone)]
pub(crate) struct State {
    guard: MfaGuard,
}

impl FromRef<State> for MfaGuard {
    fn from_ref(state: &State) -> MfaGuard {
        state.guard.clone()
    }
}

/// Paying wants a key, touched just now.
pub(crate) struct Paying;

impl RoutePolicy for Paying {
    fn policy() -> Policy {
        Policy::max_age(Duration::from_secs(60)).phishing_resistant()
    }
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let key = Ed25519KeyPair::generate().unwrap();
        let public =
            PublicKey::from_coordinates(&[URL_SAFE_NO_PAD.encode(key.public_key())]).unwrap();
        Desk { key, public, clock: FixedClock::at(UnixTime(NOW)) }
    }

    /// A guard that is content with a proof of the last quarter of an hour, and reads a cookie.
    pub(crate) fn guard(&self) -> MfaGuard {
        MfaGuard::new(self.validator(), Policy::max_age(Duration::from_secs(900)))
            .with_cookie("__Host-mfa".parse().unwrap())
    }

    pub(crate) fn keys(&self) -> JwkSet {
        JwkSet::new([self.public.clone()])
    }

    pub(crate) fn validator(&self) -> Validator {
        Validator::new(self.keys(), "twostep", "shop").with_clock(Arc::new(self.clock.clone()))
    }

    /// A context with MFA by a code, proved just now, changed as the test wants it.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "twostep", "sub": "alice", "aud": "shop",
            "iat": NOW, "nbf": NOW, "exp": NOW + 3_600, "jti": "one", "gen": 0,
            "mfa_present": true, "amr": ["otp"], "mfa_time": NOW,
            "mfa_serial": "GAHT12345678", "mfa_kind": "totp", "uv": false,
        });
        change(&mut claims);
        self.sign("mfa+jwt", &claims)
    }

    pub(crate) fn of(&self, account: &str) -> String {
        self.token(|claims| claims["sub"] = account.into())
    }

    /// A context by a security key.
    pub(crate) fn by_key(&self) -> String {
        self.token(|claims| {
            claims["mfa_kind"] = "security_key".into();
            claims["amr"] = json!(["pop", "hwk", "user"]);
        })
    }

    pub(crate) fn without_mfa(&self) -> String {
        let claims = json!({
            "iss": "twostep", "sub": "alice", "aud": "shop",
            "iat": NOW, "nbf": NOW, "exp": NOW + 3_600, "jti": "two", "gen": 0,
            "mfa_present": false,
        });
        self.sign("nomfa+jwt", &claims)
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.public.kid(), "typ": typ });
        let message =
            [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    pub(crate) fn service(&self) -> Router {
        service(&self.guard())
    }
}

/// One route for each extractor, and some behind the layer. Each says whom it let in.
pub(crate) fn service(guard: &MfaGuard) -> Router {
    let extractors = Router::new()
        .route("/present", get(async |mfa: MfaPresent| mfa.account().to_string()))
        .route("/paying", get(async |mfa: Mfa<Paying>| mfa.account().to_string()))
        .route("/optional", get(optional))
        .route("/any", get(any))
        .with_state(State { guard: guard.clone() });
    let layer = || MfaLayer::new(guard.clone());
    let behind = |layer: MfaLayer, path: &str| Router::new().route(path, get(inside)).layer(layer);
    extractors
        .merge(behind(layer(), "/layer"))
        .merge(behind(layer().with_policy(Paying::policy()), "/layer/paying"))
        .merge(behind(layer().with_policy(lenient()), "/layer/open"))
}

/// A policy that passes every valid context, and requests without one.
pub(crate) fn lenient() -> Policy {
    Policy::mfa_present()
        .if_exists()
        .or(Policy::mfa_present().not())
        .allow_without_mfa()
        .allow_absent()
}

async fn optional(context: Option<SessionContext>) -> String {
    context.map_or("nobody".to_owned(), |context| context.account().to_string())
}

async fn any(context: Option<AnyContext>) -> String {
    match context {
        None => "nobody".to_owned(),
        Some(AnyContext::WithoutMfa(context)) => format!("{} without", context.common().account),
        Some(AnyContext::Mfa(context)) => context.account().to_string(),
    }
}

/// Behind the layer, the context is an extension of the request.
async fn inside(request: Request<Body>) -> String {
    request
        .extensions()
        .get::<SessionContext>()
        .map_or("nobody".to_owned(), |context| context.account().to_string())
}

/// The response of the service.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is there once");
        value
    }

    pub(crate) fn challenge(&self) -> &str {
        self.header("www-authenticate").unwrap()
    }
}

/// Sends one request, with headers that may be there several times.
pub(crate) async fn ask(service: &Router, path: &str, headers: &[(&str, &[u8])]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer: Result<Response<Body>, Infallible> =
        service.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    let (head, body) = answer.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: head.status, headers: head.headers, body }
}

pub(crate) async fn bearing(service: &Router, path: &str, token: &str) -> Answer {
    ask(service, path, &[("authorization", format!("Bearer {token}").as_bytes())]).await
}
