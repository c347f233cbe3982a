//! Alice with her token and security key, and the issuer of her contexts: the setup of the examples
//! about services. Keys, token and time are simulated.

#![allow(dead_code, reason = "not every example needs all of it")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Totp, Window};
use twostep::session::{Issuer, Validator};
use twostep::store::{Keyring, SqliteStore};
use twostep::testing::{FixedClock, SimulatedSecurityKey, SimulatedToken};
use twostep::time::{Clock, UnixTime};
use twostep::verifier::{Authority, Limits, NewDevice, NewFactor, SecurityKeys, Verifier};
use twostep::webauthn::{Origin, RelyingParty, RelyingPartyConfig};

pub(crate) struct Alice {
    pub(crate) clock: FixedClock,
    pub(crate) issuer: Issuer,
    verifier: Verifier,
    keys: SecurityKeys,
    account: AccountId,
    serial: SerialNumber,
    token: SimulatedToken,
    key: SimulatedSecurityKey,
    origin: Origin,
    _folder: TempDir,
}

impl Alice {
    pub(crate) async fn new() -> Result<Alice, Box<dyn Error>> {
        let (folder, clock) = (tempfile::tempdir()?, FixedClock::at(UnixTime(1_790_000_000)));
        let store = SqliteStore::open(folder.path().join("mfa.db"))?;
        let verifier = Verifier::with(
            Arc::new(store),
            Keyring::ephemeral()?,
            Arc::new(clock.clone()),
            Limits::default(),
        );
        let (account, serial): (AccountId, SerialNumber) =
            ("alice".parse()?, "GAHT12345678".parse()?);
        let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
        let new = NewDevice {
            account: account.clone(),
            serial: Some(serial.clone()),
            name: None,
            factor,
        };
        let seed = verifier.add(new, &Authority::Admin).await?.seed.ok_or("a seed was made")?;
        let token = SimulatedToken::totp(&seed, Totp::default());
        let [first, second] = token.pair_until(clock.read().wall);
        verifier
            .activate(&serial, [&first, &second], Window::Owner, &Authority::Admin)
            .await?;

        let origin: Origin = "https://mfa.example".parse()?;
        let origins = vec![origin.to_string()];
        let (rp_id, name) = ("mfa.example".to_owned(), "Example".to_owned());
        let party = RelyingPartyConfig { rp_id, name, origins, ..RelyingPartyConfig::default() };
        let keys = SecurityKeys::new(verifier.clone(), RelyingParty::new(party)?);
        let mut key = SimulatedSecurityKey::new("alice's");
        let begun = keys.begin_registration(&account, None, &Authority::Admin).await?;
        keys.finish_registration(
            &begun.id,
            key.create(&begun.options, &origin).response(),
            &Authority::Admin,
        )
        .await?;
        let issuer = Issuer::new(verifier.clone(), "https://mfa.example");
        Ok(Alice {
            clock,
            issuer,
            verifier,
            keys,
            account,
            serial,
            token,
            key,
            origin,
            _folder: folder,
        })
    }

    /// A validator for a service: public keys and, in this example only, Alice's clock.
    pub(crate) async fn validator(&self, audience: &str) -> Result<Validator, Box<dyn Error>> {
        Ok(self.issuer.validator(audience).await?)
    }

    /// Alice waits for the next code and types it.
    pub(crate) async fn by_code(&self, audience: &str) -> Result<String, Box<dyn Error>> {
        self.clock.advance(Duration::from_secs(30));
        let code = self.token.code_at(self.clock.read().wall);
        let verified = self.verifier.verify_code(&self.account, &self.serial, code).await?;
        Ok(self.issuer.issue(verified, audience).await?.as_str().to_owned())
    }

    /// Alice touches her key.
    pub(crate) async fn by_key(&mut self, audience: &str) -> Result<String, Box<dyn Error>> {
        let begun = self.keys.begin_authentication(&self.account).await?;
        let used = self.key.get(&begun.options, &self.origin).ok_or("the key is asked for")?;
        let verified = self
            .keys
            .finish_authentication(&self.account, &begun.id, used.response())
            .await?;
        Ok(self.issuer.issue(verified, audience).await?.as_str().to_owned())
    }
}
