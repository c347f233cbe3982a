//! Issuing a context and validating it, beside jsonwebtoken's own encode and decode of the same
//! claims with the same key: `cargo bench --no-default-features --features session,sqlite,testing
//! --bench session`
//!
//! Variants take turns, A B C A B C, and time is the thread's CPU time: what else the machine does
//! is spread over all of them and mostly not counted. Ratios hold within one table only. Both sides
//! verify with aws-lc-rs.

#![allow(clippy::expect_used, reason = "a bench that cannot go on should stop")]

mod turns;

use std::cell::RefCell;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Counter, Hotp, Seed, Window};
use twostep::session::{Issuer, RevocationFeed, RevocationList, SignedContext, SigningAlgorithm};
use twostep::store::{Keyring, SealedPlace, SqliteStore};
use twostep::testing::SimulatedToken;
use twostep::time::{Clock, SystemClock};
use twostep::verifier::{Authority, NewDevice, NewFactor, Verified, Verifier};

use turns::{Spread, Variant, take_turns};

const ROUNDS: usize = 21;

/// The claims of a context, as a service without twostep would write them down.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    #[serde(rename = "gen")]
    generation: u64,
    mfa_present: bool,
    amr: Vec<String>,
    mfa_time: u64,
    mfa_serial: String,
    mfa_kind: String,
    uv: bool,
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256] {
        let desk = Desk::new(&runtime, algorithm);
        desk.issue(rounds);
        desk.validate(rounds);
    }
}

/// A counter-based token, and an issuer.
struct Desk<'a> {
    runtime: &'a Runtime,
    verifier: Verifier,
    issuer: Issuer,
    account: AccountId,
    serial: SerialNumber,
    token: RefCell<SimulatedToken>,
    algorithm: Algorithm,
    _folder: tempfile::TempDir,
}

impl<'a> Desk<'a> {
    fn new(runtime: &'a Runtime, algorithm: SigningAlgorithm) -> Desk<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("store.db")).expect("a store");
        let verifier = Verifier::new(store, Keyring::ephemeral().expect("a key"));
        let issuer = Issuer::with_algorithm(verifier.clone(), "twostep", algorithm);
        let (account, serial): (AccountId, SerialNumber) =
            ("alice".parse().expect("a name"), "GAHT00000001".parse().expect("a serial"));
        let seed = Seed::new(b"12345678901234567890".to_vec()).expect("20 bytes");
        let mut token = SimulatedToken::hotp(&seed, Hotp::default(), Counter(0));
        let factor =
            NewFactor::Hotp { parameters: Hotp::default(), counter: Counter(0), seed: Some(seed) };
        let device = NewDevice {
            account: account.clone(),
            serial: Some(serial.clone()),
            name: None,
            factor,
        };
        runtime.block_on(verifier.add(device, &Authority::Admin)).expect("a device");
        let pair = [token.press(), token.press()];
        runtime
            .block_on(verifier.activate(
                &serial,
                [&pair[0], &pair[1]],
                Window::Owner,
                &Authority::Admin,
            ))
            .expect("active");
        let algorithm =
            if algorithm == SigningAlgorithm::EdDsa { Algorithm::EdDSA } else { Algorithm::ES256 };
        Desk {
            runtime,
            verifier,
            issuer,
            account,
            serial,
            token: RefCell::new(token),
            algorithm,
            _folder: folder,
        }
    }

    fn proof(&self) -> Verified {
        let code = self.token.borrow_mut().press();
        self.runtime
            .block_on(self.verifier.verify_code(&self.account, &self.serial, code))
            .expect("a proof")
    }

    fn signed(&self) -> SignedContext {
        self.runtime
            .block_on(self.issuer.issue(self.proof(), "payments"))
            .expect("a context")
    }

