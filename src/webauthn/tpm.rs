//! TPM attestation statements (WebAuthn L3 §8.3), as Windows Hello makes them.
//!
//! webauthn-rs lacks the hash algorithms of these statements and refuses all of them, so this
//! module verifies them instead.

use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{digest, signature};
use x509_parser::asn1_rs::{FromDer, Oid, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Version;

use super::authenticator_data::AttestedCredential;
use super::cbor::Item;
use super::tpm_structures::{Certified, PublicArea, PublicKey};

/// The reason why a statement is refused.
type Wrong = &'static str;

/// Verifies a statement over `signed`, the authenticator data followed by the hash of the client
/// data. `chain` are its certificates, the leaf first; their trust anchor is judged elsewhere.
pub(super) fn verify(
    statement: Item<'_>,
    chain: &[&[u8]],
    attested: &AttestedCredential<'_>,
    signed: &[u8],
) -> Result<(), Wrong> {
    let bytes = |name, what: Wrong| statement.get(name).and_then(Item::bytes).ok_or(what);
    if statement.get("ver").and_then(Item::text) != Some("2.0") {
        return Err("the TPM statement is not of version 2.0");
    }
    let algorithm = statement.get("alg").and_then(Item::integer).and_then(Algorithm::of);
    let algorithm = algorithm.ok_or("the TPM statement names no known algorithm")?;
    let leaf = chain.first().ok_or("the TPM statement has no certificate")?;
    let area = bytes("pubArea", "the TPM statement has no public area")?;
    let information = bytes("certInfo", "the TPM statement certifies nothing")?;
    let signature = bytes("sig", "the TPM statement has no signature")?;

    let public = PublicArea::parse(area).ok_or("the TPM's public area cannot be read")?;
    if !is_key(&public.key, attested.key) {
        return Err("the TPM certifies another key than the credential's");
    }
    let certified = Certified::parse(information)
        .ok_or("the TPM's certification cannot be read, or was not made by a TPM")?;
    if certified.extra_data != digest::digest(algorithm.hash, signed).as_ref() {
        return Err("the TPM certified the key for another ceremony");
    }
    let name_hash = named_hash(public.name_algorithm)
        .ok_or("the TPM names its key by an unknown hash algorithm")?;
    let name = [&public.name_algorithm.to_be_bytes()[..], digest::digest(name_hash, area).as_ref()]
        .concat();
    if certified.name != name {
        return Err("the TPM certifies a key of another name");
    }

    let (rest, certificate) =
        X509Certificate::from_der(leaf).map_err(|_| "the TPM's certificate cannot be read")?;
    if !rest.is_empty() {
        return Err("the TPM's certificate cannot be read");
    }
    let key = certificate.public_key();
    if key.algorithm.algorithm != algorithm.key {
        return Err("the algorithms of the TPM statement and its certificate differ");
    }
    let key = UnparsedPublicKey::new(algorithm.verification, &key.subject_public_key.data);
    key.verify(information, signature)
        .map_err(|_| "the signature of the TPM statement is invalid")?;
    certifies_attestation_keys(&certificate, &attested.aaguid)
}

/// A COSE algorithm that TPMs use for attestation.
struct Algorithm {
    hash: &'static digest::Algorithm,
    verification: &'static dyn VerificationAlgorithm,
    /// The algorithm identifier of the key in a certificate.
    key: Oid<'static>,
}

impl Algorithm {
    /// Finds an algorithm by its identifier (RFC 9053 §2.1, RFC 8812 §2). TPM 2.0 under Windows
    /// Hello still signs with RS1.
    fn of(identifier: i128) -> Option<Algorithm> {
        let rsa = oid!(1.2.840.113549.1.1.1);
        let ec = oid!(1.2.840.10045.2.1);
        let (hash, verification, key): (_, &dyn VerificationAlgorithm, _) = match identifier {
            -65535 => (
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                rsa,
            ),
            -257 => (&digest::SHA256, &signature::RSA_PKCS1_2048_8192_SHA256, rsa),
            -258 => (&digest::SHA384, &signature::RSA_PKCS1_2048_8192_SHA384, rsa),
            -259 => (&digest::SHA512, &signature::RSA_PKCS1_2048_8192_SHA512, rsa),
            -37 => (&digest::SHA256, &signature::RSA_PSS_2048_8192_SHA256, rsa),
            -7 => (&digest::SHA256, &signature::ECDSA_P256_SHA256_ASN1, ec),
            -35 => (&digest::SHA384, &signature::ECDSA_P384_SHA384_ASN1, ec),
            _ => return None,
        };
        Some(Algorithm { hash, verification, key })
    }
}

/// The hash algorithm with this TPM identifier (TPM 2.0 Library, Part 2, §6.3).
fn named_hash(number: u16) -> Option<&'static digest::Algorithm> {
    match number {
        0x0004 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        0x000b => Some(&digest::SHA256),
        0x000c => Some(&digest::SHA384),
        0x000d => Some(&digest::SHA512),
        _ => None,
    }
}

