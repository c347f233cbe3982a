//! Requests for tests.

use std::time::Duration;

use crate::aws::document::context::{Credentials, Facts, Mfa};
use crate::aws::document::statement::Asked;
use crate::time::UnixTime;

/// The same user with a long-term key, a session without MFA, and one with MFA of a minute ago.
pub(super) fn facts() -> [Facts; 3] {
    let session = |mfa| Credentials::Temporary { issued_at: UnixTime(1_795_305_540), mfa };
    [Credentials::LongTerm, session(None), session(Some(mfa()))].map(|credentials| Facts {
        credentials,
        now: UnixTime(1_795_305_600),
        principal_arn: USER.to_owned(),
        principal_type: "User".to_owned(),
        user_id: "AIDAAAAAAAAAAAAAAAAA".to_owned(),
        username: Some("ann".to_owned()),
        source_ip: "203.0.113.7".parse().ok(),
        secure_transport: Some(true),
        region: Some("eu-central-1".to_owned()),
    })
}

fn mfa() -> Mfa {
    Mfa {
        age: Duration::from_secs(60),
        kind: "totp".to_owned(),
        serial: "arn:aws:iam::100000000000:mfa/ann".to_owned(),
        amr: vec!["otp".to_owned(), "mfa".to_owned()],
        phishing_resistant: false,
        hardware_bound: false,
        user_verified: None,
    }
}

pub(super) fn asked(action: &str, resource: &str) -> Asked {
    Asked { action: action.parse().unwrap(), resource: resource.parse().unwrap() }
}

pub(super) const USER: &str = "arn:aws:iam::100000000000:user/ann";
