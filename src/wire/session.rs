//! Sessions: opened, read, revoked.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::device::MfaKind;
use crate::id::{AccountId, ClientId, SerialNumber};
use crate::time::UnixTime;
use crate::wire::{SecretText, Timestamp};

/// A session to be opened, with one proof: a `code`, two consecutive `codes` of the device
/// `serial`, or the `credential` that answers the ceremony `ceremony_id`. Without a proof, the
/// context is one without MFA.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// May be left out where a ceremony that began without an account is finished: the key says
    /// whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// 900 to 129600; 3600 unless the agent is configured otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 900, maximum = 129600))]
    pub duration_seconds: Option<u64>,
    /// The audience of the context; the issuer itself if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub audience: Option<String>,
    /// May be left out where the account has exactly one active device that shows codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{1,256}$"))]
    pub serial: Option<String>,
    /// 6 to 8 digits, a recovery code, or a bypass code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub code: Option<SecretText>,
    /// Two consecutive codes of a device that is out of sync: they resynchronise it and open the
    /// session in one write.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<Vec<String>>, min_items = 2, max_items = 2)
    )]
    pub codes: Option<[SecretText; 2]>,
    /// Beside `codes` of a counter-based device: the counter of the first one, from a client that
    /// can read it (RFC 4226 Appendix E.4). It extends no window: at most 99 counters beyond the
    /// next one, for administrators 999. Of several pairs there the nearest to it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// A ceremony that `/v1/security-keys/authenticate/begin` began, for this account or for none.
    /// The attempt ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_-]{22,4096}$"))]
    pub ceremony_id: Option<String>,
    /// The answer of the security key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<crate::wire::shapes::AuthenticationResponse>)
    )]
    pub credential: Option<Value>,
    /// The person's browser or address, as the service vouches for it: 1 to 256 visible ASCII
    /// characters that other people cannot guess or share, such as a random cookie. A client that
    /// has succeeded keeps its own budget of wrong codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

/// The proof offered for a session. Each is judged once, and spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A code, a recovery code or a bypass code; with the device that shows it, unless the account
    /// has only one.
    Code(SecretText, Option<SerialNumber>),
    /// Two consecutive codes of a device that is out of sync.
    Pair([SecretText; 2], SerialNumber),
    /// The answer of a security key to the ceremony with this id.
    SecurityKey(String, Value),
    /// No proof: the context will say that MFA was not present.
    Nothing,
}

/// A session that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct OpenedSession {
    /// The signed context.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub token: SecretText,
    /// The context in it.
    pub context: Context,
}

/// A context, as the agent reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Context {
    /// The account.
    pub account: AccountId,
    /// The name that was asked for, where it is another spelling of the account's.
    pub asked_as: Option<String>,
    /// The proof; none: MFA was not present.
    pub mfa: Option<Mfa>,
    /// The id of the session.
    pub session_id: String,
    /// The time of issue.
    pub issued_at: Timestamp,
    /// The end: the context is valid up to the second before.
    pub expires_at: Timestamp,
    /// The audience.
    pub audience: String,
}

/// The proof of MFA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mfa {
    /// The time of the proof.
    pub time: Timestamp,
    /// The age of the proof in seconds, when the agent answered.
    pub age_seconds: u64,
    /// The device.
    pub serial: SerialNumber,
    /// The kind of proof.
    pub kind: MfaKind,
    /// Methods of RFC 8176.
    pub amr: Vec<String>,
    /// The device verified its user.
    pub user_verified: bool,
    /// A look-alike page could not have got this proof.
    pub phishing_resistant: bool,
    /// The device is known to keep its key in hardware.
    pub hardware_bound: bool,
}

/// A context that says MFA was present and not how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfProof;

/// A context, as the agent reads it.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub(super) struct Flat {
    account: AccountId,
    /// The name that was asked for, where it is another spelling of the account's (`accounts.fold`
    /// of the agent's configuration).
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_as: Option<String>,
    mfa_present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<SerialNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<MfaKind>,
    /// Authentication methods of RFC 8176.
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phishing_resistant: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_bound: Option<bool>,
    session_id: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    audience: String,
}

/// A token to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Introspect {
    /// The signed context.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub token: SecretText,
    /// The expected audience; the issuer itself if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// The answer on a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Introspected {
    /// The context is valid and alive.
    pub active: bool,
    /// The context, if it is alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// A session to be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeSession {
    /// The signed context.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub token: SecretText,
    /// The audience of the context; the issuer itself if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// A choice of an account's sessions, to be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeSessions {
    /// RFC 3339, not in the future; now if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(format = DateTime))]
    pub issued_before: Option<String>,
    /// Only contexts made with this device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{1,256}$"))]
    pub serial: Option<String>,
}

