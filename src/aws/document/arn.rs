//! Resource names (ARNs) of requests, and patterns of them.

use std::str::FromStr;

use thiserror::Error;

use crate::aws::document::glob::Token;
use crate::aws::document::key::KeyName;
use crate::aws::document::keys::Keys;
use crate::aws::document::template::{Part, Pattern, Syntax, parse};

/// The resource of a request: an ARN of at most 2,048 characters, or `*` for an action that has no
/// resource, which only the pattern `*` matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName(String);

/// A text that is no resource of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a resource is *, or an ARN of six fields in at most {MOST} characters: \
     arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE"
)]
pub struct BadResource;

impl ResourceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceName {
    type Err = BadResource;

    fn from_str(text: &str) -> Result<ResourceName, BadResource> {
        let fits = text == "*" || fields(text).is_some();
        let printable = !text.chars().any(char::is_control);
        (fits && printable && text.len() <= MOST)
            .then(|| ResourceName(text.to_owned()))
            .ok_or(BadResource)
    }
}

/// The five fields behind `arn:`; the last one may contain colons.
pub(super) fn fields(text: &str) -> Option<[&str; 5]> {
    let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
    let fields = [fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let [partition, service, .., resource] = fields;
    [partition, service, resource].iter().all(|it| !it.is_empty()).then_some(fields)
}

/// A pattern of ARNs. A wildcard does not reach beyond its field, and neither does a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArnPattern {
    /// `*`: any text.
    Any,
    Fields(Box<[Pattern; 5]>),
}

impl ArnPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The fault, in words.
    pub(super) fn parse(text: &str, variables: bool) -> Result<ArnPattern, String> {
        if text == "*" {
            return Ok(ArnPattern::Any);
        }
        let rest = text.strip_prefix("arn:").ok_or(WANTED)?;
        let mut fields: Vec<Vec<Part>> = vec![Vec::new()];
        for part in parse(rest, Syntax { wildcards: true, variables })? {
            let Part::Fixed(Token::Text(text)) = part else {
                fields.last_mut().ok_or(WANTED)?.push(part);
                continue;
            };
            let most = 6_usize.saturating_sub(fields.len());
            for (index, piece) in text.splitn(most, ':').enumerate() {
                if index > 0 {
                    fields.push(Vec::new());
                }
                if !piece.is_empty() {
                    let part = Part::Fixed(Token::Text(piece.to_owned()));
                    fields.last_mut().ok_or(WANTED)?.push(part);
                }
            }
        }
        let fields: [Vec<Part>; 5] = fields.try_into().map_err(|_| WANTED)?;
        let [partition, service, .., resource] = &fields;
        if [partition, service, resource].iter().any(|field| field.is_empty()) {
            return Err(WANTED.to_owned());
        }
        Ok(ArnPattern::Fields(Box::new(fields.map(Pattern::new))))
    }

    /// True if the text fits; `None` if a variable is absent. A text that is no ARN fits only `*`.
    pub(super) fn matches(&self, text: &str, keys: &Keys) -> Option<bool> {
        let ArnPattern::Fields(patterns) = self else { return Some(true) };
        let Some(fields) = fields(text) else { return Some(false) };
        let mut all = Some(true);
        for (pattern, field) in patterns.iter().zip(fields) {
            match pattern.matches(field, keys) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &KeyName> {
        let patterns = match self {
            ArnPattern::Any => &[],
            ArnPattern::Fields(patterns) => patterns.as_slice(),
        };
        patterns.iter().flat_map(Pattern::variables)
    }
}

const WANTED: &str = "this is no ARN: * or arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE is wanted";

/// Bytes of the resource of a request.
const MOST: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        ArnPattern::parse(pattern, true).unwrap().matches(text, &Keys::default()) == Some(true)
    }

    #[test]
    fn wildcards_stay_within_their_field() {
        assert!(matches("arn:aws:s3:::b/*", "arn:aws:s3:::b/c:d/e"));
        assert!(matches("arn:*:s?:*:*:*", "arn:aws:s3:::b"));
        assert!(!matches("arn:aws:iam::*:user/a", "arn:aws:iam::1:x:user/a"));
        assert!(!matches("arn:aws:s3:*:b:*", "arn:aws:s3:::b"));
    }

    #[test]
    fn only_the_star_matches_a_request_without_a_resource() {
        assert!(matches("*", "*"));
        assert!(!matches("arn:*:*:*:*:*", "*"));
    }

    #[test]
    fn an_arn_has_six_fields() {
        for text in ["", "b", "arn", "arn:aws:s3", "arn:aws:s3:::", "arn::s3:::b", "${aws:userid}"]
        {
            assert!(ArnPattern::parse(text, true).is_err(), "{text}");
            assert!(text.parse::<ResourceName>().is_err(), "{text}");
        }
        assert!(format!("arn:aws:s3:::{}", "b".repeat(2_036)).parse::<ResourceName>().is_err());
        assert!("arn:aws:s3:::a\nb".parse::<ResourceName>().is_err());
    }

    #[test]
    fn a_variable_with_colons_stays_in_its_field() {
        let mut keys = Keys::default();
        keys.known("aws:username", "1:user/a");
        let pattern = ArnPattern::parse("arn:aws:iam::${aws:username}:*", true).unwrap();
        let text = "arn:aws:iam::1:user/a:x";
        assert_eq!(pattern.matches(text, &keys), Some(false));
        assert_eq!(pattern.matches(text, &Keys::default()), None);
        keys.known("aws:username", "1");
        assert_eq!(pattern.matches(text, &keys), Some(true));
    }
}
