//! The proof that the agent verified the person, and its only constructors.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Proof that the agent verified this person, just now or recently enough. Only [`Opened::verify`]
/// and [`Context::verify`] construct it.
#[must_use]
pub(crate) struct Verified(());

/// The properties that a session context must have.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) account: &'a str,
    /// The required audience; `None` accepts any.
    pub(crate) audience: Option<&'a str>,
}

/// A session that the agent opened (`POST /v1/sessions`, 201).
#[derive(Deserialize)]
pub(crate) struct Opened {
    pub(crate) token: Zeroizing<String>,
    context: Context,
}

/// The session context as the agent describes it.
#[derive(Deserialize)]
pub(crate) struct Context {
    account: String,
    /// The requested name, if the agent folds names and the account is spelled differently.
    asked_as: Option<String>,
    mfa_present: bool,
    /// Present only with MFA.
    mfa_age_seconds: Option<u64>,
    serial: Option<String>,
    session_id: String,
    audience: String,
}

#[cfg(test)]
impl Verified {
    /// A proof for tests of the module's result.
    pub(crate) fn sample() -> Verified {
        Verified(())
    }
}

impl Opened {
    pub(crate) fn new(token: Zeroizing<String>, context: Context) -> Opened {
        Opened { token, context }
    }

    /// Requires the properties of a session that was opened just now.
    pub(crate) fn verify(&self, expected: Expected<'_>) -> Result<Verified, Failure> {
        let just_now = self.context.mfa_age_seconds.is_some_and(|age| age <= JUST_NOW);
        if self.token.is_empty() || !just_now {
            return Err(Failure::Unavailable);
        }
        self.context.verify(expected)
    }
}

impl Context {
    /// Requires a context with MFA for this account and audience.
    pub(crate) fn verify(&self, expected: Expected<'_>) -> Result<Verified, Failure> {
        let mfa = self.mfa_present
            && self.mfa_age_seconds.is_some()
            && self.serial.as_deref().is_some_and(|serial| !serial.is_empty());
        let named =
            self.account == expected.account || self.asked_as.as_deref() == Some(expected.account);
        let ours = named && !self.account.is_empty() && !self.session_id.is_empty();
        let audience = match expected.audience {
            Some(audience) => self.audience == audience,
            None => !self.audience.is_empty(),
        };
        if mfa && ours && audience { Ok(Verified(())) } else { Err(Failure::Unavailable) }
    }
}

/// The tolerance in seconds between the verdict and its arrival here.
const JUST_NOW: u64 = 60;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;
    use serde_json::{Value, json};

    fn opened() -> Value {
        json!({"token": "a.b.c", "context": {"account": "alice", "mfa_present": true,
            "mfa_time": "2026-01-01T00:00:00Z", "mfa_age_seconds": 0, "serial": "SERIAL-123",
            "kind": "totp", "session_id": "x", "audience": "twostep"}})
    }

    fn verdict(opened: Value, audience: Option<&str>) -> bool {
        let expected = Expected { account: "alice", audience };
        serde_json::from_value::<Opened>(opened).is_ok_and(|opened| opened.verify(expected).is_ok())
    }

    #[test]
    fn a_session_with_mfa_of_this_account_is_accepted() {
        assert!(verdict(opened(), None));
        assert!(verdict(opened(), Some("twostep")));
    }

    #[test]
    fn missing_or_mistyped_members_are_refused() {
        for (member, values) in [
            ("/token", vec![json!(""), json!(1), Value::Null]),
            ("/context", vec![json!({}), json!([]), Value::Null]),
            ("/context/account", vec![json!("bob"), json!("Alice"), json!(""), json!(true)]),
            ("/context/mfa_present", vec![json!(false), json!("true"), json!(1), Value::Null]),
            (
                "/context/mfa_age_seconds",
                vec![json!(61), json!(-1), json!(0.5), json!("0"), Value::Null],
            ),
            ("/context/serial", vec![json!(""), json!(7), Value::Null]),
            ("/context/session_id", vec![json!(""), Value::Null]),
            ("/context/audience", vec![json!(""), json!(["twostep"]), Value::Null]),
        ] {
            for value in values {
                let mut spoilt = opened();
                *spoilt.pointer_mut(member).unwrap() = value.clone();
                assert!(!verdict(spoilt, None), "{member}: {value}");
            }
            let (parent, name) = member.rsplit_once('/').unwrap();
            let mut spoilt = opened();
            spoilt.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            assert!(!verdict(spoilt, None), "without {member}");
        }
    }

    #[test]
    fn an_account_asked_for_by_another_spelling_is_accepted() {
        let with = |account: &str, asked_as: Value| {
            let mut opened = opened();
            let context = opened.pointer_mut("/context").unwrap().as_object_mut().unwrap();
            context.extend([
                ("account".to_owned(), json!(account)),
                ("asked_as".to_owned(), asked_as),
            ]);
            verdict(opened, None)
        };
        assert!(with("Alice", json!("alice")) && with("alice", Value::Null));
        for (account, asked_as) in [
            ("Alice", json!("bob")),
            ("Alice", json!("Alice")),
            ("", json!("alice")),
            ("Alice", json!(7)),
        ] {
            assert!(!with(account, asked_as.clone()), "{account:?} {asked_as}");
        }
    }

    #[test]
    fn another_audience_is_refused() {
        assert!(!verdict(opened(), Some("workstation")));
    }

    #[test]
    fn a_repeated_member_is_refused() {
        let text = opened()
            .to_string()
            .replace("\"mfa_present\":true", "\"mfa_present\":false,\"mfa_present\":true");
        assert!(text.contains("false,"));
        assert!(serde_json::from_str::<Opened>(&text).is_err());
    }
}