    fn issue(&self, rounds: usize) {
        let claims = self.claims(&self.signed());
        let record = self
            .runtime
            .block_on(self.verifier.store().signing_keys())
            .expect("a key")
            .remove(0);
        let sealer = self.runtime.block_on(self.verifier.sealer()).expect("a sealer");
        let private = sealer
            .keyring()
            .open(&SealedPlace::SigningKey { kid: record.kid.clone() }, &record.private)
            .expect("a key");
        let key = match self.algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_der(private.expose()),
            _ => EncodingKey::from_ec_der(private.expose()),
        };
        let mut header = jsonwebtoken::Header::new(self.algorithm);
        (header.kid, header.typ) = (Some(record.kid), Some("mfa+jwt".to_owned()));
        // Proofs cost a write to the disk each, and are made before the clock starts.
        let proofs = RefCell::new(Vec::new());
        print_table(
            &format!("issue, {:?}", self.algorithm),
            rounds,
            &mut || *proofs.borrow_mut() = (0..ISSUED).map(|_| self.proof()).collect(),
            &mut [
                succeeding("jsonwebtoken encode", ISSUED, |turn| {
                    let claims = Claims { jti: format!("{turn:022}"), ..claims.clone() };
                    jsonwebtoken::encode(&header, &claims, &key).is_ok()
                }),
                succeeding("twostep issue", ISSUED, |_| {
                    let proof = proofs.borrow_mut().pop().expect("as many proofs as turns");
                    self.runtime.block_on(self.issuer.issue(proof, "payments")).is_ok()
                }),
            ],
        );
    }

    fn validate(&self, rounds: usize) {
        let tokens: Vec<SignedContext> = (0..64).map(|_| self.signed()).collect();
        let token = |turn: usize| &tokens[turn % tokens.len()];
        let keys = self.runtime.block_on(self.issuer.jwks()).expect("keys");
        let jwks: serde_json::Value = serde_json::from_str(&keys.to_json()).expect("JSON");
        let part = |name: &str| jwks["keys"][0][name].as_str().expect("a coordinate").to_owned();
        let key = match self.algorithm {
            Algorithm::EdDSA => DecodingKey::from_ed_components(&part("x")),
            _ => DecodingKey::from_ec_components(&part("x"), &part("y")),
        };
        let key = key.expect("a key");
        let mut validation = Validation::new(self.algorithm);
        validation.set_audience(&["payments"]);
        validation.set_issuer(&["twostep"]);
        validation.leeway = 0;
        validation.validate_nbf = true;
        let feed = RevocationFeed::new(self.issuer.clone(), self.verifier.clone());
        let list = self.runtime.block_on(feed.current()).expect("a list");
        let list = RevocationList::verify(&list.text, &keys, "twostep", SystemClock.read().wall)
            .expect("a list");
        let validator =
            self.runtime.block_on(self.issuer.validator("payments")).expect("a validator");
        let forgetful = validator.clone().remembering(0);
        let told = validator.clone().remembering(4_096).with_revocations(Arc::new(Arc::new(list)));
        print_table(
            &format!("validate, {:?}", self.algorithm),
            rounds,
            &mut || {},
            &mut [
                succeeding("jsonwebtoken decode", 500, |turn| {
                    jsonwebtoken::decode::<Claims>(token(turn).as_str(), &key, &validation).is_ok()
                }),
                succeeding("twostep, first check", 500, |turn| {
                    forgetful.validate(token(turn)).is_ok()
                }),
                succeeding("second check", 20_000, |turn| validator.validate(token(turn)).is_ok()),
                succeeding("second, with revocations", 20_000, |turn| {
                    told.validate(token(turn)).is_ok()
                }),
            ],
        );
    }

    fn claims(&self, signed: &SignedContext) -> Claims {
        let context = self
            .runtime
            .block_on(self.issuer.validator("payments"))
            .expect("a validator")
            .validate(signed)
            .expect("valid");
        let common = context.common();
        Claims {
            iss: common.issuer.clone(),
            sub: common.account.to_string(),
            aud: common.audience.clone(),
            iat: common.issued_at.0,
            nbf: common.issued_at.0,
            exp: common.expires_at.0,
            jti: common.session_id.clone(),
            generation: common.generation,
            mfa_present: true,
            amr: vec!["otp".to_owned()],
            mfa_time: context.mfa_time().0,
            mfa_serial: context.serial().to_string(),
            mfa_kind: context.kind().name().to_owned(),
            uv: false,
        }
    }
}

/// A variant of which every turn must succeed.
fn succeeding<'a>(name: &'a str, turns: usize, work: impl Fn(usize) -> bool + 'a) -> Variant<'a> {
    Variant::new(name, turns, move |turn| assert!(work(turn), "{name}"))
}

/// Runs the variants in turn and prints the median, the extremes, and how many times faster than
/// the first each is.
fn print_table(
    title: &str,
    rounds: usize,
    prepare: &mut dyn FnMut(),
    variants: &mut [Variant<'_>],
) {
    let spreads = take_turns(rounds, variants, prepare);
    println!("\n{title}\n{:<28}{:>12}{:>12}{:>12}{:>9}", "", "median ns", "min", "max", "ratio");
    let mut first = None;
    for (variant, Spread { min, median, max }) in variants.iter().zip(spreads) {
        let ratio = *first.get_or_insert(median) / median;
        println!("{:<28}{median:>12.0}{min:>12.0}{max:>12.0}{ratio:>8.2}x", variant.name);
    }
}

const ISSUED: usize = 100;
