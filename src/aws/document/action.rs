//! Actions of requests, and patterns of them. Case does not matter in either.

use std::str::FromStr;

use thiserror::Error;

use crate::aws::document::glob::Glob;

/// The action of a request, as `iam:ResyncMFADevice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionName {
    written: String,
    folded: String,
}

/// A text that is no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an action is written service:Name, in at most {MOST} letters, digits, -, _ and .")]
pub struct BadAction;

impl ActionName {
    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl FromStr for ActionName {
    type Err = BadAction;

    fn from_str(text: &str) -> Result<ActionName, BadAction> {
        let fits = text.len() <= MOST
            && text.split_once(':').is_some_and(|(service, name)| {
                is_service(service)
                    && !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
            });
        fits.then(|| ActionName { written: text.to_owned(), folded: text.to_ascii_lowercase() })
            .ok_or(BadAction)
    }
}

fn is_service(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

/// A pattern of actions: `*`, or `service:…` with wildcards behind the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActionPattern {
    folded: String,
    glob: Glob,
}

impl ActionPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The fault, in words.
    pub(super) fn parse(text: &str) -> Result<ActionPattern, String> {
        let is_name = |name: &str| {
            let fits = |byte: u8| {
                byte.is_ascii_alphanumeric() || is_mark(byte) || matches!(byte, b'*' | b'?')
            };
            !name.is_empty() && name.bytes().all(fits)
        };
        let fits = text == "*"
            || text.split_once(':').is_some_and(|(service, name)| {
                (service == "*" || is_service(service)) && is_name(name)
            });
        if !fits {
            return Err("an action is *, or service:Name, in which Name may have * and ?".into());
        }
        let folded = text.to_ascii_lowercase();
        let glob = Glob::wild(&folded);
        Ok(ActionPattern { folded, glob })
    }

    pub(super) fn matches(&self, action: &ActionName) -> bool {
        self.glob.matches(&action.folded)
    }

    /// True if the pattern names this service, in small letters.
    pub(super) fn is_of(&self, service: &str) -> bool {
        self.folded.split_once(':').is_some_and(|(own, _)| own == service)
    }
}

/// Bytes of an action.
const MOST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        let action: ActionName = "IAM:ResyncMFADevice".parse().unwrap();
        for pattern in ["*", "*:*", "iam:*", "iam:resync*", "Iam:RESYNCmfaDEVIC?"] {
            assert!(ActionPattern::parse(pattern).unwrap().matches(&action), "{pattern}");
        }
        for pattern in ["sts:*", "iam:resync", "*:Get*", "iam:?"] {
            assert!(!ActionPattern::parse(pattern).unwrap().matches(&action), "{pattern}");
        }
    }

    #[test]
    fn an_action_has_a_service() {
        for text in ["", "Get", "**", "iam:", ":Get", "i*m:Get", "iam:${x}", "iam:Get User", "é:x"]
        {
            assert!(ActionPattern::parse(text).is_err(), "{text}");
            assert!(text.parse::<ActionName>().is_err(), "{text}");
        }
        assert!("iam:*".parse::<ActionName>().is_err());
        assert!(format!("iam:{}", "x".repeat(125)).parse::<ActionName>().is_err());
    }
}