/// Returns whether a credential's COSE_Key is the certified key.
fn is_key(certified: &PublicKey<'_>, credential: Item<'_>) -> bool {
    let label = |label: i8| credential.get(label);
    let integer = |name| label(name).and_then(Item::integer);
    let bytes = |name| label(name).and_then(Item::bytes);
    match certified {
        PublicKey::Rsa { modulus, exponent } => {
            let same_exponent = bytes(-2).is_some_and(|bytes| {
                without_zeros(bytes) == without_zeros(&exponent.to_be_bytes())
            });
            integer(1) == Some(3) && bytes(-1) == Some(*modulus) && same_exponent
        }
        PublicKey::Ec { curve, x, y } => {
            let curve = match curve {
                0x0003 => 1,
                0x0004 => 2,
                0x0005 => 3,
                _ => return false,
            };
            // A TPM may omit leading zeros of a coordinate; COSE keeps them (RFC 9053 §7.1.1).
            let same = |name, coordinate: &[u8]| {
                bytes(name).is_some_and(|bytes| without_zeros(bytes) == without_zeros(coordinate))
            };
            integer(1) == Some(2) && integer(-1) == Some(curve) && same(-2, x) && same(-3, y)
        }
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Requires a certificate for a TPM's attestation key (§8.3.1), and for this model if it names one.
fn certifies_attestation_keys(
    certificate: &X509Certificate<'_>,
    aaguid: &[u8; 16],
) -> Result<(), Wrong> {
    if certificate.version() != X509Version::V3 {
        return Err("the TPM's certificate is not of version 3");
    }
    if certificate.subject().iter_rdn().next().is_some() {
        return Err("the TPM's certificate names a subject");
    }
    let names = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .filter(|extension| extension.critical);
    if !names.is_some_and(|names| names.value.general_names.iter().any(names_a_tpm)) {
        return Err("the TPM's certificate does not name the TPM's maker, model and version");
    }
    let usage = certificate.extended_key_usage().ok().flatten();
    if !usage.is_some_and(|usage| usage.value.other.contains(&oid!(2.23.133.8.3))) {
        return Err("the TPM's certificate is not for attestation keys");
    }
    let constraints = certificate.basic_constraints().ok().flatten();
    if constraints.is_none_or(|constraints| constraints.value.ca) {
        return Err("the TPM's certificate is an authority's");
    }
    let model = certificate.get_extension_unique(&oid!(1.3.6.1.4.1.45724.1.1.4));
    let model = model.map_err(|_| "the TPM's certificate names two models")?;
    // The extension holds an OCTET STRING of 16 bytes.
    if model.is_some_and(|model| {
        model.critical || model.value.strip_prefix(&[0x04, 0x10]) != Some(aaguid)
    }) {
        return Err("the TPM's certificate is for another model");
    }
    Ok(())
}

/// Returns whether a name states maker, model and version (TCG EK Credential Profile §3.2.9). A
/// maker is `id:` and eight hexadecimal digits; the trust anchors decide which makers are accepted.
fn names_a_tpm(name: &GeneralName<'_>) -> bool {
    let GeneralName::DirectoryName(name) = name else { return false };
    let attribute =
        |kind: Oid<'_>| name.iter_attributes().find(|attribute| *attribute.attr_type() == kind);
    let maker = attribute(oid!(2.23.133.2.1))
        .and_then(|maker| maker.as_str().ok())
        .and_then(|maker| maker.strip_prefix("id:"));
    let maker = maker.filter(|digits| {
        digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    maker.is_some()
        && attribute(oid!(2.23.133.2.2)).is_some()
        && attribute(oid!(2.23.133.2.3)).is_some()
}
