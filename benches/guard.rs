//! What a guard adds to a request: `cargo bench --no-default-features --features guard,testing --bench guard`
//!
//! One request through one axum router, in process and without sockets, beside the same router without a guard. Variants take
//! turns, A B C A B C, and time is the thread's CPU time: what else the machine does is spread over all of them and mostly not
//! counted. Goal: the layer adds at most 2 µs to a request whose token was seen before.

#![allow(clippy::expect_used, reason = "a bench that cannot go on should stop")]

use std::hint::black_box;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower::Service;
use twostep::guard::MfaGuard;
use twostep::guard::MfaLayer;
use twostep::guard::MfaPresent;
use twostep::policy::Policy;
use twostep::session::JwkSet;
use twostep::session::PublicKey;
use twostep::session::Validator;
use twostep::time::Clock;
use twostep::time::SystemClock;

const ROUNDS: usize = 21;

const TURNS: u32 = 2_000;

fn main() {
    let key = Ed25519KeyPair::generate().expect("a key");
    let public = PublicKey::from_coordinates(&[URL_SAFE_NO_PAD.encode(key.public_key())]).expect("a public key");
    let token = token(&key, &public);
    let validator = || Validator::new(JwkSet::new([public.clone()]), "twostep", "shop");
    let guard = |validator| MfaGuard::new(validator, Policy::max_age(Duration::from_secs(900)));
    let bare = || Router::new().route("/", get(async || "done"));
    let layer = |validator| bare().layer(MfaLayer::new(guard(validator)));
    let extractor = Router::new().route("/", get(async |_: MfaPresent| "done")).with_state(guard(validator()));
    let variants = [
        Variant::new("no guard", bare(), Some(&token), 200),
        Variant::new("layer, token seen before", layer(validator()), Some(&token), 200),
        Variant::new("extractor, token seen before", extractor, Some(&token), 200),
        Variant::new("layer, every signature anew", layer(validator().remembering(0)), Some(&token), 200),
        Variant::new("layer, no token: refused", layer(validator()), None, 401),
        Variant::new("layer, not a token: refused", layer(validator()), Some("x"), 401),
    ];
    print_table(variants);
}

/// A router, and the request that it is asked.
struct Variant {
    name: &'static str,
    router: Router,
    authorization: Option<String>,
    status: u16,
    nanoseconds: Vec<f64>,
}

impl Variant {
    fn new(name: &'static str, router: Router, token: Option<&str>, status: u16) -> Variant {
        Variant { name, router, authorization: token.map(|token| format!("Bearer {token}")), status, nanoseconds: Vec::new() }
    }

    fn run(&mut self) -> f64 {
        let before = thread_time();
        for _ in 0..TURNS {
            let mut request = Request::get("/");
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            let answer = pin!(self.router.call(black_box(request.body(Body::empty()).expect("a request"))));
            // Nothing in it waits, so nobody has to be woken.
            match answer.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(answer)) => assert_eq!(answer.status().as_u16(), self.status, "{}", self.name),
                Poll::Ready(Err(never)) => match never {},
                Poll::Pending => unreachable!("a router without I/O waits for nothing"),
            }
        }
        (thread_time() - before) * 1e9 / f64::from(TURNS)
    }
}

/// Runs the variants in turn and prints the median, the extremes, and how much more than the first each takes.
fn print_table<const COUNT: usize>(mut variants: [Variant; COUNT]) {
    // The first round warms up.
    for round in 0..=ROUNDS {
        for variant in &mut variants {
            let nanoseconds = variant.run();
            if round > 0 {
                variant.nanoseconds.push(nanoseconds);
            }
        }
    }
    println!("\n{:<32}{:>12}{:>12}{:>12}{:>12}", "", "median ns", "min", "max", "added");
    let mut first = None;
    for variant in &mut variants {
        variant.nanoseconds.sort_by(f64::total_cmp);
        let [min, median, max] = [0, ROUNDS / 2, ROUNDS - 1].map(|place| variant.nanoseconds[place]);
        let added = median - *first.get_or_insert(median);
        println!("{:<32}{median:>12.0}{min:>12.0}{max:>12.0}{added:>12.0}", variant.name);
    }
}

fn token(key: &Ed25519KeyPair, public: &PublicKey) -> String {
    let now = SystemClock.read().wall.0;
    let header = json!({ "alg": "EdDSA", "kid": public.kid(), "typ": "mfa+jwt" });
    let claims = json!({
        "iss": "twostep", "sub": "alice", "aud": "shop", "iat": now, "nbf": now, "exp": now + 3_600,
        "jti": "01J0000000000000000000000", "gen": 0, "mfa_present": true, "amr": ["otp"], "mfa_time": now,
        "mfa_serial": "GAHT12345678", "mfa_kind": "totp", "uv": false,
    });
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Seconds of CPU time that this thread has had.
#[allow(unsafe_code)]
fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec to a place that holds one.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "a thread has a clock");
    let seconds = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("under a second"));
    seconds.as_secs_f64()
}
