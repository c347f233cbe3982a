//! Contexts of requests: stated by the verifier, or assumed for a simulation.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use crate::aws::document::error::quoted;
use crate::aws::document::key::{AGE, AMR, BadKeyName, KeyName, PRESENT, TOKEN_ISSUE_TIME};
use crate::aws::document::keys::Keys;
use crate::time::UnixTime;

/// Facts of a request, from which its context keys follow.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The credentials that signed it.
    pub credentials: Credentials,
    /// The time of the verifier.
    pub now: UnixTime,
    /// The principal: `aws:PrincipalArn`.
    pub principal_arn: String,
    /// `User`, `AssumedRole`, `FederatedUser` or `Account`: `aws:PrincipalType`.
    pub principal_type: String,
    /// The unique id: `aws:userid`.
    pub user_id: String,
    /// The name of a user; roles and federated users have none: `aws:username`.
    pub username: Option<String>,
    /// The address that the request came from.
    pub source_ip: Option<IpAddr>,
    /// True if the request came over TLS; `None` if the service does not say.
    pub secure_transport: Option<bool>,
    /// The region in the scope of the signature.
    pub region: Option<String>,
}

/// The credentials of a request: MFA is absent, not used, or used, and these three are no booleans.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A long-term key: the context says nothing about MFA.
    LongTerm,
    /// A long-term key, in a request that brought a code itself.
    LongTermWithCode(Mfa),
    /// Temporary credentials.
    Temporary {
        /// The time of their issue.
        issued_at: UnixTime,
        /// The verification that they carry; `None` makes `aws:MultiFactorAuthPresent` false.
        mfa: Option<Mfa>,
    },
}

/// A verification that temporary credentials carry.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// The time since.
    pub age: Duration,
    /// The kind of device: `twostep:MfaKind`.
    pub kind: String,
    /// The serial number of the device: `twostep:MfaSerial`.
    pub serial: String,
    /// The methods: `twostep:Amr`.
    pub amr: Vec<String>,
    /// True for a security key.
    pub phishing_resistant: bool,
    /// True if the device is known to keep its key in hardware.
    pub hardware_bound: bool,
    /// The device verified its user; `None` if that is not known.
    pub user_verified: Option<bool>,
}

/// The context of a request, by which it is decided. Only [`Facts`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(Keys);

/// A context that the question to a simulator assumes: it decides no request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypotheticalContext(Keys);

/// A context key that cannot be stated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadEntry {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] BadKeyName),
    /// The key belongs to the verifier (`aws:`, `sts:`, `twostep:`).
    #[error("{0} is stated by the verifier alone")]
    Reserved(KeyName),
    /// The value is not of the key's type.
    #[error("{} is no value of {key}", quoted(value))]
    Value {
        /// The key.
        key: KeyName,
        /// The value.
        value: String,
    },
    /// The value is longer than 2,048 bytes.
    #[error("a value of {0} has at most {MOST} bytes")]
    TooLong(KeyName),
}

impl Context {
    /// The context of these facts.
    pub fn of(facts: &Facts) -> Context {
        let mut keys = Keys::default();
        keys.known("aws:PrincipalArn", &facts.principal_arn);
        keys.known("aws:PrincipalType", &facts.principal_type);
        keys.known("aws:userid", &facts.user_id);
        keys.known("aws:CurrentTime", facts.now);
        keys.known("aws:EpochTime", facts.now.0);
        let mut optional = |name, value: Option<String>| {
            keys.several(name, value.into_iter().collect());
        };
        optional("aws:username", facts.username.clone());
        optional("aws:SourceIp", facts.source_ip.map(|ip| ip.to_canonical().to_string()));
        optional("aws:SecureTransport", facts.secure_transport.map(|tls| tls.to_string()));
        optional("aws:RequestedRegion", facts.region.clone());
        let mfa = match &facts.credentials {
            Credentials::LongTerm => None,
            Credentials::LongTermWithCode(mfa) => Some(mfa),
            Credentials::Temporary { issued_at, mfa } => {
                keys.known(TOKEN_ISSUE_TIME, issued_at);
                keys.known(PRESENT, false);
                mfa.as_ref()
            }
        };
        if let Some(mfa) = mfa {
            keys.known(PRESENT, true);
            mfa.state(&mut keys);
        }
        Context(keys)
    }

    /// Adds the parameters of `AssumeRole` that conditions may read; `None` leaves a key absent.
    #[must_use]
    pub fn assuming(
        mut self,
        external_id: Option<&str>,
        session_name: Option<&str>,
        source_identity: Option<&str>,
    ) -> Context {
        for (name, value) in [
            ("sts:ExternalId", external_id),
            ("sts:RoleSessionName", session_name),
            ("sts:SourceIdentity", source_identity),
        ] {
            self.0.several(name, value.map(str::to_owned).into_iter().collect());
        }
        self
    }

    /// Adds a key of the service that asks, as `s3:prefix`. Without a value it is absent.
    ///
    /// # Errors
    /// [`BadEntry`] for a name that is none or is the verifier's own, and for a long value.
    pub fn with(mut self, name: &str, values: &[&str]) -> Result<Context, BadEntry> {
        let key: KeyName = name.parse()?;
        if key.is_ours() {
            return Err(BadEntry::Reserved(key));
        }
        state(&mut self.0, key, values)?;
        Ok(self)
    }

