//! Names of context keys, and the type of those that are known.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a context key, as `aws:MultiFactorAuthPresent`: case does not matter.
///
/// A known key has the spelling of its documentation, any other one that of its first use.
#[derive(Clone)]
pub struct KeyName {
    written: String,
    folded: String,
}

/// A text that is no name of a context key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a context key is written service:Name, in at most {MOST} characters")]
pub struct BadKeyName;

/// The type of a known key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Text,
    Arn,
    Number,
    Date,
    /// Seconds since 1970: a number and a date.
    Epoch,
    Bool,
    Address,
    /// Any number of texts.
    Texts,
}

impl KeyName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The type of its values; `None` for a key that is not known.
    pub(super) fn kind(&self) -> Option<KeyType> {
        let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.written));
        let tag = self.folded.strip_prefix("aws:principaltag/").map(|_| KeyType::Text);
        known.map(|(_, kind)| *kind).or(tag)
    }

    /// True if the key belongs to a namespace whose keys only the verifier states.
    pub(super) fn is_ours(&self) -> bool {
        ["aws:", "sts:", "twostep:"]
            .iter()
            .any(|prefix| self.folded.starts_with(prefix))
    }

    /// True for a name in the namespace of this program.
    pub(super) fn is_twostep(&self) -> bool {
        self.folded.starts_with("twostep:")
    }

    /// True if the key exists only with MFA, [`PRESENT`] excepted, which tells the two kinds of
    /// sessions apart.
    pub(super) fn is_about_mfa(&self) -> bool {
        self.is_twostep() || [PRESENT, AGE].iter().any(|name| self.written == *name)
    }
}

impl FromStr for KeyName {
    type Err = BadKeyName;

    fn from_str(text: &str) -> Result<KeyName, BadKeyName> {
        let fits = |c: char| c.is_alphanumeric() || "_./=+-@: ".contains(c);
        let parts = text.split_once(':').filter(|(service, name)| {
            !service.is_empty() && !name.is_empty() && !service.contains(' ')
        });
        if parts.is_none() || text.chars().count() > MOST || !text.chars().all(fits) {
            return Err(BadKeyName);
        }
        let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let written = known.map_or(text, |(name, _)| name).to_owned();
        Ok(KeyName { folded: text.to_ascii_lowercase(), written })
    }
}

impl PartialEq for KeyName {
    fn eq(&self, other: &KeyName) -> bool {
        self.folded == other.folded
    }
}

impl Eq for KeyName {}

impl PartialOrd for KeyName {
    fn partial_cmp(&self, other: &KeyName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyName {
    fn cmp(&self, other: &KeyName) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({})", self.written)
    }
}

pub(super) const PRESENT: &str = "aws:MultiFactorAuthPresent";

pub(super) const AGE: &str = "aws:MultiFactorAuthAge";

pub(super) const TOKEN_ISSUE_TIME: &str = "aws:TokenIssueTime";

pub(super) const AMR: &str = "twostep:Amr";

const KNOWN: &[(&str, KeyType)] = &[
    (PRESENT, KeyType::Bool),
    (AGE, KeyType::Number),
    (TOKEN_ISSUE_TIME, KeyType::Date),
    ("aws:username", KeyType::Text),
    ("aws:userid", KeyType::Text),
    ("aws:PrincipalArn", KeyType::Arn),
    ("aws:PrincipalType", KeyType::Text),
    ("aws:SourceIp", KeyType::Address),
    ("aws:SourceIdentity", KeyType::Text),
    ("aws:CurrentTime", KeyType::Date),
    ("aws:EpochTime", KeyType::Epoch),
    ("aws:SecureTransport", KeyType::Bool),
    ("aws:RequestedRegion", KeyType::Text),
    ("sts:ExternalId", KeyType::Text),
    ("sts:RoleSessionName", KeyType::Text),
    ("sts:SourceIdentity", KeyType::Text),
    ("twostep:MfaKind", KeyType::Text),
    ("twostep:MfaSerial", KeyType::Arn),
    (AMR, KeyType::Texts),
    ("twostep:PhishingResistant", KeyType::Bool),
    ("twostep:HardwareBound", KeyType::Bool),
    ("twostep:UserVerified", KeyType::Bool),
];

/// Characters of a name.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_key_is_spelt_as_documented() {
        let key: KeyName = "AWS:multifactorauthPRESENT".parse().unwrap();
        assert_eq!((key.as_str(), key.kind()), (PRESENT, Some(KeyType::Bool)));
        assert_eq!(key, PRESENT.parse().unwrap());
        let tag: KeyName = "aws:principalTag/Team 1".parse().unwrap();
        assert_eq!((tag.as_str(), tag.kind()), ("aws:principalTag/Team 1", Some(KeyType::Text)));
    }

    #[test]
    fn a_key_has_a_service_and_a_name() {
        for text in ["", "aws", "aws:", ":x", "a b:x", "aws:x{", "aws:\n", "aws:x'"] {
            assert_eq!(text.parse::<KeyName>(), Err(BadKeyName), "{text}");
        }
        assert!(format!("aws:{}", "x".repeat(253)).parse::<KeyName>().is_err());
        assert!("id.example.com/a:sub".parse::<KeyName>().is_ok());
    }
}
