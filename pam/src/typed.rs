//! The text that a person typed at a code prompt.

use zeroize::Zeroizing;

/// Text in one of the forms of a code. No other text is sent: it may be a password.
pub(crate) enum Typed {
    /// Six to eight digits.
    Code(Zeroizing<String>),
    /// 16 symbols of Crockford's base32, from the sheet of recovery codes.
    Recovery(Zeroizing<String>),
    /// 20 such symbols: a bypass code.
    Bypass(Zeroizing<String>),
}

impl Typed {
    /// Parses a code without its spaces; some programs show codes in two groups.
    pub(crate) fn parse(text: &str) -> Option<Typed> {
        let mut typed = Zeroizing::new(String::with_capacity(text.len()));
        typed.extend(text.chars().filter(|c| !c.is_ascii_whitespace()));
        if (6..=8).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Typed::Code(typed));
        }
        // The agent reads I, L and O as digits.
        let symbol = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'u' | b'U');
        if !typed.bytes().all(|byte| byte == b'-' || symbol(byte)) {
            return None;
        }
        match typed.bytes().filter(|byte| *byte != b'-').count() {
            16 => Some(Typed::Recovery(typed)),
            20 => Some(Typed::Bypass(typed)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        match Typed::parse(text) {
            Some(Typed::Code(_)) => "code",
            Some(Typed::Recovery(_)) => "recovery",
            Some(Typed::Bypass(_)) => "bypass",
            None => "none",
        }
    }

    #[test]
    fn each_code_is_known_by_its_form() {
        assert_eq!(kind("123456"), "code");
        assert_eq!(kind(" 123 456\n"), "code");
        assert_eq!(kind("12345678"), "code");
        assert_eq!(kind("7K3M-9QXV-1ZB0-HT5W"), "recovery");
        assert_eq!(kind("7k3m9qxv1zb0ht5w"), "recovery");
        assert_eq!(kind("7K3MO-9QXVI-1ZB0L-HT5W1"), "bypass");
    }

    #[test]
    fn a_password_is_not_taken_for_a_code() {
        for text in [
            "",
            "12345",
            "123456789",
            "12345a",
            "correct horse",
            "7K3M-9QXV-1ZB0-HT5U",
            "٣٣٣٣٣٣",
            "7K3M-9QXV-1ZB0-HT5W!",
        ] {
            assert_eq!(kind(text), "none", "{text}");
        }
    }
}
