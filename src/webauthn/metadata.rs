//! FIDO metadata (Metadata Service v3.0): known models, their trust anchors, and withdrawn models.
//!
//! The operator provides the file; this module does not fetch it. The caller, who has a memory and
//! a clock, judges its age with [`Metadata::may_follow`] and [`Metadata::is_stale`].

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha1::{Digest, Sha1};
use webauthn_rs_core::crypto::verify_signature;
use webauthn_rs_core::proto::ParsedAttestationData;

use super::anchors::{Anchors, certificates};
use super::credential::Aaguid;
use crate::time::UnixTime;

/// The content of a metadata BLOB with a verified signature.
#[derive(Clone)]
pub struct Metadata {
    number: u64,
    next_update: String,
    models: Vec<Model>,
}

/// One model, identified by its AAGUID or by the keys of its attestation certificates.
#[derive(Clone)]
pub(super) struct Model {
    aaguid: Option<Aaguid>,
    key_identifiers: Vec<String>,
    pub(super) anchors: Anchors,
    /// The reason for its withdrawal, if it was withdrawn.
    pub(super) withdrawn: Option<&'static str>,
}

/// The reason why a metadata BLOB is unusable; the operator has to replace it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// Not a JWS with a payload of MDS3.
    #[error("the file is not a metadata BLOB of the FIDO Metadata Service, version 3")]
    Malformed,
    /// The signature algorithm is not supported.
    #[error("the metadata BLOB is signed neither with ES256 nor with RS256")]
    Algorithm,
    /// The signer's certificate is not the expected one.
    #[error(
        "the metadata BLOB's certificate does not lead to the root that was given, is not valid \
         now, or has another name"
    )]
    Signer,
    /// The content does not match its signature.
    #[error("the metadata BLOB's signature is invalid")]
    Signature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5c: Vec<String>,
    /// Extensions that a reader must understand (RFC 7515 §4.1.11). This one supports none.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    no: u64,
    next_update: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    aaguid: Option<String>,
    #[serde(default)]
    attestation_certificate_key_identifiers: Vec<String>,
    metadata_statement: Option<Statement>,
    #[serde(default)]
    status_reports: Vec<StatusReport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(default)]
    attestation_root_certificates: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusReport {
    status: String,
    effective_date: Option<String>,
}

impl Metadata {
    /// Reads a BLOB signed by `signer`, whose certificate leads to one of `roots`. FIDO's BLOB is
    /// signed by `mds.fidoalliance.org`; the name matters, because the root also signs certificates
    /// of others.
    ///
    /// # Errors
    /// [`BadMetadata`], which names the step that failed: form, algorithm, certificate chain,
    /// signature.
    pub fn parse(
        blob: &[u8],
        roots: &Anchors,
        signer: &str,
        now: UnixTime,
    ) -> Result<Metadata, BadMetadata> {
        let text = std::str::from_utf8(blob).map_err(|_| BadMetadata::Malformed)?.trim();
        let (signed, signature) = text.rsplit_once('.').ok_or(BadMetadata::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(BadMetadata::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadMetadata::Malformed);
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| BadMetadata::Malformed)?;
        let signature = decode(signature)?;
        let signature = match header.alg.as_str() {
            "ES256" => ecdsa_in_der(&signature).ok_or(BadMetadata::Signature)?,
            "RS256" => signature,
            _ => return Err(BadMetadata::Algorithm),
        };
        if header.crit.is_some() {
            return Err(BadMetadata::Malformed);
        }
        let chain: Result<Vec<_>, _> = header.x5c.iter().map(|der| STANDARD.decode(der)).collect();
        let chain = chain.map_err(|_| BadMetadata::Malformed)?;
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        if !roots.trust(&chain, now) || common_name(&chain).as_deref() != Some(signer) {
            return Err(BadMetadata::Signer);
        }
        let Ok(ParsedAttestationData::Basic(parsed)) = certificates(&chain) else {
            return Err(BadMetadata::Malformed);
        };
        let leaf = parsed.first().ok_or(BadMetadata::Malformed)?;
        if !verify_signature(leaf, &signature, signed.as_bytes()).unwrap_or(false) {
            return Err(BadMetadata::Signature);
        }
        let payload: Payload =
            serde_json::from_slice(&decode(payload)?).map_err(|_| BadMetadata::Malformed)?;
        let today = today(now);
        let models = payload.entries.into_iter().map(|entry| entry.read(&today)).collect();
        Ok(Metadata { number: payload.no, next_update: payload.next_update, models })
    }

