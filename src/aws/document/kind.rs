//! The kinds of documents, each with its limit.

use std::collections::BTreeSet;

use crate::aws::document::error::DocumentError;
use crate::aws::document::key::KeyName;
use crate::aws::document::read::{Body, Rules};
use crate::aws::document::statement::Statement;

/// The holder of an identity's policy, by which its size is limited.
///
/// Blanks between elements do not count, as with AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user: 2,048 characters.
    User,
    /// A role: 10,240 characters.
    Role,
    /// A file of the operator, or the question to a simulator: 131,072 characters.
    Operator,
}

/// A policy of an identity: the actions that it may ask for, and on which resources.
///
/// ```
/// use twostep::aws::document::{Holder, IdentityPolicy};
///
/// let text = r#"{
///   "Version": "2012-10-17",
///   "Statement": {
///     "Effect": "Allow", "Action": "s3:*", "Resource": "*",
///     "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "yes"}}
///   }
/// }"#;
/// let fault = IdentityPolicy::parse(text, Holder::User).unwrap_err();
/// assert_eq!(
///     fault.to_string(),
///     "line 5, column 58, Statement.Condition.Bool.aws:MultiFactorAuthPresent: \
///      \"yes\" is no truth value: write true or false"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPolicy(Body);

/// A session policy: what a session may do at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPolicy(Body);

/// The trust policy of a role: the callers that may assume it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy(Body);

impl IdentityPolicy {
    /// Reads the policy of a holder.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`], [`DocumentError::TooLong`].
    pub fn parse(text: &str, holder: Holder) -> Result<IdentityPolicy, DocumentError> {
        let (kind, limit) = match holder {
            Holder::User => ("a policy of a user", 2_048),
            Holder::Role => ("a policy of a role", 10_240),
            Holder::Operator => ("a policy", 131_072),
        };
        limited(text, kind, limit)?;
        Ok(IdentityPolicy(Body::read(text, Rules::Identity)?))
    }
}

impl SessionPolicy {
    /// Reads a session policy of at most 2,048 characters, blanks included.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`], [`DocumentError::PackedTooLarge`].
    pub fn parse(text: &str) -> Result<SessionPolicy, DocumentError> {
        let (limit, found) = (2_048, text.chars().count());
        if found > limit {
            return Err(DocumentError::PackedTooLarge { limit, found });
        }
        Ok(SessionPolicy(Body::read(text, Rules::Identity)?))
    }
}

impl TrustPolicy {
    /// Reads a trust policy of at most 2,048 characters.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`], [`DocumentError::TooLong`].
    pub fn parse(text: &str) -> Result<TrustPolicy, DocumentError> {
        limited(text, "a trust policy", 2_048)?;
        Ok(TrustPolicy(Body::read(text, Rules::Trust)?))
    }
}

macro_rules! body {
    ($($kind:ident),*) => {$(
        impl $kind {
            /// The context keys that the policy reads, in conditions and variables, in order.
            pub fn context_keys(&self) -> BTreeSet<&KeyName> {
                self.0.statements.iter().flat_map(Statement::keys).collect()
            }

            pub(super) fn body(&self) -> &Body {
                &self.0
            }
        }
    )*};
}

body!(IdentityPolicy, SessionPolicy, TrustPolicy);

/// Number of characters that count towards the limits of identities: those within strings, and
/// those outside that are no blanks.
pub fn counted_characters(text: &str) -> usize {
    let (mut inside, mut escaped, mut count) = (false, false, 0_usize);
    for character in text.chars() {
        let blank = matches!(character, ' ' | '\t' | '\n' | '\r');
        count = count.saturating_add(usize::from(inside || !blank));
        if character == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && character == '\\' && !escaped;
    }
    count
}

/// Refuses a text beyond its limit, and one with more blanks than any document needs, unread.
fn limited(text: &str, kind: &'static str, limit: usize) -> Result<(), DocumentError> {
    let found = counted_characters(text);
    if found > limit {
        return Err(DocumentError::TooLong { kind, limit, found });
    }
    if text.len() > LONGEST {
        return Err(DocumentError::TooLong { kind: "a text", limit: LONGEST, found: text.len() });
    }
    Ok(())
}

/// Bytes of a text with its blanks.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A document in which `count` characters count.
    fn sized(count: usize, rest: &str) -> String {
        let text = |id: &str| {
            format!(r#"{{"Id":"{id}","Statement":{{"Effect":"Deny","Action":"sts:*",{rest}}}}}"#)
        };
        text(&"é".repeat(count - text("").chars().count()))
    }

    #[test]
    fn each_kind_has_its_limit() {
        for (holder, limit) in
            [(Holder::User, 2_048), (Holder::Role, 10_240), (Holder::Operator, 131_072)]
        {
            let document = |count| sized(count, r#""Resource":"*""#);
            assert!(IdentityPolicy::parse(&document(limit), holder).is_ok(), "{holder:?}");
            let long = IdentityPolicy::parse(&document(limit + 1), holder);
            assert!(matches!(long, Err(DocumentError::TooLong { found, .. }) if found > limit));
        }
        let trust = |count| TrustPolicy::parse(&sized(count, r#""Principal":"*""#));
        assert!(trust(2_048).is_ok());
        assert!(matches!(trust(2_049), Err(DocumentError::TooLong { limit: 2_048, .. })));
        let session = |count| SessionPolicy::parse(&sized(count, r#""Resource":"*""#));
        assert!(session(2_048).is_ok());
        let long = session(2_049);
        assert!(matches!(long, Err(DocumentError::PackedTooLarge { found: 2_049, .. })));
    }

    #[test]
    fn blanks_between_elements_do_not_count() {
        assert_eq!(counted_characters("{ \"a b\\\" c\" :\n1 }"), 13);
        let padded = format!("{}{}", sized(2_048, r#""Resource":"*""#), "\n ".repeat(9_999));
        assert!(IdentityPolicy::parse(&padded, Holder::User).is_ok());
        let blank = " ".repeat(LONGEST + 1);
        let refused = IdentityPolicy::parse(&blank, Holder::User);
        assert!(matches!(refused, Err(DocumentError::TooLong { .. })));
    }
}
