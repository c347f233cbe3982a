//! The identity of a security key. Its texts come from the device and are sanitized before they are
//! shown.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A FIDO HID interface that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The device node, `/dev/hidraw0`. It is given to another key after this one is unplugged.
    pub path: PathBuf,
    /// The USB vendor.
    pub vendor_id: u16,
    /// The USB product.
    pub product_id: u16,
    /// The manufacturer, as the key says.
    pub manufacturer: Text,
    /// The product, as the key says.
    pub product: Text,
    /// The serial number, as the key says; usually empty.
    pub serial: Text,
}

/// A text that a device gave: at most 64 printable characters, everything else left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// Keeps what can be shown on one line: no control characters, none that turn or hide the text
    /// around them.
    pub fn new(untrusted: &str) -> Text {
        let shown = untrusted.chars().filter(|c| printable(*c)).take(MOST_CHARACTERS);
        Text(shown.collect::<String>().trim().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells if a character can be shown: control characters, private-use characters, and characters
/// without width or that turn the direction cannot.
fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..)
}

impl From<String> for Text {
    fn from(untrusted: String) -> Text {
        Text::new(&untrusted)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `YubiKey 5 (/dev/hidraw0)`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = self.product.as_str();
        let name = if product.is_empty() { "security key" } else { product };
        write!(f, "{name} ({})", self.path.display())
    }
}

/// The most characters shown of a device's text.
const MOST_CHARACTERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_device_is_one_short_printable_line() {
        for (untrusted, shown) in [
            ("YubiKey 5", "YubiKey 5"),
            ("\u{1b}[2J\u{1b}]0;root\u{7}key\r\n$ ", "[2J]0;rootkey$"),
            ("a\u{202e}b\u{200b}c\u{0}", "abc"),
            (" \t ", ""),
        ] {
            assert_eq!(Text::new(untrusted).as_str(), shown, "{untrusted:?}");
        }
        assert_eq!(Text::new(&"x".repeat(4096)).as_str().len(), MOST_CHARACTERS);
    }
}
