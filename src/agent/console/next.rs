//! The next page: a path of the console itself, also where a form names another one.

use url::Url;

use crate::webauthn::Origin;

/// The path and query of `next`, if it is on this origin; else the first page.
pub(super) fn path_of(origin: &Origin, next: &str) -> String {
    let own = own_path(origin, next);
    own.unwrap_or_else(|| "/".to_owned())
}

fn own_path(origin: &Origin, next: &str) -> Option<String> {
    // Browsers drop tabs and line ends from an address, and read a backslash as a slash.
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !is_plain || !next.starts_with('/') || next.starts_with("//") {
        return None;
    }
    let base = Url::parse(&origin.to_string()).ok()?;
    let url = base.join(next).ok().filter(|url| url.origin() == base.origin())?;
    // A path without its dots could begin with two slashes again.
    let path = Some(url.path()).filter(|path| !path.starts_with("//"))?;
    Some(url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_address_leads_to_the_first_page() {
        let origin: Origin = "https://mfa.example.com".parse().unwrap();
        for next in ["/devices", "/devices/add/key?x=1", "/a/..//b"] {
            let path = path_of(&origin, next);
            assert!(path.starts_with('/') && !path.starts_with("//"), "{next} {path}");
        }
        assert_eq!(path_of(&origin, "/devices?done=1#top"), "/devices?done=1");
        for next in [
            "",
            "devices",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\n//evil.example",
            "///evil.example",
            "http:evil.example",
            "javascript:alert(1)",
            "/.//evil.example",
            "/x/..//evil.example",
            " //evil.example",
            "https:/evil.example",
            "/\u{2044}/evil.example",
            "data:text/html,x",
            "//mfa.example.com@evil.example",
            "@evil.example",
            ".evil.example",
            "/%0d%0a//x\r\ny",
        ] {
            let path = path_of(&origin, next);
            let url = Url::parse("https://mfa.example.com").unwrap().join(&path).unwrap();
            assert_eq!(url.host_str(), Some("mfa.example.com"), "{next:?} {path}");
            assert!(!path.starts_with("//"), "{next:?} {path}");
        }
    }
}
