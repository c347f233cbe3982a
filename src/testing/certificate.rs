//! X.509 certificates (RFC 5280) of makers of security keys, every part of which a test can change.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// A certificate authority on P-256 with SHA-256.
#[derive(Clone)]
pub struct SimulatedAuthority {
    /// Subject of its own certificate, and issuer of the certificates that it signs.
    pub name: String,
    key: SigningKey,
}

/// A certificate before signing. The initial values meet WebAuthn L3 §8.2.1.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Country, organization, unit and name; empty ones are omitted.
    pub subject: [String; 4],
    /// Issuer; `None` names the signing authority.
    pub issuer: Option<String>,
    /// Start of validity, as `YYMMDD`.
    pub not_before: String,
    /// End of validity, as `YYMMDD`.
    pub not_after: String,
    /// Basic constraints: CA or not; `None` omits the extension.
    pub ca: Option<bool>,
    /// Public key, an uncompressed point.
    pub public_key: Vec<u8>,
    /// Model (`id-fido-gen-ce-aaguid`), and the critical flag of the extension.
    pub aaguid: Option<([u8; 16], bool)>,
    /// Version as encoded: one less than its name.
    pub version: u8,
    /// SubjectPublicKeyInfo in DER, for keys not on P-256; replaces `public_key`.
    pub public_key_info: Option<Vec<u8>>,
    /// TPM extensions (WebAuthn L3 §8.3.1).
    pub tpm: Option<TpmNames>,
}

/// Extensions of the certificate of a TPM's attestation key. Empty attributes are omitted.
#[derive(Clone, Debug)]
pub struct TpmNames {
    /// The maker: `id:` and eight digits.
    pub manufacturer: String,
    /// The model.
    pub model: String,
    /// The version of the firmware.
    pub version: String,
    /// Critical flag of the alternative name.
    pub critical: bool,
    /// Extended key usage, the content of an object identifier; empty omits the extension.
    pub usage: Vec<u8>,
}

impl Default for TpmNames {
    fn default() -> TpmNames {
        TpmNames {
            manufacturer: "id:49465800".to_owned(),
            model: "simulated".to_owned(),
            version: "id:13".to_owned(),
            critical: true,
            usage: TCG_KP_AIK_CERTIFICATE.to_vec(),
        }
    }
}

impl SimulatedAuthority {
    /// An authority of this name. The same name has the same key.
    pub fn new(name: &str) -> SimulatedAuthority {
        SimulatedAuthority {
            name: name.to_owned(),
            key: signing_key(&[name.as_bytes(), b" authority"]),
        }
    }

    /// The self-signed certificate, in DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.issue(&self.described())
    }

    /// The content of its certificate, for another authority to sign.
    pub fn described(&self) -> Certificate {
        let subject = [String::new(), String::new(), String::new(), self.name.clone()];
        Certificate { subject, ca: Some(true), ..Certificate::new(&point(&self.key)) }
    }

    /// Signs a certificate, in DER.
    pub fn issue(&self, certificate: &Certificate) -> Vec<u8> {
        let body = certificate.body(&self.name);
        let signature = self.sign(&body);
        sequence(&[&body, &ecdsa_with_sha256(), &tlv(BIT_STRING, &[&[0], &signature[..]])])
    }

    /// Signs a message with ECDSA and SHA-256, in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign(&self.key, message)
    }
}

impl Certificate {
    /// A certificate for an authenticator's attestation key.
    pub fn new(public_key: &[u8]) -> Certificate {
        Certificate {
            subject: [
                "SE",
                "Simulated Keys",
                "Authenticator Attestation",
                "Simulated Security Key",
            ]
            .map(str::to_owned),
            issuer: None,
            not_before: "200101".to_owned(),
            not_after: "491231".to_owned(),
            ca: Some(false),
            public_key: public_key.to_vec(),
            aaguid: None,
            version: 2,
            public_key_info: None,
            tpm: None,
        }
    }

