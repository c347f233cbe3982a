//! Trust anchors: certificates that vouch for authenticators (WebAuthn L3 §7.1 step 23).

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use webauthn_rs_core::attestation::verify_attestation_ca_chain;
use webauthn_rs_core::proto::{
    AttestationCaList, ParsedAttestationData, SerialisableAttestationData,
};

use crate::time::UnixTime;

/// Trusted certificates. An authenticator is trusted if its certificate chain leads to one of them,
/// or its leaf is one of them.
#[derive(Clone, Default)]
pub struct Anchors(Vec<Anchor>);

/// One certificate, in a list of its own: of several with the same name, webauthn-rs tries only the
/// first.
#[derive(Clone)]
struct Anchor {
    der: Vec<u8>,
    list: AttestationCaList,
}

/// A file without certificates, or with one that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is neither one certificate in DER nor certificates in PEM")]
pub struct BadCertificate;

impl Anchors {
    /// The certificates in a file: one in DER, or any number in PEM.
    ///
    /// # Errors
    /// [`BadCertificate`] if the file is neither DER nor PEM, a PEM block is not closed, or one of
    /// the certificates is not X.509.
    pub fn parse(file: &[u8]) -> Result<Anchors, BadCertificate> {
        let mut anchors = Anchors::default();
        if !file.windows(BEGIN.len()).any(|bytes| bytes == BEGIN.as_bytes()) {
            anchors.add(file)?;
        }
        for der in CertificateDer::pem_slice_iter(file) {
            anchors.add(&der.map_err(|_| BadCertificate)?)?;
        }
        Ok(anchors)
    }

    /// Adds the certificates of another set.
    #[must_use]
    pub fn and(mut self, others: Anchors) -> Anchors {
        self.0.extend(others.0);
        self
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a certificate in DER.
    pub(super) fn add(&mut self, der: &[u8]) -> Result<(), BadCertificate> {
        let mut pem = String::from(BEGIN);
        for (place, c) in STANDARD.encode(der).chars().enumerate() {
            // webauthn-rs reads lines of 64 characters (RFC 7468 §2).
            if place % 64 == 0 {
                pem.push('\n');
            }
            pem.push(c);
        }
        pem.push_str(&format!("\n{END}\n"));
        let list = AttestationCaList::try_from(pem.as_bytes()).map_err(|_| BadCertificate)?;
        self.0.push(Anchor { der: der.to_vec(), list });
        Ok(())
    }

    /// Returns whether a chain, its leaf first, leads to an anchor. A leaf that is itself an anchor
    /// needs no chain (MDS3 §3.1.4).
    pub(super) fn trust(&self, chain: &[&[u8]], now: UnixTime) -> bool {
        let Some(leaf) = chain.first() else { return false };
        let Ok(parsed) = certificates(chain) else { return false };
        let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now.0));
        let leads = |anchor: &Anchor| {
            now.is_some_and(|now| {
                matches!(verify_attestation_ca_chain(&parsed, &anchor.list, now), Ok(Some(_)))
            })
        };
        self.0.iter().any(|anchor| anchor.der == *leaf || leads(anchor))
    }
}

/// Certificates in DER, in the type of webauthn-rs.
pub(super) fn certificates(chain: &[&[u8]]) -> Result<ParsedAttestationData, BadCertificate> {
    let chain = chain.iter().map(|der| der.to_vec()).collect();
    ParsedAttestationData::try_from(SerialisableAttestationData::Basic(chain))
        .map_err(|_| BadCertificate)
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.0.len())
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