    /// The serial number of the BLOB.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether this BLOB may replace the one with the number `last`. A lower number means a
    /// rollback to an old BLOB.
    pub fn may_follow(&self, last: u64) -> bool {
        self.number >= last
    }

    /// Returns whether the date of the next update has passed.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        self.next_update < today(now)
    }

    /// The model of an authenticator, by its AAGUID or by the keys of its certificates (MDS3
    /// §3.1.1).
    pub(super) fn model(&self, aaguid: Option<Aaguid>, chain: &[&[u8]]) -> Option<&Model> {
        match aaguid {
            Some(aaguid) => self.models.iter().find(|model| model.aaguid == Some(aaguid)),
            None => {
                let keys = key_identifiers(chain);
                self.models
                    .iter()
                    .find(|model| model.key_identifiers.iter().any(|key| keys.contains(key)))
            }
        }
    }
}

impl Entry {
    /// Reads an entry. Without a usable certificate it has no trust anchors, but its status still
    /// counts.
    fn read(self, today: &str) -> Model {
        let mut anchors = Anchors::default();
        let certificates =
            self.metadata_statement.map(|statement| statement.attestation_root_certificates);
        for certificate in certificates.unwrap_or_default() {
            let compact: String = certificate.split_ascii_whitespace().collect();
            if let Ok(der) = STANDARD.decode(compact) {
                // An unreadable certificate is skipped: no chain can lead to it.
                let _ = anchors.add(&der);
            }
        }
        let effective = self
            .status_reports
            .iter()
            .filter(|report| report.effective_date.as_deref().is_none_or(|date| date <= today));
        let withdrawn = effective
            .filter_map(|report| WITHDRAWN.iter().find(|(status, _)| *status == report.status))
            .map(|(_, why)| *why)
            .next();
        Model {
            aaguid: self.aaguid.and_then(|aaguid| aaguid.parse().ok()),
            key_identifiers: self
                .attestation_certificate_key_identifiers
                .into_iter()
                .map(|key| key.to_ascii_lowercase())
                .collect(),
            anchors,
            withdrawn,
        }
    }
}

/// The key identifiers of certificates: SHA-1 in hexadecimal digits (RFC 5280 §4.2.1.2, method 1).
fn key_identifiers(chain: &[&[u8]]) -> Vec<String> {
    let Ok(ParsedAttestationData::Basic(certificates)) = certificates(chain) else {
        return Vec::new();
    };
    let keys = certificates
        .iter()
        .map(|certificate| certificate.tbs_certificate().subject_public_key_info());
    keys.map(|key| {
        Sha1::digest(key.subject_public_key.raw_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    })
    .collect()
}

/// The common name of the first certificate.
fn common_name(chain: &[&[u8]]) -> Option<String> {
    let Ok(ParsedAttestationData::Basic(certificates)) = certificates(chain) else { return None };
    let subject = certificates.first()?.tbs_certificate().subject();
    let name = subject.iter().find(|attribute| attribute.oid.to_string() == COMMON_NAME)?;
    String::from_utf8(name.value.value().to_vec()).ok()
}

/// Encodes a signature of JOSE (RFC 7518 §3.4) in DER.
fn ecdsa_in_der(signature: &[u8]) -> Option<Vec<u8>> {
    let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
    Some(signature.to_der().as_bytes().to_vec())
}

/// The day in UTC, `2026-11-22`.
fn today(now: UnixTime) -> String {
    now.to_string().chars().take(10).collect()
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Metadata(no {}, {} models, next update {})",
            self.number,
            self.models.len(),
            self.next_update
        )
    }
}

/// Statuses that withdraw a model (MDS3 §3.1.4). A later report does not lift them: it may concern
/// newer firmware, which the AAGUID does not distinguish.
const WITHDRAWN: [(&str, &str); 5] = [
    ("REVOKED", "the model was revoked"),
    ("ATTESTATION_KEY_COMPROMISE", "the model's attestation key was compromised"),
    ("USER_VERIFICATION_BYPASS", "the model's user verification can be bypassed"),
    ("USER_KEY_REMOTE_COMPROMISE", "keys of the model can be stolen remotely"),
    ("USER_KEY_PHYSICAL_COMPROMISE", "keys of the model can be stolen with physical access"),
];

const COMMON_NAME: &str = "2.5.4.3";
