//! Attestation statements (WebAuthn L3 §7.1 steps 21 and 22): the rules and the formats that
//! webauthn-rs lacks.

use sha2::{Digest, Sha256};
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::ParsedAttestationData;
use webauthn_rs_core::{WebauthnCore, proto as core};

use super::anchors::certificates;
use super::attestation_object::AttestationObject;
use super::authenticator_data::AttestedCredential;
use super::cbor::Item;
use super::fault::{Ceremony, Fault};
use super::proof::Proof;
use super::public_key::PublicKey;
use super::vouched::Vouched;
use super::{cbor, ed25519, fault, tpm};

/// A registration that is right except for its statement, which is still to be judged.
pub(super) struct Stated<'a, 'b> {
    pub(super) object: AttestationObject<'a>,
    pub(super) attested: &'b AttestedCredential<'a>,
    /// The credential's key, parsed.
    pub(super) key: &'b PublicKey,
    /// webauthn-rs for the origin of the ceremony, its state, and the response as it arrived.
    pub(super) core: &'b WebauthnCore,
    pub(super) state: &'b core::RegistrationState,
    pub(super) response: &'b core::RegisterPublicKeyCredential,
}

/// A statement that was judged.
pub(super) struct Judged<'a> {
    pub(super) proof: Result<Proof, Fault>,
    /// The statement's certificates, the leaf first; only claimed unless the proof is
    /// [`Proof::Certified`].
    pub(super) chain: Vec<&'a [u8]>,
}

impl<'a> Stated<'a, '_> {
    /// Verifies the statement by the procedure of its format.
    pub(super) fn judge(&self) -> Judged<'a> {
        let Ok(statement) = cbor::parse(self.object.statement) else {
            return Judged {
                proof: Err(wrong("the attestation statement cannot be read")),
                chain: Vec::new(),
            };
        };
        let chain = chain(statement);
        Judged { proof: self.verify(statement, &chain), chain }
    }

    /// Verifies a statement of a security key without webauthn-rs.
    fn vouched(
        &self,
        statement: Item<'_>,
        chain: &[&[u8]],
        client_data_hash: &[u8; 32],
    ) -> Option<Proof> {
        let authenticator_data = self.object.authenticator_data;
        let vouched = Vouched { statement, chain, authenticator_data, client_data_hash };
        match self.object.format {
            "packed" => vouched.packed(),
            "fido-u2f" => vouched.u2f(),
            _ => None,
        }
    }

    fn verify(&self, statement: Item<'_>, chain: &[&[u8]]) -> Result<Proof, Fault> {
        let client_data_hash: [u8; 32] =
            Sha256::digest(&self.response.response.client_data_json).into();
        match self.object.format {
            // §8.7: a statement of this format is empty.
            "none" if statement.pair_count() == Some(0) => {
                return Ok(Proof::Nothing);
            }
            "none" => {
                return Err(wrong("the format is none, but there is an attestation statement"));
            }
            // §8.2: with a certificate, webauthn-rs uses its key and ignores `alg`.
            "packed"
                if chain
                    .first()
                    .is_some_and(|leaf| algorithm_of(leaf) != named_algorithm(statement)) =>
            {
                return Err(wrong(
                    "the algorithms of the attestation statement and its certificate differ",
                ));
            }
            "tpm" => {
                let signed = [self.object.authenticator_data, &client_data_hash].concat();
                tpm::verify(statement, chain, self.attested, &signed).map_err(wrong)?;
                return Ok(Proof::Certified);
            }
            _ => {}
        }
        if let PublicKey::Ed25519(key) = self.key {
            let signed = [self.object.authenticator_data, &client_data_hash].concat();
            ed25519::judge_format(self.object.format)?;
            return key.judge_statement(statement, chain, &signed, &self.attested.aaguid);
        }
        let judged = match self.core.register_credential(self.response, self.state, None) {
            Ok(judged) => judged,
            // webauthn-rs fails here before judging the statement.
            Err(error @ (WebauthnError::ParseJSONFailure(_) | WebauthnError::ParseNOMFailure)) => {
                let proof = self.vouched(statement, chain, &client_data_hash);
                return proof.ok_or_else(|| fault::of_statement(&error));
            }
            Err(error) => return Err(fault::of_statement(&error)),
        };
        Ok(match judged.attestation.data {
            ParsedAttestationData::Self_ => Proof::Own,
            ParsedAttestationData::None => Proof::Nothing,
            _ => Proof::Certified,
        })
    }
}

/// The certificates of a statement, the leaf first.
fn chain<'a>(statement: Item<'a>) -> Vec<&'a [u8]> {
    let chain = statement.get("x5c").into_iter().flat_map(Item::entries);
    chain.filter_map(Item::bytes).collect()
}

fn wrong(what: &'static str) -> Fault {
    Ceremony::Registration.fault(22, what)
}

fn named_algorithm(statement: Item<'_>) -> Option<i128> {
    statement.get("alg").and_then(Item::integer)
}

/// The COSE algorithm with which a certificate's key signs.
fn algorithm_of(certificate: &[u8]) -> Option<i128> {
    let Ok(ParsedAttestationData::Basic(parsed)) = certificates(&[certificate]) else {
        return None;
    };
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
