//! What of attestation statements webauthn-rs leaves out (WebAuthn L3 §7.1 step 22).

use webauthn_rs_core::proto::ParsedAttestationData;

use super::anchors::certificates;
use super::cbor::Value;
use super::fault::Ceremony;
use super::fault::Fault;

/// Judges a statement before webauthn-rs verifies it.
pub(super) fn judge(format: &str, statement: &Value<'_>) -> Result<(), Fault> {
    let what = match format {
        // §8.7: it is empty.
        "none" if !matches!(statement, Value::Map(members) if members.is_empty()) => {
            "there is an attestation statement where none was to be"
        }
        // §8.2: webauthn-rs goes by the certificate's key and does not look at `alg` then.
        "packed" if chain(statement).first().is_some_and(|leaf| algorithm_of(leaf) != named_algorithm(statement)) => {
            "the attestation statement names another algorithm than its certificate has"
        }
        _ => return Ok(()),
    };
    Err(Ceremony::Registration.fault(22, what))
}

/// The certificates of a statement, the leaf first.
pub(super) fn chain<'a>(statement: &Value<'a>) -> Vec<&'a [u8]> {
    match statement.named("x5c") {
        Some(Value::Array(chain)) => chain.iter().filter_map(Value::bytes).collect(),
        _ => Vec::new(),
    }
}

fn named_algorithm(statement: &Value<'_>) -> Option<i128> {
    statement.named("alg").and_then(Value::integer)
}

/// The COSE algorithm with which a certificate's key signs.
fn algorithm_of(certificate: &[u8]) -> Option<i128> {
    let Ok(ParsedAttestationData::Basic(parsed)) = certificates(&[certificate]) else { return None };
    let key = parsed.first()?.tbs_certificate().subject_public_key_info();
    match (key.algorithm.oid.to_string().as_str(), key.subject_public_key.raw_bytes().len()) {
        (EC_PUBLIC_KEY, 65) => Some(-7),
        (EC_PUBLIC_KEY, 97) => Some(-35),
        (RSA_ENCRYPTION, _) => Some(-257),
        _ => None,
    }
}

/// RFC 5480 §2.1.1, RFC 8017 appendix C.
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
