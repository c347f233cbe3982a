//! What the agent says of a context.

use serde::Deserialize;

use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;

/// What a session's context says, as the agent reads it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Read")]
pub struct Context {
    /// Whose it is.
    pub account: AccountId,
    /// What was proved; none: MFA was not present.
    pub mfa: Option<Mfa>,
    /// Its id.
    pub session_id: String,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// It is valid up to the second before.
    pub expires_at: UnixTime,
    /// Whom it is for.
    pub audience: String,
}

/// How MFA was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mfa {
    /// When.
    pub time: UnixTime,
    /// How many seconds ago that was when the agent answered.
    pub age_seconds: u64,
    /// With which device.
    pub serial: SerialNumber,
    /// `totp`, `hotp`, `security_key`, `recovery` or `bypass`.
    pub kind: String,
    /// Methods of RFC 8176.
    pub amr: Vec<String>,
    /// The device knew that it was the right person.
    pub user_verified: bool,
    /// A page that only looks like the right one could not have got this proof.
    pub phishing_resistant: bool,
    /// The device is known to keep its key in hardware.
    pub hardware_bound: bool,
}

#[derive(Deserialize)]
struct Read {
    account: AccountId,
    mfa_present: bool,
    mfa_time: Option<String>,
    mfa_age_seconds: Option<u64>,
    serial: Option<SerialNumber>,
    kind: Option<String>,
    amr: Option<Vec<String>>,
    user_verified: Option<bool>,
    phishing_resistant: Option<bool>,
    hardware_bound: Option<bool>,
    session_id: String,
    issued_at: String,
    expires_at: String,
    audience: String,
}

impl TryFrom<Read> for Context {
    type Error = &'static str;

    fn try_from(read: Read) -> Result<Context, &'static str> {
        let time = |text: &str| text.parse::<UnixTime>().map_err(|_| "a time that is none");
        let mfa = || {
            Some(Mfa {
                time: read.mfa_time.as_deref()?.parse().ok()?,
                age_seconds: read.mfa_age_seconds?,
                serial: read.serial.clone()?,
                kind: read.kind.clone()?,
                amr: read.amr.clone()?,
                user_verified: read.user_verified?,
                phishing_resistant: read.phishing_resistant?,
                hardware_bound: read.hardware_bound?,
            })
        };
        Ok(Context {
            // Half a proof is none, and not the absence of one either.
            mfa: if read.mfa_present {
                Some(mfa().ok_or("a context with MFA that does not say how")?)
            } else {
                None
            },
            issued_at: time(&read.issued_at)?,
            expires_at: time(&read.expires_at)?,
            account: read.account,
            session_id: read.session_id,
            audience: read.audience,
        })
    }
}
