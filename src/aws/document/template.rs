//! Texts with wildcards and variables.

use std::borrow::Cow;
use std::mem;

use crate::aws::document::glob::{Glob, Token};
use crate::aws::document::key::KeyName;
use crate::aws::document::keys::Keys;

/// Meaning of the special characters of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// `${…}` is a variable: in documents of version 2012-10-17.
    pub(super) variables: bool,
}

/// One part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fixed(Token),
    Variable(Box<Variable>),
}

/// `${key}` or `${key, 'default'}`. Its value is text, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    key: KeyName,
    default: Option<String>,
}

/// A pattern, compiled at once unless a variable is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Fixed(Glob),
    Open(Vec<Part>),
}

/// Reads a text.
///
/// # Errors
/// The fault of a variable, in words.
pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix("${").filter(|_| syntax.variables) {
            let (inside, behind) = inside
                .split_once('}')
                .ok_or("a variable ends with }; the characters themselves are written ${$}{")?;
            rest = behind;
            match inside {
                "*" | "?" | "$" => literal.push_str(inside),
                _ => {
                    flush(&mut literal, &mut parts);
                    parts.push(Part::Variable(Box::new(Variable::parse(inside)?)));
                }
            }
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '*' | '?' if syntax.wildcards => {
                flush(&mut literal, &mut parts);
                let token = if character == '*' { Token::Many } else { Token::One };
                parts.push(Part::Fixed(token));
            }
            _ => literal.push(character),
        }
    }
    flush(&mut literal, &mut parts);
    Ok(parts)
}

fn flush(literal: &mut String, parts: &mut Vec<Part>) {
    if !literal.is_empty() {
        parts.push(Part::Fixed(Token::Text(mem::take(literal))));
    }
}

impl Variable {
    fn parse(text: &str) -> Result<Variable, String> {
        let (key, default) = text.split_once(',').map_or((text, None), |(k, d)| (k, Some(d)));
        let key = key.trim().parse().map_err(
            |_| "a variable is ${service:Key}, ${service:Key, 'default'}, ${*}, ${?} or ${$}",
        )?;
        let unquoted = |text: &str| {
            let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (!inner.contains('\'')).then(|| inner.to_owned())
        };
        let default = default
            .map(|text| unquoted(text).ok_or("a default value stands in single quotes"))
            .transpose()?;
        Ok(Variable { key, default })
    }

    fn value<'v>(&'v self, keys: &'v Keys) -> Option<&'v str> {
        keys.single(&self.key).or(self.default.as_deref())
    }
}

/// The keys of the variables of some parts.
pub(super) fn variables(parts: &[Part]) -> impl Iterator<Item = &KeyName> {
    parts.iter().filter_map(|part| match part {
        Part::Variable(variable) => Some(&variable.key),
        Part::Fixed(_) => None,
    })
}

/// The tokens of some parts, with the values of the variables; `None` if one of them is absent or
/// has several values.
fn tokens(parts: &[Part], keys: &Keys) -> Option<Vec<Token>> {
    let token = |part: &Part| match part {
        Part::Fixed(token) => Some(token.clone()),
        Part::Variable(variable) => variable.value(keys).map(|value| Token::Text(value.to_owned())),
    };
    parts.iter().map(token).collect()
}

/// The pieces of a text without wildcards; `None` if a variable is absent.
pub(super) fn pieces<'p>(parts: &'p [Part], keys: &'p Keys) -> Option<Vec<&'p str>> {
    let piece = |part: &'p Part| match part {
        Part::Fixed(Token::Text(text)) => Some(text.as_str()),
        Part::Variable(variable) => variable.value(keys),
        Part::Fixed(Token::One | Token::Many) => None,
    };
    parts.iter().map(piece).collect()
}

/// Bytes of the shortest text that fits; `None` if a variable is absent.
fn least(parts: &[Part], keys: &Keys) -> Option<usize> {
    let length = |part: &Part| match part {
        Part::Fixed(Token::Text(text)) => Some(text.len()),
        Part::Fixed(Token::One) => Some(1),
        Part::Fixed(Token::Many) => Some(0),
        Part::Variable(variable) => variable.value(keys).map(str::len),
    };
    parts.iter().map(length).sum()
}

impl Pattern {
    pub(super) fn new(parts: Vec<Part>) -> Pattern {
        if variables(&parts).next().is_some() {
            return Pattern::Open(parts);
        }
        Pattern::Fixed(Glob::new(parts.into_iter().filter_map(|part| match part {
            Part::Fixed(token) => Some(token),
            Part::Variable(_) => None,
        })))
    }

    /// True if the whole text fits; `None` if a variable is absent.
    pub(super) fn matches(&self, text: &str, keys: &Keys) -> Option<bool> {
        let glob = match self {
            Pattern::Fixed(glob) => Cow::Borrowed(glob),
            // A pattern that is longer than the text is not built.
            Pattern::Open(parts) if least(parts, keys)? > text.len() => return Some(false),
            Pattern::Open(parts) => Cow::Owned(Glob::new(tokens(parts, keys)?)),
        };
        Some(glob.matches(text))
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &KeyName> {
        let parts = match self {
            Pattern::Fixed(_) => &[],
            Pattern::Open(parts) => parts.as_slice(),
        };
        variables(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Syntax = Syntax { wildcards: true, variables: true };

    fn keys() -> Keys {
        let mut keys = Keys::default();
        keys.known("aws:username", "a*");
        keys.several("twostep:Amr", vec!["otp".to_owned(), "user".to_owned()]);
        keys
    }

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        Pattern::new(parse(pattern, ALL).unwrap()).matches(text, &keys())
    }

    #[test]
    fn the_value_of_a_variable_is_no_pattern() {
        assert_eq!(matches("x/${aws:username}", "x/a*"), Some(true));
        assert_eq!(matches("x/${aws:username}", "x/ab"), Some(false));
        assert_eq!(matches("${ AWS:UserName }/?", "a*/b"), Some(true));
    }

    #[test]
    fn special_characters_can_be_written() {
        assert_eq!(matches("${*}${?}${$}{", "*?${"), Some(true));
        assert_eq!(matches("${*}", "x"), Some(false));
        assert_eq!(matches("$x$", "$x$"), Some(true));
    }

    #[test]
    fn an_absent_variable_has_its_default_or_matches_nothing() {
        assert_eq!(matches("${aws:PrincipalTag/team}", ""), None);
        assert_eq!(matches("${aws:PrincipalTag/team, 'all*'}", "all*"), Some(true));
        assert_eq!(matches("${aws:username, 'all'}", "all"), Some(false));
        assert_eq!(matches("${twostep:Amr}", "otp"), None);
    }

    #[test]
    fn variables_are_text_where_the_version_is_old() {
        let old = Syntax { variables: false, ..ALL };
        let pattern = Pattern::new(parse("${aws:username", old).unwrap());
        assert_eq!(pattern.matches("${aws:username", &keys()), Some(true));
    }

    #[test]
    fn a_malformed_variable_is_refused() {
        for text in ["${", "${aws:username", "${}", "${username}", "${aws:username,x}", "${a:b,'}"]
        {
            assert!(parse(text, ALL).is_err(), "{text}");
        }
    }
}
