//! The credential scope: a day, a region, a service; and the name of an access key.

use std::fmt;
use std::str::FromStr;

use crate::aws::sigv4::BadPart;
use crate::aws::sigv4::moment::Day;

/// Public name of an access key: 1 to 128 letters, digits or underscores. AWS's have 20; the first
/// four tell the kind (IAM User Guide, "Unique identifiers").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(String);

/// The credential scope, within which a derived key is good: one UTC day, one region, one service.
///
/// Displayed as it is signed: `20150830/us-east-1/iam/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    day: Day,
    region: String,
    service: String,
}

impl AccessKeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a key of a session (`ASIA…`), which is void without its session token.
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with("ASIA")
    }

    /// True for a user's own key (`AKIA…`), which has no session token.
    pub fn is_long_term(&self) -> bool {
        self.0.starts_with("AKIA")
    }
}

impl FromStr for AccessKeyId {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<AccessKeyId, BadPart> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let id = fits.then(|| AccessKeyId(text.to_owned()));
        id.ok_or(BadPart("an access key id has 1 to 128 letters, digits or underscores"))
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scope {
    /// The scope of a day, a region (`us-east-1`) and a service (`iam`, `sts`, `s3`).
    ///
    /// # Errors
    /// [`BadPart`] if region or service are not 1 to 64 letters, digits, hyphens, dots or
    /// underscores.
    pub fn new(day: Day, region: &str, service: &str) -> Result<Scope, BadPart> {
        if !is_name(region) {
            return Err(BadPart(
                "a region has 1 to 64 letters, digits, hyphens, dots, underscores",
            ));
        }
        if !is_name(service) {
            return Err(BAD_SERVICE);
        }
        Ok(Scope { day, region: region.to_owned(), service: service.to_owned() })
    }

    /// The day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.day, self.region, self.service)
    }
}

/// True for the name of a region or a service. No slash: it would shift the parts of a scope.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

pub(super) const BAD_SERVICE: BadPart =
    BadPart("a service has 1 to 64 letters, digits, hyphens, dots, underscores");

/// The end of each scope.
pub(super) const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_no_slash_in_its_parts() {
        let day: Day = "20150830".parse().unwrap();
        let scope = Scope::new(day, "us-east-1", "iam").unwrap();
        assert_eq!(scope.to_string(), "20150830/us-east-1/iam/aws4_request");
        let long = "a".repeat(65);
        for wrong in ["", "a/b", "a b", "a\nb", "é", &long] {
            assert!(Scope::new(day, wrong, "iam").is_err(), "{wrong}");
            assert!(Scope::new(day, "us-east-1", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_kind_of_a_key_is_in_its_name() {
        let id = |text: &str| text.parse::<AccessKeyId>().unwrap();
        let kind = |text: &str| (id(text).is_long_term(), id(text).is_temporary());
        assert_eq!(kind("AKIAIOSFODNN7EXAMPLE"), (true, false));
        assert_eq!(kind("ASIAIOSFODNN7EXAMPLE"), (false, true));
        assert_eq!(kind("AKIDEXAMPLE"), (false, false));
        for wrong in ["", "AKIA/", "AKIA EXAMPLE", &"A".repeat(129)] {
            assert!(wrong.parse::<AccessKeyId>().is_err(), "{wrong}");
        }
    }
}
