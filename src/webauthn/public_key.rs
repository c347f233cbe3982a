//! Credential public keys (WebAuthn L3 §6.5.1.1): parsing of the supported kinds of COSE_Key, and
//! no others.

use webauthn_rs_core::proto::{
    COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, ECDSACurve,
};

use super::algorithm::SignatureAlgorithm;
use super::cbor::{Item, Malformed};
use super::ed25519;

/// A public key, by the code that verifies its signatures.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PublicKey {
    /// Verified by webauthn-rs.
    Core(SignatureAlgorithm, COSEKey),
    /// Verified by this crate.
    Ed25519(ed25519::PublicKey),
}

impl PublicKey {
    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            PublicKey::Core(algorithm, _) => *algorithm,
            PublicKey::Ed25519(_) => SignatureAlgorithm::EdDsa,
        }
    }

    /// Returns whether `signature` is this key's signature over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            PublicKey::Core(_, key) => matches!(key.verify_signature(signature, message), Ok(true)),
            PublicKey::Ed25519(key) => key.verifies(message, signature),
        }
    }
}

/// Parses a key of a supported kind without extra members. webauthn-rs verifies that a point is on
/// its NIST curve.
///
/// webauthn-rs alone would accept ES256 with the curve of ES384, RSA moduli with leading zeros, and
/// unknown members.
pub(super) fn read(key: Item<'_>) -> Result<PublicKey, Malformed> {
    let member = |label: i8| key.get(label).ok_or(Malformed);
    let integer = |label| member(label)?.integer().ok_or(Malformed);
    let bytes = |label| member(label)?.bytes().ok_or(Malformed);
    let has = |count| if key.pair_count() == Some(count) { Ok(()) } else { Err(Malformed) };
    let point = |algorithm, type_, curve, length| {
        has(5)?;
        let (x, y) = (bytes(-2)?, bytes(-3)?);
        let key = COSEKeyType::EC_EC2(COSEEC2Key { curve, x: x.to_vec(), y: y.to_vec() });
        if x.len() == length && y.len() == length {
            Ok(PublicKey::Core(algorithm, COSEKey { type_, key }))
        } else {
            Err(Malformed)
        }
    };
    let (kind, algorithm) = (integer(KTY)?, integer(ALG)?);
    let is = |wanted: SignatureAlgorithm| algorithm == i128::from(wanted.identifier());
    if kind == RSA && is(SignatureAlgorithm::Rs256) {
        has(4)?;
        let (modulus, exponent) = (bytes(-1)?, bytes(-2)?);
        // Exactly 2,048 bits: webauthn-rs accepts only 256 bytes.
        let fits = modulus.len() == 256
            && modulus.first().is_some_and(|first| first & 0x80 != 0)
            && exponent == F4;
        let key = COSEKeyType::RSA(COSERSAKey { n: modulus.to_vec(), e: F4 });
        let key = COSEKey { type_: COSEAlgorithm::RS256, key };
        return if fits {
            Ok(PublicKey::Core(SignatureAlgorithm::Rs256, key))
        } else {
            Err(Malformed)
        };
    }
    match (kind, integer(-1)?) {
        (EC2, 1) if is(SignatureAlgorithm::Es256) => {
            point(SignatureAlgorithm::Es256, COSEAlgorithm::ES256, ECDSACurve::SECP256R1, 32)
        }
        (EC2, 2) if is(SignatureAlgorithm::Es384) => {
            point(SignatureAlgorithm::Es384, COSEAlgorithm::ES384, ECDSACurve::SECP384R1, 48)
        }
        (OKP, ED25519) if is(SignatureAlgorithm::EdDsa) => {
            has(4)?;
            ed25519::PublicKey::new(bytes(-2)?).map(PublicKey::Ed25519)
        }
        _ => Err(Malformed),
    }
}

/// Labels and values of COSE_Key (RFC 9052 §7.1, RFC 9053 §7.1).
const KTY: i8 = 1;
const ALG: i8 = 3;
const OKP: i128 = 1;
const EC2: i128 = 2;
const RSA: i128 = 3;
const ED25519: i128 = 6;

/// The public exponent that every authenticator uses, 65,537.
const F4: [u8; 3] = [1, 0, 1];

