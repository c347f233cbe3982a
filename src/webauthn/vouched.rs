//! `packed` and `fido-u2f` statements over data that webauthn-rs cannot parse (WebAuthn L3 §8.2 and
//! §8.6).
//!
//! webauthn-rs parses client data and extensions into its own types before it judges a statement,
//! so a member that was not asked for makes it fail. This module takes the steps of both formats
//! instead, with the signature and certificate code of webauthn-rs.

use webauthn_rs_core::attestation::{
    FidoGenCeAaguid, assert_packed_attest_req, validate_extension,
};
use webauthn_rs_core::crypto::verify_signature;
use webauthn_rs_core::proto::{COSEKeyType, ParsedAttestationData};

use super::algorithm::SignatureAlgorithm;
use super::anchors::certificates;
use super::authenticator_data::AuthenticatorData;
use super::cbor::Item;
use super::proof::Proof;
use super::public_key;
use super::public_key::PublicKey;

/// The signed data and the statement about them.
pub(super) struct Vouched<'a> {
    pub(super) statement: Item<'a>,
    /// The statement's certificates, the leaf first.
    pub(super) chain: &'a [&'a [u8]],
    /// The authenticator data as they arrived.
    pub(super) authenticator_data: &'a [u8],
    pub(super) client_data_hash: &'a [u8; 32],
}

impl Vouched<'_> {
    /// Verifies a `packed` statement with the algorithm of its certificate. `None` if it is
    /// invalid.
    pub(super) fn packed(&self) -> Option<Proof> {
        let signature = self.signature()?;
        let message = [self.authenticator_data, self.client_data_hash].concat();
        let data = AuthenticatorData::parse(self.authenticator_data).ok()?;
        let attested = data.attested?;
        if self.statement.get("x5c").is_none() {
            let key = public_key::read(attested.key).ok()?;
            let named = self.statement.get("alg").and_then(Item::integer)?;
            let same = named == i128::from(key.algorithm().identifier());
            return (same && key.verifies(&message, signature)).then_some(Proof::Own);
        }
        let ParsedAttestationData::Basic(chain) = certificates(self.chain).ok()? else {
            return None;
        };
        let leaf = chain.first()?;
        let right = verify_signature(leaf, signature, &message).ok()?;
        assert_packed_attest_req(leaf).ok()?;
        validate_extension::<FidoGenCeAaguid>(leaf, &attested.aaguid).ok()?;
        right.then_some(Proof::Certified)
    }

    /// Verifies a `fido-u2f` statement. `None` if it is invalid.
    pub(super) fn u2f(&self) -> Option<Proof> {
        let data = AuthenticatorData::parse(self.authenticator_data).ok()?;
        let attested = data.attested?;
        let PublicKey::Core(SignatureAlgorithm::Es256, key) =
            public_key::read(attested.key).ok()?
        else {
            return None;
        };
        let COSEKeyType::EC_EC2(key) = key.key else { return None };
        let point = [&[4][..], &key.x, &key.y].concat();
        let message =
            [&[0][..], &data.rp_id_hash, self.client_data_hash, attested.id, &point].concat();
        let [certificate] = self.chain else { return None };
        let ParsedAttestationData::Basic(chain) = certificates(&[certificate]).ok()? else {
            return None;
        };
        let right = verify_signature(chain.first()?, self.signature()?, &message).ok()?;
        right.then_some(Proof::Certified)
    }

    fn signature(&self) -> Option<&[u8]> {
        self.statement.get("sig").and_then(Item::bytes)
    }
}
