//! Text from elsewhere, for a terminal and for a shell.

use std::borrow::Cow;

use crate::id::is_printable;

/// Text from elsewhere, made harmless for a terminal: what does not print, or turns the text around
/// it, is spelt out.
pub(super) fn plain(text: &str) -> String {
    let spelt =
        |c: char| if is_printable(c) { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(spelt).collect()
}

/// The text that [`plain`] made this of. Only what it spells out is read back: other backslashes
/// stay.
pub(super) fn read_back(text: &str) -> Cow<'_, str> {
    let Some((before, rest)) = text.split_once("\\u{") else { return Cow::Borrowed(text) };
    let spelt = rest.split_once('}').and_then(|(hex, after)| {
        let c = u32::from_str_radix(hex, 16)
            .ok()
            .and_then(char::from_u32)
            .filter(|c| !is_printable(*c))?;
        Some((c, after))
    });
    match spelt {
        Some((c, after)) => Cow::Owned(format!("{before}{c}{}", read_back(after))),
        None => Cow::Owned(format!("{before}\\u{{{}", read_back(rest))),
    }
}

/// A word that a shell reads as this text (POSIX.1 §2.2.2).
pub(super) fn quoted(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-+=/:,.@".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(harmless) {
        true => text.to_owned(),
        false => plain(&format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_agent_cannot_move_the_cursor() {
        assert_eq!(plain("Zoë's phone"), "Zoë's phone");
        assert_eq!(plain("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(plain("x\u{202e}y\u{9b}"), "x\\u{202e}y\\u{9b}");
    }

    #[test]
    fn a_spelt_out_text_is_read_back() {
        for (text, spelt) in [
            ("jd\u{ad}oe\u{feff}", "jd\\u{ad}oe\\u{feff}"),
            ("Zoë 山田\u{3000}太郎", "Zoë 山田\u{3000}太郎"),
            ("a\u{1b}[2J", "a\\u{1b}[2J"),
        ] {
            assert_eq!(plain(text), spelt);
            assert_eq!(read_back(spelt), text);
        }
        for text in ["DOMAIN\\user", "a\\u{61}", "a\\u{", "a\\u{zz}b\\u{110000}"] {
            assert_eq!(read_back(text), text);
        }
        assert_eq!(read_back("\\u{61}\\u{ad}"), "\\u{61}\u{ad}");
    }
}