    fn body(&self, signer: &str) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or(signer);
        let serial: [u8; 32] = Sha256::digest(&self.public_key).into();
        let date = |date: &str| tlv(UTC_TIME, &[date.as_bytes(), b"000000Z"]);
        let algorithm = sequence(&[
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
        ]);
        sequence(&[
            &tlv(0xa0, &[&tlv(INTEGER, &[&[self.version]])]),
            &tlv(INTEGER, &[&[1], &serial[..8]]),
            &ecdsa_with_sha256(),
            &name(&[String::new(), String::new(), String::new(), issuer.to_owned()]),
            &sequence(&[&date(&self.not_before), &date(&self.not_after)]),
            &name(&self.subject),
            &self.public_key_info.clone().unwrap_or_else(|| {
                sequence(&[&algorithm, &tlv(BIT_STRING, &[&[0], &self.public_key[..]])])
            }),
            &tlv(0xa3, &[&sequence(&[&self.extensions()])]),
        ])
    }

    fn extensions(&self) -> Vec<u8> {
        let extension = |id: &[u8], critical: bool, value: &[u8]| {
            let critical = if critical { tlv(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
            sequence(&[&oid(id), &critical, &tlv(OCTET_STRING, &[value])])
        };
        let mut extensions = Vec::new();
        if let Some(ca) = self.ca {
            let value = if ca { sequence(&[&tlv(BOOLEAN, &[&[0xff]])]) } else { sequence(&[]) };
            extensions.extend(extension(BASIC_CONSTRAINTS, true, &value));
        }
        if self.ca == Some(true) {
            extensions.extend(extension(KEY_USAGE, true, &tlv(BIT_STRING, &[&[2, 0x04]])));
        }
        if let Some((aaguid, critical)) = self.aaguid {
            extensions.extend(extension(AAGUID, critical, &tlv(OCTET_STRING, &[&aaguid])));
        }
        if let Some(tpm) = &self.tpm {
            extensions.extend(extension(
                SUBJECT_ALT_NAME,
                tpm.critical,
                &sequence(&[&tlv(DIRECTORY_NAME, &[&tpm.name()])]),
            ));
            if !tpm.usage.is_empty() {
                extensions.extend(extension(
                    EXTENDED_KEY_USAGE,
                    false,
                    &sequence(&[&oid(&tpm.usage)]),
                ));
            }
        }
        extensions
    }
}

impl TpmNames {
    fn name(&self) -> Vec<u8> {
        let attributes = [(1, &self.manufacturer), (2, &self.model), (3, &self.version)]
            .into_iter()
            .filter(|(_, text)| !text.is_empty());
        let attributes = attributes.map(|(kind, text)| {
            let id = oid(&[0x67, 0x81, 0x05, 0x02, kind]);
            tlv(SET, &[&sequence(&[&id, &tlv(UTF8_STRING, &[text.as_bytes()])])])
        });
        sequence(&[&attributes.collect::<Vec<_>>().concat()])
    }
}

/// A private key that follows from these parts.
pub(super) fn signing_key(parts: &[&[u8]]) -> SigningKey {
    let scalar = Sha256::digest(parts.concat());
    SigningKey::from_slice(&scalar).expect("one in 2^32 hashes is no scalar, and no name hit it")
}

/// The public key as an uncompressed point (SEC 1 §2.3.3).
pub(super) fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

/// ECDSA with SHA-256, in DER.
pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn ecdsa_with_sha256() -> Vec<u8> {
    sequence(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])])
}

/// Country, organization, unit and common name (2.5.4.6, .10, .11, .3).
fn name(parts: &[String; 4]) -> Vec<u8> {
    let attributes = parts.iter().zip([6, 10, 11, 3]).filter(|(text, _)| !text.is_empty());
    let attributes = attributes.map(|(text, kind)| {
        let tag = if kind == 6 { PRINTABLE_STRING } else { UTF8_STRING };
        tlv(SET, &[&sequence(&[&oid(&[0x55, 0x04, kind]), &tlv(tag, &[text.as_bytes()])])])
    });
    sequence(&[&attributes.collect::<Vec<_>>().concat()])
}

fn oid(arcs: &[u8]) -> Vec<u8> {
    tlv(0x06, &[arcs])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

/// Tag, length and value (X.690 §8.1).
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = u16::try_from(value.len()).expect("a certificate is short").to_be_bytes();
    let head = match value.len() {
        0..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, value].concat()
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const SET: u8 = 0x31;

/// A name of the form directoryName (RFC 5280 §4.2.1.6).
const DIRECTORY_NAME: u8 = 0xa4;

/// 2.5.29.17, 2.5.29.37, 2.23.133.8.3.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const TCG_KP_AIK_CERTIFICATE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x03];

/// 2.5.29.19, 2.5.29.15, 1.3.6.1.4.1.45724.1.1.4.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const AAGUID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04];
