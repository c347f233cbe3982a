//! Backups of andOTP, plain and encrypted.
//!
//! The layout of an encrypted one is in andOTP's wiki: iterations (4 bytes, big-endian), salt and
//! nonce (12 each), ciphertext and tag; PBKDF2-SHA1 and AES-256-GCM.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::cipher::{Prf, malformed, open, pbkdf2, wrong};
use super::entry::{Entry, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::whole::{self, Whole};
use crate::import::{Problem, Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    // Of a list, the members that no other app has. Of ciphertext, iterations between 2^16 and
    // 2^23, and bytes that are no text.
    let mut chars = head.0.chars();
    let is_sealed = chars.next() == Some('\0')
        && chars.next().is_some_and(|c| ('\u{1}'..='\u{7f}').contains(&c))
        && head.0.contains('\u{fffd}');
    is_sealed || head.is_list_with(&["secret", "label", "type", "thumbnail"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let start = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file).trim_ascii_start();
    let entries: Vec<AndOtpEntry> = if start.starts_with(b"[") {
        whole::json(&mut file).map_err(|problem| out.end(problem))?
    } else {
        let mut text = opened(&file, settings).map_err(|problem| out.end(problem))?;
        whole::json(&mut text).map_err(|_| out.end(wrong()))?
    };
    for (place, entry) in places().zip(entries) {
        Entry {
            kind: entry.kind,
            secret: entry.secret,
            issuer: entry.issuer,
            label: entry.label,
            algorithm: entry.algorithm,
            digits: entry.digits,
            period: entry.period,
            counter: entry.counter,
        }
        .hand_on(place, out)?;
    }
    Ok(())
}

/// The entries' text.
fn opened(file: &[u8], settings: &Settings) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let short = || malformed("the file is shorter than an empty backup");
    let (iterations, rest) = file.split_first_chunk().ok_or_else(short)?;
    let (salt, rest) = rest.split_first_chunk::<12>().ok_or_else(short)?;
    let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or_else(short)?;
    let key = pbkdf2(Prf::Sha1, settings, salt, u32::from_be_bytes(*iterations))?;
    let mut text = Zeroizing::new(sealed.to_vec());
    open(&key, nonce, &mut text)?;
    Ok(text)
}

#[derive(Deserialize)]
struct AndOtpEntry {
    #[serde(rename = "type")]
    kind: Option<String>,
    secret: Option<Zeroizing<String>>,
    issuer: Option<String>,
    label: Option<String>,
    algorithm: Option<String>,
    digits: Option<Whole>,
    period: Option<Whole>,
    counter: Option<Whole>,
}
