//! Credentials on Ed25519 (COSE algorithm −8), which webauthn-rs parses but cannot verify.
//!
//! This module verifies the key and its signatures with aws-lc-rs. All other steps stay with
//! webauthn-rs: it judges the same response with a stand-in P-256 key, made for this one call,
//! which signs only what the credential's own key has signed.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::bigint::modular::{FixedMontyForm, FixedMontyParams};
use p256::elliptic_curve::bigint::{Odd, U256};
use webauthn_rs_core::attestation::{
    FidoGenCeAaguid, assert_packed_attest_req, validate_extension,
};
use webauthn_rs_core::crypto::verify_signature;
use webauthn_rs_core::proto::{
    COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, ECDSACurve, ParsedAttestationData,
};

use super::algorithm::SignatureAlgorithm;
use super::anchors::certificates;
use super::attestation_object::AttestationObject;
use super::authenticator_data::AttestedCredential;
use super::cbor::{Item, Malformed, Writer};
use super::fault::{Ceremony, Fault};
use super::proof::Proof;

/// An Ed25519 public key (RFC 8032 §5.1.5): a point of the curve in its canonical encoding, and not
/// one of small order, for which anyone can forge signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey([u8; 32]);

/// The stand-in key with which webauthn-rs judges everything except the signature. Made anew for
/// each ceremony.
pub(super) struct StandIn(SigningKey);

impl PublicKey {
    pub(super) fn new(bytes: &[u8]) -> Result<PublicKey, Malformed> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| Malformed)?;
        if is_usable(&bytes) { Ok(PublicKey(bytes)) } else { Err(Malformed) }
    }

    /// Returns whether `signature` is valid for `message`: 64 bytes, the second half below the
    /// order of the group (RFC 8032 §5.1.7).
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    /// Verifies an attestation statement over `signed`, the authenticator data and the hash of the
    /// client data (L3 §8.2). `chain` are the statement's certificates, the leaf first.
    pub(super) fn judge_statement(
        &self,
        statement: Item<'_>,
        chain: &[&[u8]],
        signed: &[u8],
        aaguid: &[u8; 16],
    ) -> Result<Proof, Fault> {
        let wrong = || Ceremony::Registration.fault(22, "the attestation statement is invalid");
        let signature = statement.get("sig").and_then(Item::bytes).ok_or_else(wrong)?;
        let algorithm = statement.get("alg").and_then(Item::integer).ok_or_else(wrong)?;
        if statement.get("x5c").is_none() {
            let own = algorithm == i128::from(SignatureAlgorithm::EdDsa.identifier())
                && statement.get("ecdaaKeyId").is_none();
            return if own && self.verifies(signed, signature) {
                Ok(Proof::Own)
            } else {
                Err(wrong())
            };
        }
        let Ok(ParsedAttestationData::Basic(parsed)) = certificates(chain) else {
            return Err(wrong());
        };
        let leaf = parsed.first().ok_or_else(wrong)?;
        let right = verify_signature(leaf, signature, signed).unwrap_or(false)
            && assert_packed_attest_req(leaf).is_ok()
            && validate_extension::<FidoGenCeAaguid>(leaf, aaguid).is_ok();
        if right { Ok(Proof::Certified) } else { Err(wrong()) }
    }
}

/// Refuses the formats of attestation that have no Ed25519 keys.
pub(super) fn judge_format(format: &str) -> Result<(), Fault> {
    let fault = |step, what| Ceremony::Registration.fault(step, what);
    match format {
        "packed" => Ok(()),
        // TPM, U2F and the platform formats do not support Ed25519.
        "tpm" | "fido-u2f" | "android-key" | "apple" => {
            Err(fault(22, "the attestation format does not support Ed25519 keys"))
        }
        _ => Err(fault(21, "the attestation format is unknown")),
    }
}

impl StandIn {
    /// Makes a new key. `None` if the system has no random numbers.
    pub(super) fn new() -> Option<StandIn> {
        let mut scalar = [0; 32];
        aws_lc_rs::rand::fill(&mut scalar).ok()?;
        SigningKey::from_slice(&scalar).ok().map(StandIn)
    }

    pub(super) fn public_key(&self) -> COSEKey {
        let (x, y) = self.coordinates();
        COSEKey {
            type_: COSEAlgorithm::ES256,
            key: COSEKeyType::EC_EC2(COSEEC2Key { curve: ECDSACurve::SECP256R1, x, y }),
        }
    }

    /// An attestation object without a statement, in which this key replaces the credential's.
    pub(super) fn attestation_object(
        &self,
        data: &[u8],
        attested: &AttestedCredential<'_>,
    ) -> Option<Vec<u8>> {
        let (x, y) = self.coordinates();
        let (before, rest) = data.split_at_checked(BEFORE_ID + attested.id.len())?;
        let mut encoded = Writer::default();
        encoded
            .raw(before)
            .p256_key(-7, &x, &y)
            .raw(rest.get(attested.public_key.len()..)?);
        Some(AttestationObject::none(&encoded.into_bytes()))
    }

