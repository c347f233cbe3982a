//! Backups of Stratum (Authenticator Pro), plain.
//!
//! The format is described in Stratum's `doc/BACKUP_FORMAT.md`.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{Entry, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::whole::{self, Whole};
use crate::import::{Problem, ProblemCode, Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    is_sealed(head.0.as_bytes()) || head.is_object_with(&["Authenticators"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    if is_sealed(&file) {
        let detail = "the backup of Stratum is encrypted: export one without a password";
        return Err(out.end(Problem::of_file(ProblemCode::Encryption, detail)));
    }
    let backup: Backup = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    for (place, entry) in places().zip(backup.authenticators) {
        Entry {
            kind: Some(named(KINDS, entry.kind)),
            secret: entry.secret,
            issuer: entry.issuer,
            label: entry.username,
            algorithm: Some(named(ALGORITHMS, entry.algorithm)),
            digits: entry.digits,
            period: entry.period,
            counter: entry.counter,
        }
        .hand_on(place, out)?;
    }
    Ok(())
}

/// Files of both ways of encryption begin with the app's old name.
fn is_sealed(file: &[u8]) -> bool {
    file.get(..16)
        .is_some_and(|magic| magic.eq_ignore_ascii_case(b"AUTHENTICATORPRO"))
}

fn named(names: &[&str], number: u64) -> String {
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.copied().unwrap_or("unknown").to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Backup {
    authenticators: Vec<Authenticator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Authenticator {
    #[serde(rename = "Type")]
    kind: u64,
    issuer: Option<String>,
    username: Option<String>,
    secret: Option<Zeroizing<String>>,
    #[serde(default)]
    algorithm: u64,
    digits: Option<Whole>,
    period: Option<Whole>,
    counter: Option<Whole>,
}

const KINDS: &[&str] = &["unknown", "HOTP", "TOTP", "MobileOTP", "Steam", "Yandex"];

const ALGORITHMS: &[&str] = &["SHA1", "SHA256", "SHA512"];