/// The effect of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct RevokedSessions {
    /// Contexts issued up to then are dead.
    pub revoked_before: Timestamp,
    /// So are contexts with a lower `gen`.
    pub generation: u64,
}

impl OpenSession {
    /// A session of this account.
    pub fn new(account: &AccountId, proof: Proof) -> OpenSession {
        let account = Some(account.as_str().to_owned());
        let session = OpenSession { account, ..OpenSession::default() };
        let text = |serial: SerialNumber| serial.as_str().to_owned();
        match proof {
            Proof::Code(code, serial) => {
                OpenSession { code: Some(code), serial: serial.map(text), ..session }
            }
            Proof::Pair(codes, serial) => {
                OpenSession { codes: Some(codes), serial: Some(text(serial)), ..session }
            }
            Proof::SecurityKey(id, credential) => {
                OpenSession { ceremony_id: Some(id), credential: Some(credential), ..session }
            }
            Proof::Nothing => session,
        }
    }

    /// A session of the account whose security key gave this answer, to the ceremony with this id
    /// that began without an account.
    pub fn of_key(ceremony_id: &str, credential: Value) -> OpenSession {
        OpenSession {
            ceremony_id: Some(ceremony_id.to_owned()),
            credential: Some(credential),
            ..OpenSession::default()
        }
    }

    /// Sets how long it lasts: 900 to 129,600 seconds.
    #[must_use]
    pub fn lasting(self, duration: Duration) -> OpenSession {
        OpenSession { duration_seconds: Some(duration.as_secs()), ..self }
    }

    /// Sets the person's browser or address, which the service vouches for.
    #[must_use]
    pub fn with_client(self, client: &ClientId) -> OpenSession {
        OpenSession { client: Some(client.as_str().into()), ..self }
    }

    /// Sets the audience that it is shown to; the agent itself unless said otherwise.
    #[must_use]
    pub fn to_be_shown_to(self, audience: &str) -> OpenSession {
        OpenSession { audience: Some(audience.to_owned()), ..self }
    }
}

impl RevokeSessions {
    /// Sessions opened up to a time, or all so far; those opened with one device, or with any.
    pub fn new(issued_before: Option<UnixTime>, serial: Option<&SerialNumber>) -> RevokeSessions {
        RevokeSessions {
            issued_before: issued_before.map(|time| time.to_string()),
            serial: serial.map(|serial| serial.as_str().to_owned()),
        }
    }
}

impl TryFrom<Flat> for Context {
    type Error = HalfProof;

    fn try_from(flat: Flat) -> Result<Context, HalfProof> {
        // Half a proof is neither a proof nor the absence of one.
        let mfa = if flat.mfa_present { Some(flat.mfa().ok_or(HalfProof)?) } else { None };
        Ok(Context {
            account: flat.account,
            asked_as: flat.asked_as,
            mfa,
            session_id: flat.session_id,
            issued_at: flat.issued_at,
            expires_at: flat.expires_at,
            audience: flat.audience,
        })
    }
}

impl Flat {
    fn mfa(&self) -> Option<Mfa> {
        Some(Mfa {
            time: self.mfa_time?,
            age_seconds: self.mfa_age_seconds?,
            serial: self.serial.clone()?,
            kind: self.kind?,
            amr: self.amr.clone()?,
            user_verified: self.user_verified?,
            phishing_resistant: self.phishing_resistant?,
            hardware_bound: self.hardware_bound?,
        })
    }
}

impl From<Context> for Flat {
    fn from(context: Context) -> Flat {
        let mfa = context.mfa.as_ref();
        Flat {
            account: context.account,
            asked_as: context.asked_as,
            mfa_present: mfa.is_some(),
            mfa_time: mfa.map(|mfa| mfa.time),
            mfa_age_seconds: mfa.map(|mfa| mfa.age_seconds),
            serial: mfa.map(|mfa| mfa.serial.clone()),
            kind: mfa.map(|mfa| mfa.kind),
            amr: mfa.map(|mfa| mfa.amr.clone()),
            user_verified: mfa.map(|mfa| mfa.user_verified),
            phishing_resistant: mfa.map(|mfa| mfa.phishing_resistant),
            hardware_bound: mfa.map(|mfa| mfa.hardware_bound),
            session_id: context.session_id,
            issued_at: context.issued_at,
            expires_at: context.expires_at,
            audience: context.audience,
        }
    }
}

impl fmt::Display for HalfProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a context with MFA that does not say how")
    }
}

impl std::error::Error for HalfProof {}
