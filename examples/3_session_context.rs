//! A proof becomes a signed context, which another service validates offline.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Totp, Window};
use twostep::session::{Introspector, Issuer, JwkSet, SignedContext, Validator};
use twostep::store::{Keyring, SqliteStore};
use twostep::testing::{FixedClock, SimulatedToken};
use twostep::time::{Clock, UnixTime};
use twostep::verifier::{Authority, Limits, NewDevice, NewFactor, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("mfa.db"))?;
    let clock = FixedClock::at(UnixTime(1_790_000_000));
    let verifier = Verifier::with(
        Arc::new(store),
        Keyring::ephemeral()?,
        Arc::new(clock.clone()),
        Limits::default(),
    );
    let (account, serial): (AccountId, SerialNumber) = ("alice".parse()?, "GAHT12345678".parse()?);
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let new =
        NewDevice { account: account.clone(), serial: Some(serial.clone()), name: None, factor };
    let seed = verifier.add(new, &Authority::Service).await?.seed.ok_or("a seed was made")?;
    let token = SimulatedToken::totp(&seed, Totp::default());
    let [first, second] = token.pair_until(clock.read().wall);
    verifier
        .activate(&serial, [&first, &second], Window::Owner, &Authority::Service)
        .await?;

    // The verifying side: each proof becomes one context, for one audience.
    clock.advance(Duration::from_secs(30));
    let issuer = Issuer::new(verifier.clone(), "https://mfa.example");
    let verified = verifier
        .verify_code(&account, &serial, token.code_at(clock.read().wall))
        .await?;
    let signed = issuer.issue(verified, "payments").await?;
    let (sent, published) = (signed.as_str().to_owned(), issuer.jwks().await?.to_json());

    // Any other service: needs only the token and the public keys.
    let keys = JwkSet::from_json(published.as_bytes()).map_err(|error| format!("{error:?}"))?;
    let validator =
        Validator::new(keys, "https://mfa.example", "payments").with_clock(Arc::new(clock.clone()));
    let context = validator.validate(&SignedContext::new(sent))?;
    println!(
        "{} proved MFA with {} at {}",
        context.account(),
        context.serial(),
        context.mfa_time()
    );

    // Revocation is known where the store is.
    let introspector = Introspector::new(issuer, verifier.clone());
    verifier.revoke_sessions(&account, None, None).await?;
    let alive = introspector.introspect(&signed, "payments").await?.is_some();
    println!("after a revocation it is alive: {alive}");
    assert!(!alive);
    Ok(())
}
