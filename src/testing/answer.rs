//! Answers of a security key before signing: every field can be changed, and is then signed as it
//! is.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::SigningKey;
use sha2::{Digest, Sha256};

use super::certificate::sign;
use crate::webauthn::cbor::written;
use crate::webauthn::{
    AssertionResponse, AttestationResponse, AuthenticationResponse, CredentialProperties,
    ExtensionResults, RegistrationResponse,
};

/// A new credential, before signing. [`response`](Creation::response) signs the fields as the test
/// has left them.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The serialized client data.
    pub client_data: Vec<u8>,
    /// The hash of the RP ID.
    pub rp_id_hash: [u8; 32],
    /// The flags of the authenticator data.
    pub flags: u8,
    /// The signature counter.
    pub sign_count: u32,
    /// The model.
    pub aaguid: [u8; 16],
    /// The credential's id in the authenticator data.
    pub credential_id: Vec<u8>,
    /// The credential's public key, a COSE_Key in CBOR.
    pub public_key: Vec<u8>,
    /// Extensions after the public key; may be empty.
    pub extensions: Vec<u8>,
    /// The format of the attestation statement.
    pub format: String,
    /// The algorithm that the attestation statement names.
    pub algorithm: Option<i64>,
    /// The certificates of the attestation statement.
    pub certificates: Option<Vec<Vec<u8>>>,
    /// Signer of the attestation statement; `None` omits the signature.
    pub signer: Option<SimulatedSigner>,
    /// Transports that the key reports.
    pub transports: Vec<&'static str>,
    /// Properties of the credential that the client reports.
    pub cred_props: Option<CredentialProperties>,
}

/// A use of a credential, before signing. [`response`](Use::response) signs the fields as the test
/// has left them.
#[derive(Clone, Debug)]
pub struct Use {
    /// The serialized client data.
    pub client_data: Vec<u8>,
    /// The hash of the RP ID, or of the AppID.
    pub rp_id_hash: [u8; 32],
    /// The flags of the authenticator data.
    pub flags: u8,
    /// The signature counter.
    pub sign_count: u32,
    /// Extensions in the authenticator data.
    pub extensions: Vec<u8>,
    /// The credential's id.
    pub credential_id: Vec<u8>,
    /// User handle that the key reports.
    pub user_handle: Option<Vec<u8>>,
    /// The client's report that it used the AppID.
    pub appid: Option<bool>,
    /// Signer of the assertion.
    pub signer: SimulatedSigner,
}

/// A signer of messages: a P-256 key or, for other algorithms, any function.
#[derive(Clone)]
pub struct SimulatedSigner(Arc<Sign>);

type Sign = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

impl Creation {
    /// The authenticator data.
    pub fn auth_data(&self) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len())
            .expect("an id that a length can be written of")
            .to_be_bytes();
        let head = [
            &self.rp_id_hash[..],
            &[self.flags],
            &self.sign_count.to_be_bytes(),
            &self.aaguid,
            &length,
        ];
        [&head.concat()[..], &self.credential_id, &self.public_key, &self.extensions].concat()
    }

    /// The attestation statement, in CBOR.
    pub fn att_stmt(&self) -> Vec<u8> {
        let signature = self.signer.as_ref().map(|signer| signer.sign(&self.signed()));
        let members = [self.algorithm.is_some(), signature.is_some(), self.certificates.is_some()];
        written(|writer| {
            writer.map(members.iter().filter(|there| **there).count());
            if let Some(algorithm) = self.algorithm {
                writer.text("alg").number(algorithm);
            }
            if let Some(signature) = &signature {
                writer.text("sig").bytes(signature);
            }
            if let Some(certificates) = &self.certificates {
                writer.text("x5c").list(certificates.len());
                for certificate in certificates {
                    writer.bytes(certificate);
                }
            }
            writer
        })
    }

    /// The attestation object: format, statement and authenticator data, in CBOR.
    pub fn attestation_object(&self) -> Vec<u8> {
        written(|writer| {
            writer
                .map(3)
                .text("fmt")
                .text(&self.format)
                .text("attStmt")
                .raw(&self.att_stmt());
            writer.text("authData").bytes(&self.auth_data())
        })
    }

    /// The client's message to the relying party.
    pub fn response(&self) -> RegistrationResponse {
        RegistrationResponse {
            id: URL_SAFE_NO_PAD.encode(&self.credential_id),
            raw_id: self.credential_id.clone(),
            response: AttestationResponse {
                client_data_json: self.client_data.clone(),
                attestation_object: self.attestation_object(),
                transports: self.transports.iter().map(|&name| name.to_owned()).collect(),
            },
            kind: "public-key".to_owned(),
            client_extension_results: ExtensionResults { appid: None, cred_props: self.cred_props },
        }
    }

    /// The bytes that the attestation statement signs.
    fn signed(&self) -> Vec<u8> {
        let hash: [u8; 32] = Sha256::digest(&self.client_data).into();
        if self.format != "fido-u2f" {
            return [&self.auth_data()[..], &hash].concat();
        }
        let coordinates = self.public_key.get(10..42).zip(self.public_key.get(45..77));
        let (x, y) = coordinates.expect("a P-256 key");
        [&[0][..], &self.rp_id_hash, &hash, &self.credential_id, &[4], x, y].concat()
    }
}

impl Use {
    /// The authenticator data.
    pub fn auth_data(&self) -> Vec<u8> {
        [&self.rp_id_hash[..], &[self.flags], &self.sign_count.to_be_bytes(), &self.extensions]
            .concat()
    }

    /// The signature over the authenticator data and the hash of the client data.
    pub fn signature(&self) -> Vec<u8> {
        self.signer
            .sign(&[&self.auth_data()[..], &Sha256::digest(&self.client_data)].concat())
    }

    /// The client's message to the relying party.
    pub fn response(&self) -> AuthenticationResponse {
        AuthenticationResponse {
            id: URL_SAFE_NO_PAD.encode(&self.credential_id),
            raw_id: self.credential_id.clone(),
            response: AssertionResponse {
                client_data_json: self.client_data.clone(),
                authenticator_data: self.auth_data(),
                signature: self.signature(),
                user_handle: self.user_handle.clone(),
            },
            kind: "public-key".to_owned(),
            client_extension_results: ExtensionResults { appid: self.appid, cred_props: None },
        }
    }
}

impl SimulatedSigner {
    /// A signer that calls this function.
    pub fn new(sign: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> SimulatedSigner {
        SimulatedSigner(Arc::new(sign))
    }

    /// The signature over a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        (self.0)(message)
    }
}

impl From<SigningKey> for SimulatedSigner {
    fn from(key: SigningKey) -> SimulatedSigner {
        SimulatedSigner::new(move |message| sign(&key, message))
    }
}

impl fmt::Debug for SimulatedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedSigner(..)")
    }
}
