//! The canonical request and the string to sign (IAM User Guide, "Create a signed AWS API
//! request", steps 1 to 3).

use std::borrow::Cow;

use crate::aws::sigv4::escape::{Plus, encoded_path, recoded};
use crate::aws::sigv4::headers::Headers;
use crate::aws::sigv4::key::sha256;
use crate::aws::sigv4::moment::compact;
use crate::aws::sigv4::refusal::Refusal;
use crate::aws::sigv4::rules::Paths;
use crate::aws::sigv4::scope::Scope;
use crate::aws::sigv4::signature::to_hex;
use crate::time::UnixTime;

/// The parts of a canonical request.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    pub(super) path: Cow<'a, str>,
    pub(super) query: String,
    pub(super) headers: &'a Headers<'a>,
    /// Names in small letters, in order.
    pub(super) signed: &'a [String],
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// The canonical request. Values of headers need not be UTF-8.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        for line in [self.method, &self.path, &self.query] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        for name in self.signed {
            self.headers.append_canonical(name, &mut out);
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed.join(";").as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.payload.as_bytes());
        out
    }
}

/// The text under the signature.
pub(super) fn string_to_sign(time: UnixTime, scope: &Scope, canonical: &[u8]) -> String {
    format!("{ALGORITHM}\n{}\n{scope}\n{}", compact(time), to_hex(&sha256(canonical)))
}

/// The canonical form of a path as it came.
pub(super) fn path(path: &str, paths: Paths) -> Result<Cow<'_, str>, Refusal> {
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(Refusal::MalformedPath);
    }
    match paths {
        Paths::Kept => {
            let segments = path.split('/').map(|segment| recoded(segment, Plus::IsPlus));
            let segments: Result<Vec<_>, _> = segments.collect();
            Ok(Cow::Owned(segments.map_err(|_| Refusal::MalformedPath)?.join("/")))
        }
        Paths::Normalized => Ok(match normalized(path) {
            Cow::Borrowed(path) => encoded_path(path),
            Cow::Owned(path) => Cow::Owned(encoded_path(&path).into_owned()),
        }),
    }
}

/// Removes empty segments and dot segments (RFC 3986 §5.2.4). A path that ends in such a segment
/// ends in a slash.
fn normalized(path: &str) -> Cow<'_, str> {
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.split('/').all(is_plain) || path == "/" {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let ends_in_slash = path.rsplit('/').next().is_none_or(|last| !is_plain(last));
    let end = if ends_in_slash && !kept.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{}{end}", kept.join("/")))
}

/// The algorithm of this version.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normalized_and_encoded_twice() {
        for (raw, canonical) in [
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a//b//", "/a/b/"),
            ("/a/", "/a/"),
            ("/a/...", "/a/..."),
            ("/a%2Fb", "/a%252Fb"),
            ("/a b@c", "/a%20b%40c"),
        ] {
            assert_eq!(path(raw, Paths::Normalized).as_deref(), Ok(canonical), "{raw}");
        }
    }

    #[test]
    fn a_path_that_is_kept_is_encoded_once() {
        for (raw, canonical) in [
            ("/", "/"),
            ("//a/./../b//", "//a/./../b//"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb%41", "/a%2FbA"),
            ("/a+b@c d", "/a%2Bb%40c%20d"),
        ] {
            assert_eq!(path(raw, Paths::Kept).as_deref(), Ok(canonical), "{raw}");
        }
        assert_eq!(path("/%4", Paths::Kept), Err(Refusal::MalformedPath));
    }

    #[test]
    fn a_path_begins_with_a_slash_and_has_no_query() {
        for raw in ["", "*", "a/b", "/a?b", "/a#b"] {
            for paths in [Paths::Normalized, Paths::Kept] {
                assert_eq!(path(raw, paths), Err(Refusal::MalformedPath), "{raw}");
            }
        }
    }
}