/// The algorithms of webauthn-rs. Its ceremonies always allow all of them; the algorithms that were
/// asked for are judged separately, and EdDSA appears to it as ES256.
pub(super) const OF_CORE: [COSEAlgorithm; 3] =
    [COSEAlgorithm::ES256, COSEAlgorithm::ES384, COSEAlgorithm::RS256];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webauthn::cbor::{parse, written};

    const ES256: i64 = -7;
    const ES384: i64 = -35;
    const EDDSA: i64 = -8;
    const RS256: i64 = -257;

    type Members = Vec<(i64, Vec<u8>)>;

    fn members(kind: i128, algorithm: i64, curve: i64, x: &[u8], y: &[u8]) -> Members {
        let number = |number: i64| written(|writer| writer.number(number));
        let bytes = |bytes: &[u8]| written(|writer| writer.bytes(bytes));
        vec![
            (KTY.into(), number(kind.try_into().unwrap())),
            (ALG.into(), number(algorithm)),
            (-1, number(curve)),
            (-2, bytes(x)),
            (-3, bytes(y)),
        ]
    }

    fn read_members(members: &Members) -> Result<PublicKey, Malformed> {
        let key = written(|writer| {
            writer.map(members.len());
            members
                .iter()
                .fold(writer, |writer, (label, value)| writer.number(*label).raw(value))
        });
        read(parse(&key)?)
    }

    #[test]
    fn key_type_algorithm_curve_and_lengths_have_to_agree() {
        let (short, long) = ([1; 32], [1; 48]);
        assert!(read_members(&members(EC2, ES256, 1, &short, &short)).is_ok());
        assert!(read_members(&members(EC2, ES384, 2, &long, &long)).is_ok());
        for other in [
            members(EC2, ES256, 2, &long, &long),
            members(EC2, ES384, 1, &short, &short),
            members(EC2, ES256, 1, &short, &long),
            members(EC2, ES256, 1, &short, &[]),
            members(RSA, ES256, 1, &short, &short),
            members(OKP, EDDSA, 6, &short, &short),
            members(EC2, RS256, 1, &short, &short),
        ] {
            assert_eq!(read_members(&other), Err(Malformed), "{other:?}");
        }
    }

    #[test]
    fn an_extra_member_is_refused() {
        let x = [1; 32];
        let mut key = members(EC2, ES256, 1, &x, &x);
        key.push((2, written(|writer| writer.bytes(&x))));
        assert_eq!(read_members(&key), Err(Malformed));
    }

    #[test]
    fn an_ed25519_key_is_an_octet_key_pair_on_ed25519() {
        let point: Vec<u8> = (0..32)
            .map(|place| {
                u8::from_str_radix(
                    &"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
                        [2 * place..2 * place + 2],
                    16,
                )
            })
            .collect::<Result<_, _>>()
            .unwrap();
        let key = |kind: i128, algorithm: i64, curve: i64, x: &[u8]| {
            let mut key = members(kind, algorithm, curve, x, x);
            key.pop();
            read_members(&key)
        };
        assert!(matches!(key(OKP, EDDSA, 6, &point), Ok(PublicKey::Ed25519(_))));
        for (kind, algorithm, curve, x) in [
            (OKP, EDDSA, 7, &point[..]),
            (OKP, EDDSA, 4, &point),
            (OKP, EDDSA, 1, &point),
            (EC2, EDDSA, 6, &point),
            (OKP, ES256, 6, &point),
            (OKP, EDDSA, 6, &point[..31]),
            (OKP, EDDSA, 6, &[2; 32]),
            (OKP, -19, 6, &point),
        ] {
            assert_eq!(
                key(kind, algorithm, curve, x),
                Err(Malformed),
                "{kind} {algorithm} {curve}"
            );
        }
    }

    #[test]
    fn an_rsa_key_has_2048_bits_and_the_usual_exponent() {
        let rsa = |modulus: &[u8], exponent: &[u8]| {
            let mut members = members(RSA, RS256, 0, exponent, &[]);
            members.pop();
            members[2].1 = written(|writer| writer.bytes(modulus));
            read_members(&members)
        };
        let whole = [0xff; 256];
        assert!(rsa(&whole, &F4).is_ok());
        let mut small = whole;
        small[0] = 0x7f;
        for (modulus, exponent) in [
            (&small[..], &F4[..]),
            (&whole[..255], &F4),
            (&whole, &[0, 0, 3]),
            (&whole, &[3]),
            (&[0xff; 384], &F4),
        ] {
            assert_eq!(rsa(modulus, exponent), Err(Malformed));
        }
    }
}
