//! Backups of 2FAS, plain and encrypted, of all versions so far.
//!
//! 2FAS publishes its apps: an encrypted backup is `ciphertext:salt:nonce` in base64, by
//! AES-256-GCM and PBKDF2 of 10,000 iterations. The first versions had no kind: their tokens are
//! time-based.

use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::cipher::{Prf, malformed, open, pbkdf2, wrong};
use super::entry::{Entry, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::whole::{self, Whole};
use crate::import::{Problem, Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["services"])
        && ["otp", "schemaVersion", "servicesEncrypted"]
            .iter()
            .any(|name| head.has_member(name))
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let backup: Backup = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    let services = match backup.sealed.filter(|sealed| !sealed.is_empty()) {
        None => backup.services.unwrap_or_default(),
        Some(sealed) => {
            let mut text = opened(&sealed, settings).map_err(|problem| out.end(problem))?;
            whole::json(&mut text).map_err(|_| out.end(wrong()))?
        }
    };
    for (place, service) in places().zip(services) {
        let otp = service.otp.unwrap_or_default();
        Entry {
            kind: Some(otp.kind.unwrap_or_else(|| "TOTP".to_owned())),
            secret: service.secret,
            issuer: otp.issuer.or(service.name),
            label: otp.account.or(otp.label),
            algorithm: otp.algorithm,
            digits: otp.digits,
            period: otp.period,
            counter: otp.counter,
        }
        .hand_on(place, out)?;
    }
    Ok(())
}

/// The services' text.
fn opened(sealed: &str, settings: &Settings) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut parts = sealed.split(':').map(|part| STANDARD.decode(part.trim()));
    let (Some(Ok(text)), Some(Ok(salt)), Some(Ok(nonce)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("the encrypted part is not ciphertext, salt and nonce"));
    };
    let key = pbkdf2(Prf::Sha256, settings, &salt, ITERATIONS)?;
    let mut text = Zeroizing::new(text);
    open(&key, &nonce, &mut text)?;
    Ok(text)
}

#[derive(Deserialize)]
struct Backup {
    services: Option<Vec<Service>>,
    #[serde(rename = "servicesEncrypted")]
    sealed: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    name: Option<String>,
    secret: Option<Zeroizing<String>>,
    otp: Option<Otp>,
}

#[derive(Default, Deserialize)]
struct Otp {
    #[serde(rename = "tokenType")]
    kind: Option<String>,
    issuer: Option<String>,
    account: Option<String>,
    label: Option<String>,
    algorithm: Option<String>,
    digits: Option<Whole>,
    period: Option<Whole>,
    counter: Option<Whole>,
}

const ITERATIONS: u32 = 10_000;
