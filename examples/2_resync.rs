//! A token whose clock ran away is found again by two consecutive codes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Totp, Window};
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

    // A new seed; its owner's app would scan it.
    let (account, serial): (AccountId, SerialNumber) = ("alice".parse()?, "GAHT12345678".parse()?);
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let new =
        NewDevice { account: account.clone(), serial: Some(serial.clone()), name: None, factor };
    let seed = verifier.add(new, &Authority::Service).await?.seed.ok_or("a seed was made")?;
    let mut token = SimulatedToken::totp(&seed, Totp::default());
    let [first, second] = token.pair_until(clock.read().wall);
    verifier
        .activate(&serial, [&first, &second], Window::Owner, &Authority::Service)
        .await?;

    // A year later, its clock is four minutes ahead.
    clock.advance(Duration::from_secs(365 * 86_400));
    token.jump(240);
    let code = token.code_at(clock.read().wall);
    match verifier.verify_code(&account, &serial, code).await {
        Err(refused) => println!("one code: {refused}"),
        Ok(_) => return Err("a code was found that is out of reach".into()),
    }

    // Two consecutive codes may lie much further away, since a pair cannot be guessed.
    let [first, second] = token.pair_until(clock.read().wall);
    let resynced = verifier.resync(&serial, [&first, &second], Window::Owner).await?;
    let drift = resynced.drift.ok_or("a device with a clock")?;
    println!("two codes: found, {} steps ({} s) ahead", drift.steps, drift.seconds);
    assert_eq!(drift.steps, 8);

    // The learned drift applies from now on.
    clock.advance(Duration::from_secs(30));
    let verified = verifier
        .verify_code(&account, &serial, token.code_at(clock.read().wall))
        .await?;
    println!("the next code: accepted for {}", verified.account());
    Ok(())
}
