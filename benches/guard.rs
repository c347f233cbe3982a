//! Cost of a guard per request: `cargo bench --no-default-features --features guard,testing --bench
//! guard`
//!
//! One request through one axum router, in process and without sockets, beside the same router
//! without a guard. Variants alternate, A B C A B C, in CPU time of the thread, so other work on
//! the machine affects all of them and mostly does not count. Goal: the layer adds at most 2 µs to
//! a request with a cached token.

#![allow(clippy::expect_used, reason = "a bench that cannot go on should stop")]

mod turns;

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower::Service;
use twostep::guard::{MfaGuard, MfaLayer, MfaPresent};
use twostep::policy::Policy;
use twostep::session::{JwkSet, PublicKey, Validator};
use twostep::time::{Clock, SystemClock};

use turns::{Spread, Variant, take_turns};

const ROUNDS: usize = 21;

const TURNS: usize = 2_000;

fn main() {
    let key = Ed25519KeyPair::generate().expect("a key");
    let public = PublicKey::from_coordinates(&[URL_SAFE_NO_PAD.encode(key.public_key())])
        .expect("a public key");
    let token = token(&key, &public);
    let validator = || Validator::new(JwkSet::new([public.clone()]), "twostep", "shop");
    let guard = |validator| MfaGuard::new(validator, Policy::max_age(Duration::from_secs(900)));
    let bare = || Router::new().route("/", get(async || "done"));
    let layer = |validator| bare().layer(MfaLayer::new(guard(validator)));
    let extractor = Router::new()
        .route("/", get(async |_: MfaPresent| "done"))
        .with_state(guard(validator()));
    print_table(&mut [
        asked("no guard", bare(), Some(&token), 200),
        asked("layer, token seen before", layer(validator()), Some(&token), 200),
        asked("extractor, token seen before", extractor, Some(&token), 200),
        asked("layer, every signature anew", layer(validator().remembering(0)), Some(&token), 200),
        asked("layer, no token: refused", layer(validator()), None, 401),
        asked("layer, not a token: refused", layer(validator()), Some("x"), 401),
    ]);
}

/// A router and its request.
fn asked(
    name: &'static str,
    mut router: Router,
    token: Option<&str>,
    status: u16,
) -> Variant<'static> {
    let authorization = token.map(|token| format!("Bearer {token}"));
    Variant::new(name, TURNS, move |_| {
        let mut request = Request::get("/");
        if let Some(authorization) = &authorization {
            request = request.header("authorization", authorization);
        }
        let answer = pin!(router.call(black_box(request.body(Body::empty()).expect("a request"))));
        // The request never waits, so a waker without effect will do.
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => assert_eq!(answer.status().as_u16(), status, "{name}"),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => unreachable!("a router without I/O waits for nothing"),
        }
    })
}

/// Runs the variants alternately; prints the median, the extremes, and the cost above the first.
fn print_table(variants: &mut [Variant<'_>]) {
    let spreads = take_turns(ROUNDS, variants, || {});
    println!("\n{:<32}{:>12}{:>12}{:>12}{:>12}", "", "median ns", "min", "max", "added");
    let mut first = None;
    for (variant, Spread { min, median, max }) in variants.iter().zip(spreads) {
        let added = median - *first.get_or_insert(median);
        println!("{:<32}{median:>12.0}{min:>12.0}{max:>12.0}{added:>12.0}", variant.name);
    }
}

fn token(key: &Ed25519KeyPair, public: &PublicKey) -> String {
    let now = SystemClock.read().wall.0;
    let header = json!({ "alg": "EdDSA", "kid": public.kid(), "typ": "mfa+jwt" });
    let claims = json!({
        "iss": "twostep", "sub": "alice", "aud": "shop", "iat": now, "nbf": now, "exp": now + 3_600,
        "jti": "01J0000000000000000000000", "gen": 0, "mfa_present": true, "amr": ["otp"],
        "mfa_time": now, "mfa_serial": "GAHT12345678", "mfa_kind": "totp", "uv": false,
    });
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}
