//! The readers of the formats.

use std::io::BufRead;

use crate::import::format::formats;
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::hosts::{google, u2f, users};
use crate::import::ldif::{freeipa, safeword};
use crate::import::tables::{columns, entra, multiotp, oath, privacyidea_csv, yubico};
use crate::import::vault::{
    aegis, andotp, bitwarden, freeotp_plus, onepassword, proton, raivo, stratum, twofas,
};
use crate::import::{
    Format, Settings, Stop, keycloak, migration, otpauth, privacyidea, pskc, safenet,
};

/// A format: its name, how its files are recognised, and its reader.
pub(super) struct Reader {
    pub(super) format: Format,
    /// True if a file with this beginning may be of the format.
    pub(super) recognises: fn(&Head<'_>) -> bool,
    pub(super) read: fn(&mut dyn BufRead, &Settings, &mut Out<'_>) -> Result<(), Stop>,
}

macro_rules! readers {
    ($($(#[doc = $doc:literal])+ $format:ident = $name:literal by $module:ident,)+) => {
        pub(super) const READERS: &[Reader] = &[
            $(Reader {
                format: Format::$format,
                recognises: $module::recognises,
                read: $module::read,
            },)+
        ];
    };
}

formats!(readers);