    /// The keys that are stated, in order, each with its values.
    pub fn stated(&self) -> impl Iterator<Item = (&KeyName, &[String])> {
        self.0.stated()
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0
    }
}

impl Mfa {
    fn state(&self, keys: &mut Keys) {
        keys.known(AGE, self.age.as_secs());
        keys.known("twostep:MfaKind", &self.kind);
        keys.known("twostep:MfaSerial", &self.serial);
        keys.several(AMR, self.amr.clone());
        keys.known("twostep:PhishingResistant", self.phishing_resistant);
        keys.known("twostep:HardwareBound", self.hardware_bound);
        if let Some(verified) = self.user_verified {
            keys.known("twostep:UserVerified", verified);
        }
    }
}

impl HypotheticalContext {
    /// A context without keys.
    pub fn new() -> HypotheticalContext {
        HypotheticalContext::default()
    }

    /// Assumes any key. Without a value it is absent.
    ///
    /// # Errors
    /// [`BadEntry`] for a name that is none, and for a value that is not of the key's type.
    pub fn with(mut self, name: &str, values: &[&str]) -> Result<HypotheticalContext, BadEntry> {
        state(&mut self.0, name.parse()?, values)?;
        Ok(self)
    }

    /// Adds the keys that a request states, where this context assumes no others.
    #[must_use]
    pub fn on(mut self, request: Context) -> HypotheticalContext {
        for (key, values) in request.0.into_stated() {
            if self.0.of(&key).is_empty() {
                self.0.state(key, values);
            }
        }
        self
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0
    }
}

/// A question about the context of a request that took place.
impl From<Context> for HypotheticalContext {
    fn from(context: Context) -> HypotheticalContext {
        HypotheticalContext(context.0)
    }
}

fn state(keys: &mut Keys, key: KeyName, values: &[&str]) -> Result<(), BadEntry> {
    if values.iter().any(|value| value.len() > MOST) {
        return Err(BadEntry::TooLong(key));
    }
    let bad = key.kind().and_then(|kind| values.iter().find(|value| !kind.admits(value)));
    if let Some(value) = bad {
        return Err(BadEntry::Value { key, value: (*value).to_owned() });
    }
    keys.state(key, values.iter().map(|value| (*value).to_owned()).collect());
    Ok(())
}

/// Bytes of a value.
const MOST: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::document::sample::facts;

    fn single(context: &Context, name: &str) -> Option<String> {
        context.keys().single(&name.parse().unwrap()).map(str::to_owned)
    }

    #[test]
    fn mfa_is_absent_false_or_true() {
        let present = |facts: &Facts| single(&Context::of(facts), PRESENT);
        let [long_term, without, with] = facts();
        assert_eq!(present(&long_term), None);
        assert_eq!(present(&without).as_deref(), Some("false"));
        assert_eq!(present(&with).as_deref(), Some("true"));
        for facts in [long_term, without] {
            for name in [AGE, AMR, "twostep:MfaKind", "twostep:PhishingResistant"] {
                assert_eq!(single(&Context::of(&facts), name), None, "{name}");
            }
        }
        assert_eq!(single(&Context::of(&with), AGE).as_deref(), Some("60"));
    }

    #[test]
    fn a_service_states_only_its_own_keys() {
        let context = || Context::of(&facts()[0]);
        for name in [PRESENT, "AWS:username", "sts:ExternalId", "twostep:MfaKind"] {
            let refused = context().with(name, &["true"]);
            assert!(matches!(refused, Err(BadEntry::Reserved(_))), "{name}");
        }
        assert!(matches!(context().with("prefix", &["a"]), Err(BadEntry::Name(_))));
        let long = "a".repeat(MOST + 1);
        assert!(matches!(context().with("s3:prefix", &[&long]), Err(BadEntry::TooLong(_))));
        let context = context().with("s3:prefix", &["a"]).unwrap();
        assert_eq!(single(&context, "S3:Prefix").as_deref(), Some("a"));
    }

    #[test]
    fn an_assumed_value_has_the_type_of_its_key() {
        for (name, good, bad) in [
            (PRESENT, "true", "yes"),
            (AGE, "60", "1m"),
            (TOKEN_ISSUE_TIME, "2026-11-22T00:00:00Z", "today"),
            ("aws:EpochTime", "1795305600", "2026-11-22"),
            ("aws:SourceIp", "::1", "::1/128"),
        ] {
            assert!(HypotheticalContext::new().with(name, &[good]).is_ok(), "{name}");
            let refused = HypotheticalContext::new().with(name, &[bad]);
            assert!(matches!(refused, Err(BadEntry::Value { .. })), "{name}");
        }
    }

    #[test]
    fn a_mapped_address_is_stated_as_it_is() {
        let [mut facts, ..] = facts();
        facts.source_ip = Some("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(single(&Context::of(&facts), "aws:SourceIp").as_deref(), Some("10.0.0.1"));
    }
}
