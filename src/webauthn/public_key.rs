//! Credential public keys (WebAuthn L3 §6.5.1.1): the COSE_Keys that webauthn-rs can verify with, and no others.

use webauthn_rs_core::proto::COSEAlgorithm;
use webauthn_rs_core::proto::COSEEC2Key;
use webauthn_rs_core::proto::COSEKey;
use webauthn_rs_core::proto::COSEKeyType;
use webauthn_rs_core::proto::COSERSAKey;
use webauthn_rs_core::proto::ECDSACurve;

use super::cbor::Malformed;
use super::cbor::Value;

/// What is offered to authenticators, the best first.
pub(super) const OFFERED: [COSEAlgorithm; 3] = [COSEAlgorithm::ES256, COSEAlgorithm::ES384, COSEAlgorithm::RS256];

/// The COSE identifier of an algorithm that is offered (RFC 9053 §2.1, RFC 8812 §2).
pub(super) fn identifier(algorithm: COSEAlgorithm) -> i64 {
    match algorithm {
        COSEAlgorithm::ES384 => ES384,
        COSEAlgorithm::RS256 => RS256,
        _ => ES256,
    }
}

/// The key, if it is one of the offered kinds and says nothing else. That its point is on the curve is seen by webauthn-rs.
///
/// webauthn-rs would take ES256 with the curve of ES384, RSA moduli with leading zeros, and members that no key has.
pub(super) fn read(key: &Value<'_>) -> Result<COSEKey, Malformed> {
    let Value::Map(members) = key else { return Err(Malformed) };
    let member = |label: i128| key.member(&Value::Integer(label)).ok_or(Malformed);
    let integer = |label| member(label)?.integer().ok_or(Malformed);
    let bytes = |label| member(label)?.bytes().ok_or(Malformed);
    let point = |curve, length| {
        let (x, y) = (bytes(-2)?, bytes(-3)?);
        let fits = members.len() == 5 && x.len() == length && y.len() == length;
        fits.then(|| COSEKeyType::EC_EC2(COSEEC2Key { curve, x: x.to_vec(), y: y.to_vec() })).ok_or(Malformed)
    };
    let (kind, algorithm) = (integer(KTY)?, integer(ALG)?);
    if (kind, algorithm) == (RSA, i128::from(RS256)) {
        let (modulus, exponent) = (bytes(-1)?, bytes(-2)?);
        // 2,048 bits in full: webauthn-rs takes 256 bytes and nothing else.
        let fits = members.len() == 4 && modulus.len() == 256 && modulus.first().is_some_and(|first| first & 0x80 != 0) && exponent == F4;
        return if fits {
            Ok(COSEKey { type_: COSEAlgorithm::RS256, key: COSEKeyType::RSA(COSERSAKey { n: modulus.to_vec(), e: F4 }) })
        } else {
            Err(Malformed)
        };
    }
    match (kind, i64::try_from(algorithm), integer(-1)?) {
        (EC2, Ok(ES256), 1) => Ok(COSEKey { type_: COSEAlgorithm::ES256, key: point(ECDSACurve::SECP256R1, 32)? }),
        (EC2, Ok(ES384), 2) => Ok(COSEKey { type_: COSEAlgorithm::ES384, key: point(ECDSACurve::SECP384R1, 48)? }),
        _ => Err(Malformed),
    }
}

const ES256: i64 = -7;
const ES384: i64 = -35;
const RS256: i64 = -257;

/// Labels and values of COSE_Key (RFC 9052 §7.1, RFC 9053 §7.1).
const KTY: i128 = 1;
const ALG: i128 = 3;
const EC2: i128 = 2;
const RSA: i128 = 3;

/// The public exponent that every authenticator uses, 65,537.
const F4: [u8; 3] = [1, 0, 1];

#[cfg(test)]
mod tests {
    use super::*;

    fn members<'a>(kind: i128, algorithm: i64, curve: i128, x: &'a [u8], y: &'a [u8]) -> Vec<(Value<'a>, Value<'a>)> {
        let integer = |label: i128, value: i128| (Value::Integer(label), Value::Integer(value));
        let bytes = |label: i128, value: &'a [u8]| (Value::Integer(label), Value::Bytes(value));
        vec![integer(KTY, kind), integer(ALG, i128::from(algorithm)), integer(-1, curve), bytes(-2, x), bytes(-3, y)]
    }

    #[test]
    fn key_type_algorithm_curve_and_lengths_have_to_agree() {
        let (short, long) = ([1; 32], [1; 48]);
        assert!(read(&Value::Map(members(EC2, ES256, 1, &short, &short))).is_ok());
        assert!(read(&Value::Map(members(EC2, ES384, 2, &long, &long))).is_ok());
        for other in [
            members(EC2, ES256, 2, &long, &long),
            members(EC2, ES384, 1, &short, &short),
            members(EC2, ES256, 1, &short, &long),
            members(EC2, ES256, 1, &short, &[]),
            members(RSA, ES256, 1, &short, &short),
            members(1, -8, 6, &short, &short),
            members(EC2, RS256, 1, &short, &short),
        ] {
            assert_eq!(read(&Value::Map(other.clone())), Err(Malformed), "{other:?}");
        }
    }

    #[test]
    fn a_member_too_many_is_refused() {
        let x = [1; 32];
        let mut key = members(EC2, ES256, 1, &x, &x);
        key.push((Value::Integer(2), Value::Bytes(&x)));
        assert_eq!(read(&Value::Map(key)), Err(Malformed));
    }

    #[test]
    fn an_rsa_key_has_2048_bits_and_the_usual_exponent() {
        let rsa = |modulus: &[u8], exponent: &[u8]| {
            let members = [
                (KTY, Value::Integer(RSA)),
                (ALG, Value::Integer(i128::from(RS256))),
                (-1, Value::Bytes(modulus)),
                (-2, Value::Bytes(exponent)),
            ];
            read(&Value::Map(members.into_iter().map(|(label, value)| (Value::Integer(label), value)).collect()))
        };
        let whole = [0xff; 256];
        assert!(rsa(&whole, &F4).is_ok());
        let mut small = whole;
        small[0] = 0x7f;
        for (modulus, exponent) in [(&small[..], &F4[..]), (&whole[..255], &F4), (&whole, &[0, 0, 3]), (&whole, &[3]), (&[0xff; 384], &F4)]
        {
            assert_eq!(rsa(modulus, exponent), Err(Malformed));
        }
    }
}
