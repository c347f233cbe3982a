//! The formats, each with its reader.

use std::fmt;
use std::io::BufRead;
use std::str::FromStr;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::hosts::{google, u2f, users};
use crate::import::ldif::{freeipa, safeword};
use crate::import::tables::{columns, entra, multiotp, oath, privacyidea_csv, yubico};
use crate::import::{Settings, Stop, otpauth};

/// A format: its name, how its files are recognised, and its reader.
pub(super) struct Reader {
    pub(super) format: Format,
    /// True if a file with this beginning may be of the format.
    pub(super) recognises: fn(&Head<'_>) -> bool,
    pub(super) read: fn(&mut dyn BufRead, &Settings, &mut Out<'_>) -> Result<(), Stop>,
}

macro_rules! formats {
    ($($(#[doc = $doc:literal])+ $format:ident = $name:literal by $module:ident,)+) => {
        /// Formats of token files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Format {
            $($(#[doc = $doc])+ $format,)+
        }

        impl Format {
            /// All formats.
            pub const ALL: &[Format] = &[$(Format::$format),+];

            /// Name in flags and answers.
            pub fn name(self) -> &'static str {
                match self {
                    $(Format::$format => $name,)+
                }
            }
        }

        pub(super) const READERS: &[Reader] = &[
            $(Reader {
                format: Format::$format,
                recognises: $module::recognises,
                read: $module::read,
            },)+
        ];
    };
}

formats! {
    /// One `otpauth://` URI a line.
    Otpauth = "otpauth" by otpauth,
    /// A table of hardware tokens for Microsoft Entra.
    Entra = "entra-csv" by entra,
    /// A table of any columns.
    Columns = "csv" by columns,
    /// A table of OATH tokens as LinOTP and privacyIDEA read it.
    OathCsv = "oath-csv" by oath,
    /// A table of multiOTP.
    MultiOtpCsv = "multiotp-csv" by multiotp,
    /// A table that privacyIDEA exports.
    PrivacyIdeaCsv = "privacyidea-csv" by privacyidea_csv,
    /// A log of Yubico's programs for personalisation.
    YubicoCsv = "yubico-csv" by yubico,
    /// The file `.google_authenticator` of a user.
    GoogleAuthenticator = "google-authenticator" by google,
    /// The file of `pam_oath`.
    UsersOath = "users-oath" by users,
    /// Tokens of FreeIPA, as `ldapsearch` prints them.
    FreeIpaLdif = "freeipa-ldif" by freeipa,
    /// Records of SafeWord.
    SafeWordDat = "safeword-dat" by safeword,
    /// Security keys of `pam_u2f`, which cannot be imported.
    U2fKeys = "u2f-keys" by u2f,
}

/// The text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        Format::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("format is one of ")?;
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        f.write_str(&names.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}
