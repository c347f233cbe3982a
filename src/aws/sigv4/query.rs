//! The query: its parameters in the canonical encoding and order.

use std::borrow::Cow;

use crate::aws::sigv4::escape::{Plus, decoded, recoded};
use crate::aws::sigv4::refusal::Refusal;

/// The parameters of a query, encoded anew and sorted by name, then by value.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Splits a query as forms are split: at `&`, then at the first `=`. Empty pieces are none.
    pub(super) fn parse(query: &'a str) -> Result<Query<'a>, Refusal> {
        let mut pairs = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let encoding = |text| recoded(text, Plus::IsSpace).map_err(|_| Refusal::MalformedQuery);
            pairs.push((encoding(name)?, encoding(value)?));
        }
        pairs.sort();
        Ok(Query(pairs))
    }

    /// True if there is a parameter of this name, which has only unreserved characters.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    /// The decoded value of a parameter that may come once.
    pub(super) fn once(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        let mut values = self.0.iter().filter(|(known, _)| *known == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => decoded(value).map(Some).ok_or(Refusal::MalformedQuery),
            (Some(_), Some(_)) => Err(Refusal::Repeated(name)),
        }
    }

    /// The canonical query, without the parameter `X-Amz-Signature` in a presigned request: it is
    /// the only one that cannot be signed.
    pub(super) fn canonical(&self, omitted: Option<&str>) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| Some(&**name) != omitted) {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_by_name_then_by_value() {
        for (query, canonical) in [
            ("", ""),
            ("&&", ""),
            ("b=2&a", "a=&b=2"),
            ("a-=1&a=2&a=10", "a=10&a=2&a-=1"),
            ("a=b=c", "a=b%3Dc"),
            ("=x", "=x"),
            ("%61=%7e&B=+", "B=%20&a=~"),
        ] {
            assert_eq!(Query::parse(query).unwrap().canonical(None), canonical, "{query}");
        }
        assert_eq!(Query::parse("a=1&b=2").unwrap().canonical(Some("a")), "b=2");
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let query = Query::parse("%58-Amz-Date=1%2F2").unwrap();
        assert!(query.has("X-Amz-Date"));
        assert_eq!(query.once("X-Amz-Date"), Ok(Some("1/2".to_owned())));
        let query = Query::parse("%58-Amz-Date=1&X-Amz-Date=1").unwrap();
        assert_eq!(query.once("X-Amz-Date"), Err(Refusal::Repeated("X-Amz-Date")));
        assert_eq!(Query::parse("a=%4").err(), Some(Refusal::MalformedQuery));
        let query = Query::parse("X-Amz-Date=%FF").unwrap();
        assert_eq!(query.once("X-Amz-Date"), Err(Refusal::MalformedQuery));
    }
}
