//! The names of the formats.

use std::fmt;
use std::str::FromStr;

/// The formats and the modules that read them: hands the list to a macro.
macro_rules! formats {
    ($make:ident) => {
        $make! {
            /// One `otpauth://` URI a line.
            Otpauth = "otpauth" by otpauth,
            /// Portable Symmetric Key Container, RFC 6030.
            Pskc = "pskc" by pskc,
            /// XML of SafeNet and Aladdin.
            SafenetXml = "safenet-xml" by safenet,
            /// URIs of Google Authenticator's export.
            OtpauthMigration = "otpauth-migration" by migration,
            /// A realm of Keycloak, or a list of its users.
            Keycloak = "keycloak" by keycloak,
            /// An export of privacyIDEA: a Fernet token.
            PrivacyIdea = "privacyidea" by privacyidea,
            /// A vault of Aegis.
            Aegis = "aegis" by aegis,
            /// A backup of 2FAS.
            TwoFas = "2fas" by twofas,
            /// A backup of andOTP.
            AndOtp = "andotp" by andotp,
            /// A backup of FreeOTP+.
            FreeOtpPlus = "freeotp-plus" by freeotp_plus,
            /// An export of Bitwarden.
            Bitwarden = "bitwarden" by bitwarden,
            /// An export of Proton Authenticator.
            Proton = "proton" by proton,
            /// A backup of Stratum.
            Stratum = "stratum" by stratum,
            /// `export.data` of 1Password.
            OnePassword = "1password" by onepassword,
            /// An export of Raivo.
            Raivo = "raivo" by raivo,
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
    };
}

pub(super) use formats;

macro_rules! names {
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
    };
}

formats!(names);

/// The text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

impl Format {
    /// True if its definition says how many digits and seconds a code has that an entry does not
    /// tell.
    pub(super) fn has_defaults(self) -> bool {
        !matches!(self.name(), "csv" | "pskc")
    }
}

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