    /// The signature over `message` for webauthn-rs: made by this key if `key` has signed the
    /// message, else invalid for every key.
    pub(super) fn countersign(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Vec<u8> {
        if !key.verifies(message, signature) {
            return Vec::new();
        }
        let own: Signature = self.0.sign(message);
        own.to_der().as_bytes().to_vec()
    }

    fn coordinates(&self) -> (Vec<u8>, Vec<u8>) {
        let point = self.0.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes().get(1..).unwrap_or_default().split_at(32);
        (x.to_vec(), y.to_vec())
    }
}

/// Returns whether these bytes are the canonical encoding of a point (RFC 8032 §5.1.3) that is not
/// of small order. aws-lc decodes a key only when it verifies, which would be after the credential
/// is stored.
fn is_usable(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    if let Some(last) = y.last_mut() {
        // The sign of x.
        *last &= 0x7f;
    }
    let y = U256::from_le_slice(&y);
    if y >= *P.as_ref() || SMALL_ORDER.contains(&y) {
        return false;
    }
    let field = FixedMontyParams::new_vartime(P);
    let number = |value: &U256| FixedMontyForm::new(value, &field);
    let (one, square) = (FixedMontyForm::one(&field), number(&y) * number(&y));
    // x² = (y² − 1) / (d·y² + 1) has a root exactly if the product of both is a square (Euler's
    // criterion). The product is zero only for points of small order.
    let product = (square - one) * (number(&D) * square + one);
    product.pow_vartime(&P.as_ref().shr_vartime(1)) == one
}

/// The length before a credential's id: hash, flags and counter, then the model and the id's length
/// (L3 §6.1, §6.5.1).
const BEFORE_ID: usize = 37 + 16 + 2;

/// 2^255 − 19.
const P: Odd<U256> =
    Odd::<U256>::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");

/// −121665/121666.
const D: U256 =
    U256::from_be_hex("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");

/// The y of the points of order 1, 2, 4 and 8.
const SMALL_ORDER: [U256; 5] = [
    U256::from_be_hex("0000000000000000000000000000000000000000000000000000000000000000"),
    U256::from_be_hex("0000000000000000000000000000000000000000000000000000000000000001"),
    U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
    U256::from_be_hex("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
    U256::from_be_hex("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_public_key_of_every_seed_is_usable() {
        for seed in 0..64 {
            let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
            let key = PublicKey::new(pair.public_key().as_ref()).unwrap();
            assert!(key.verifies(b"message", pair.sign(b"message").as_ref()));
            assert!(!key.verifies(b"messagf", pair.sign(b"message").as_ref()));
        }
    }

    #[test]
    fn keys_off_the_curve_or_of_small_order_are_refused() {
        for wrong in [
            // No x exists for these y.
            "0200000000000000000000000000000000000000000000000000000000000000",
            "0700000000000000000000000000000000000000000000000000000000000080",
            // The prime and above, which would decode as 0 and more.
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            // Small order, with either sign.
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ] {
            assert_eq!(PublicKey::new(&bytes(wrong)), Err(Malformed), "{wrong}");
        }
        let right = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let right = right.public_key().as_ref();
        for other in [&right[..31], &[right, &[0]].concat(), &[]] {
            assert_eq!(PublicKey::new(other), Err(Malformed));
        }
    }

    /// RFC 8032 §7.1, tests 1 and 3: unchanged, with one byte changed, and with another encoding of
    /// S.
    #[test]
    fn signatures_are_judged_as_rfc_8032_says() {
        for (key, message, signature) in [
            (
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let (key, message, signature) =
                (PublicKey::new(&bytes(key)).unwrap(), bytes(message), bytes(signature));
            assert!(key.verifies(&message, &signature));
            for place in 0..64 {
                let mut changed = signature.clone();
                changed[place] ^= 1;
                assert!(!key.verifies(&message, &changed), "{place}");
            }
            for other in [&signature[..63], &[&signature[..], &[0]].concat(), &[]] {
                assert!(!key.verifies(&message, other));
            }
            // S plus the order of the group.
            let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
            let (mut again, mut carry) = (signature.clone(), 0);
            for (byte, order) in again[32..].iter_mut().zip(order) {
                let sum = u16::from(*byte) + u16::from(order) + carry;
                (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
            }
            assert!(!key.verifies(&message, &again), "a signature has one form");
        }
    }

    /// The stand-in key is unpredictable, so that no signature can be prepared for it.
    #[test]
    fn only_the_credentials_signatures_are_countersigned() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let key = PublicKey::new(pair.public_key().as_ref()).unwrap();
        let (one, other) = (StandIn::new().unwrap(), StandIn::new().unwrap());
        assert_ne!(one.coordinates(), other.coordinates());
        let signature = pair.sign(b"message");
        let shown = one.countersign(&key, b"message", signature.as_ref());
        assert!(one.public_key().verify_signature(&shown, b"message").unwrap());
        assert!(!other.public_key().verify_signature(&shown, b"message").unwrap());
        for forged in [
            one.countersign(&key, b"messagf", signature.as_ref()),
            one.countersign(&key, b"message", &shown),
        ] {
            assert!(one.public_key().verify_signature(&forged, b"message").is_err());
        }
    }
}
