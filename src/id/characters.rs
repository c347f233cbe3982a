//! Characters that a person does not see, or takes for another one, in a text that was typed,
//! pasted or scanned.

use std::fmt;

/// A character that stands out in a text, in words for a person: its code point and its name.
///
/// A digit is named by its kind alone: it may be one of a code's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OddCharacter(char);

impl OddCharacter {
    /// The first character of a text that prints as nothing, is a blank or a dash that looks like
    /// the ordinary one, is a control character, or is a digit of another script than ASCII.
    pub fn first_in(text: &str) -> Option<OddCharacter> {
        text.chars().find(|c| is_odd(*c)).map(OddCharacter)
    }

    /// The first character of a text that is neither printable nor the ordinary space.
    pub(crate) fn first_unprintable_in(text: &str) -> Option<OddCharacter> {
        text.chars().find(|c| !is_printable(*c)).map(OddCharacter)
    }
}

/// Returns whether a character may stand in a name: it is visible, or the ordinary space or the
/// ideographic space, which is as wide as it is visible.
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control() && !is_invisible(c) && (!c.is_whitespace() || matches!(c, ' ' | '\u{3000}'))
}

/// Returns whether a character is invisible by itself, or moves the text around it.
///
/// Unicode's `Default_Ignorable_Code_Point` (UAX #44), with the code points reserved for more of
/// them, and further characters without a mark: the blank of Braille, separators of lines and
/// paragraphs, anchors of annotations, noncharacters.
pub(crate) fn is_invisible(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    let markless = matches!(c,
        '\u{2028}'..='\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}');
    ignorable || markless || u32::from(c) & 0xfffe == 0xfffe
}

/// Returns whether a character is read as a dash: Unicode's `Dash` (UAX #44), and the hyphen
/// bullet.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(c,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'..='\u{2015}'
        | '\u{2043}' | '\u{2053}' | '\u{207b}' | '\u{208b}' | '\u{2212}' | '\u{2e17}' | '\u{2e1a}'
        | '\u{2e3a}'..='\u{2e3b}' | '\u{2e40}' | '\u{2e5d}' | '\u{301c}' | '\u{3030}' | '\u{30a0}'
        | '\u{fe31}'..='\u{fe32}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// The letter, digit or sign of ASCII that a full-width form of it stands for (U+FF01 to U+FF5E),
/// as input methods of East Asia write them; any other character as it is.
pub(crate) fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

fn is_odd(c: char) -> bool {
    c.is_control()
        || is_invisible(c)
        || (c.is_whitespace() && c != ' ')
        || (is_dash(c) && c != '-')
        || is_foreign_digit(c)
}

fn is_foreign_digit(c: char) -> bool {
    c.is_numeric() && !c.is_ascii_digit()
}

impl fmt::Display for OddCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            c if is_foreign_digit(c) => return f.write_str("a digit that is not one of 0 to 9"),
            '\t' => "tab",
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => "line break",
            '\u{a0}' => "no-break space",
            '\u{202f}' => "narrow no-break space",
            '\u{3000}' => "ideographic space",
            '\u{ad}' => "soft hyphen",
            '\u{200b}' => "zero-width space",
            '\u{200c}' => "zero-width non-joiner",
            '\u{200d}' => "zero-width joiner",
            '\u{2060}' => "word joiner",
            '\u{feff}' => "zero-width no-break space, a byte order mark",
            '\u{200e}'
            | '\u{200f}'
            | '\u{61c}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => "mark of the direction of writing",
            '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'
            | '\u{180b}'..='\u{180d}'
            | '\u{180f}' => "variation selector",
            '\u{e0000}'..='\u{e007f}' => "tag character",
            '\u{2800}' => "blank of Braille",
            '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "filler of Hangul",
            '\u{2010}' => "hyphen of another kind",
            '\u{2011}' => "no-break hyphen",
            '\u{2013}' => "en dash",
            '\u{2014}' => "em dash",
            '\u{2212}' => "minus sign",
            c if c.is_control() => "control character",
            c if is_invisible(c) => "a character that prints as nothing",
            c if c.is_whitespace() => "blank of another kind",
            c if is_dash(c) => "dash of another kind",
            _ => return write!(f, "U+{:04X}", u32::from(self.0)),
        };
        write!(f, "U+{:04X} ({name})", u32::from(self.0))
    }
}

impl fmt::Debug for OddCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OddCharacter({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_named_by_code_point_and_digits_by_kind() {
        for (text, name) in [
            ("12\u{a0}34", "U+00A0 (no-break space)"),
            ("12\u{2013}34", "U+2013 (en dash)"),
            ("a\u{e0041}", "U+E0041 (tag character)"),
            ("a\u{b}", "U+000B (control character)"),
            ("a\u{2003}b", "U+2003 (blank of another kind)"),
            ("a\u{2065}b", "U+2065 (a character that prints as nothing)"),
            ("１2345", "a digit that is not one of 0 to 9"),
        ] {
            assert_eq!(
                OddCharacter::first_in(text).map(|odd| odd.to_string()).as_deref(),
                Some(name)
            );
        }
        assert_eq!(OddCharacter::first_in("Zoë's phone - 1"), None);
    }

    #[test]
    fn only_full_width_forms_are_narrowed() {
        assert_eq!(
            "ＡＢｃ１－\u{3000}١é".chars().map(narrow).collect::<String>(),
            "ABc1-\u{3000}١é"
        );
    }
}
