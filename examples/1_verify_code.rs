//! Add a device, activate it, verify a code. The same code again is refused.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Seed, Totp, Window};
use twostep::store::{Keyring, SqliteStore};
use twostep::testing::{FixedClock, SimulatedToken};
use twostep::time::{Clock, UnixTime};
use twostep::verifier::{Authority, Limits, NewDevice, NewFactor, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // In your program: `Verifier::new(SqliteStore::open("mfa.db")?,
    // Keyring::from_file_or_new("mfa.key")?)`
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("mfa.db"))?;
    let clock = FixedClock::at(UnixTime(1_790_000_000));
    let verifier = Verifier::with(
        Arc::new(store),
        Keyring::ephemeral()?,
        Arc::new(clock.clone()),
        Limits::default(),
    );

    // Alice gets a token whose seed is known to us.
    let (account, serial): (AccountId, SerialNumber) = ("alice".parse()?, "GAHT12345678".parse()?);
    let seed =
        Seed::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").map_err(|bad| bad.to_string())?;
    let token = SimulatedToken::totp(&seed, Totp::default());
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: Some(seed) };
    let new =
        NewDevice { account: account.clone(), serial: Some(serial.clone()), name: None, factor };
    verifier.add(new, &Authority::Service).await?;

    // Two consecutive codes prove possession of the token, and activate it.
    let [first, second] = token.pair_until(clock.read().wall);
    verifier
        .activate(&serial, [&first, &second], Window::Owner, &Authority::Service)
        .await?;

    // A minute later Alice types a code.
    clock.advance(Duration::from_secs(60));
    let code = token.code_at(clock.read().wall);
    let verified = verifier.verify_code(&account, &serial, code.clone()).await?;
    println!("accepted: this is {}", verified.account());

    // The same code is refused from now on, for ever.
    match verifier.verify_code(&account, &serial, code).await {
        Err(refused) => println!("the same code again: {refused}"),
        Ok(_) => return Err("a code was accepted twice".into()),
    }
    Ok(())
}
