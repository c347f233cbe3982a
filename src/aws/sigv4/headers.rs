//! Headers by name, in small letters and in order.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::aws::sigv4::refusal::Refusal;
use crate::aws::sigv4::request::Header;

/// The headers of a request, sorted by name; lines of one name in the order that they came.
pub(super) struct Headers<'a>(Vec<(Cow<'a, str>, &'a [u8])>);

impl<'a> Headers<'a> {
    /// Sorts the headers.
    ///
    /// A name or value that HTTP does not allow is refused: a line break in it could move one part
    /// of the canonical request to another.
    pub(super) fn sorted(lines: &[Header<'a>]) -> Result<Headers<'a>, Refusal> {
        let mut sorted = Vec::with_capacity(lines.len());
        for line in lines {
            if !is_token(line.name) || !is_value(line.value) {
                return Err(Refusal::BadCharacter);
            }
            let name = if line.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(line.name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(line.name)
            };
            sorted.push((name, line.value));
        }
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Headers(sorted))
    }

    /// The lines of one name, which is in small letters.
    pub(super) fn lines(&self, name: &str) -> &[(Cow<'a, str>, &'a [u8])] {
        let start = self.0.partition_point(|(known, _)| **known < *name);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|(known, _)| *known == name).count();
        rest.get(..count).unwrap_or_default()
    }

    /// The value of a header that may come once, without the white space around it.
    pub(super) fn once(&self, name: &'static str) -> Result<Option<&'a str>, Refusal> {
        match self.lines(name) {
            [] => Ok(None),
            [(_, value)] => {
                let text = std::str::from_utf8(value).map_err(|_| Refusal::BadCharacter)?;
                Ok(Some(text.trim_matches([' ', '\t'])))
            }
            _ => Err(Refusal::Repeated(name)),
        }
    }

    /// Each name once, in order.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(name, _)| &**name).collect()
    }

    /// Appends the canonical line of a header: its name, its values separated by commas, each
    /// without white space around it and with one space for several.
    pub(super) fn append_canonical(&self, name: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(name.as_bytes());
        for (at, (_, value)) in self.lines(name).iter().enumerate() {
            out.push(if at == 0 { b':' } else { b',' });
            // Spaces and tabs are the only white space in a value.
            let mut before = None;
            for byte in value.trim_ascii() {
                if (before, *byte) != (Some(b' '), b' ') {
                    out.push(*byte);
                }
                before = Some(*byte);
            }
        }
        out.push(b'\n');
    }
}

/// A token of RFC 9110 §5.6.2, as methods and names of headers are.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A value of RFC 9110 §5.5: no control character but the tab.
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(lines: &[(&str, &str)], name: &str) -> String {
        let lines: Vec<_> = lines.iter().map(|(name, value)| Header::new(name, value)).collect();
        let mut out = Vec::new();
        Headers::sorted(&lines).unwrap().append_canonical(name, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_joined_in_the_order_that_they_came() {
        let lines = [("b", "3"), ("A", " 2 "), ("c", "x"), ("a", "1"), ("A", "2")];
        assert_eq!(canonical(&lines, "a"), "a:2,1,2\n");
    }

    #[test]
    fn white_space_counts_once() {
        for (value, said) in [
            ("", "a:\n"),
            ("   ", "a:\n"),
            (" \t ", "a:\n"),
            ("\t x \t", "a:x\n"),
            ("x   y", "a:x y\n"),
            ("\"x  y\"", "a:\"x y\"\n"),
            ("x\ty", "a:x\ty\n"),
            ("x", "a:x\n"),
        ] {
            assert_eq!(canonical(&[("a", value)], "a"), said, "{value:?}");
        }
        assert_eq!(canonical(&[("a", " "), ("a", "x "), ("a", "")], "a"), "a:,x,\n");
    }

    #[test]
    fn line_breaks_are_refused() {
        for (name, value) in [
            ("a\n", "x"),
            ("a:b", "x"),
            ("", "x"),
            ("é", "x"),
            ("a", "x\ny"),
            ("a", "x\r"),
            ("a", "\0"),
        ] {
            let sorted = Headers::sorted(&[Header::new(name, value)]);
            assert_eq!(sorted.err(), Some(Refusal::BadCharacter), "{name:?} {value:?}");
        }
        assert!(Headers::sorted(&[Header::new("a", b"\xff\t".as_slice())]).is_ok());
    }
}
