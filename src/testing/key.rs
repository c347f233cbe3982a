//! The security key that a person holds, with every field of its answers open to a test before it signs them.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::SigningKey;
use sha2::Digest;
use sha2::Sha256;

use super::certificate::Certificate;
use super::certificate::SimulatedAuthority;
use super::certificate::point;
use super::certificate::sign;
use super::certificate::signing_key;
use crate::webauthn::AssertionResponse;
use crate::webauthn::AttestationResponse;
use crate::webauthn::AuthenticationResponse;
use crate::webauthn::CreationOptions;
use crate::webauthn::ExtensionResults;
use crate::webauthn::Origin;
use crate::webauthn::RegistrationResponse;
use crate::webauthn::RequestOptions;
use crate::webauthn::cbor::Value;
use crate::webauthn::client::ClientData;

/// A security key with P-256 credentials, in memory. It stores none of them: a credential's private key follows from its id.
///
/// ```
/// use twostep::testing::SimulatedSecurityKey;
/// use twostep::webauthn::{Origin, RelyingParty, RelyingPartyConfig, UserEntity};
///
/// let config = RelyingPartyConfig {
///     rp_id: "example.org".into(),
///     name: "Example".into(),
///     origins: vec!["https://login.example.org".into()],
///     ..RelyingPartyConfig::default()
/// };
/// let party = RelyingParty::new(config).unwrap();
/// let origin: Origin = "https://login.example.org".parse().unwrap();
/// let mut key = SimulatedSecurityKey::new("alice's");
///
/// let alice = UserEntity { handle: vec![1], name: "alice".into() };
/// let (options, state) = party.start_registration(&alice, &[]).unwrap();
/// let made = key.create(&options, &origin).response();
/// let credential = party.finish_registration(&state, &made).unwrap();
///
/// let (options, state) = party.start_authentication(&[&credential]).unwrap();
/// let used = key.get(&options, &origin).unwrap().response();
/// let assertion = party.finish_authentication(&state, &used, &credential).unwrap();
/// assert_eq!(assertion.credential_id, credential.id);
/// ```
#[derive(Clone)]
pub struct SimulatedSecurityKey {
    secret: [u8; 32],
    made: u32,
    /// How often it has signed.
    pub sign_count: u32,
    /// Its model.
    pub aaguid: [u8; 16],
    /// The flags of its answers, 0x01 for a touch; 0x04 beside it for a verified user.
    pub flags: u8,
    /// Who vouches for it.
    pub statement: Statement,
}

/// Who vouches for a new credential.
#[derive(Clone)]
pub enum Statement {
    /// Nobody: the format `none`.
    None,
    /// The credential's own key: `packed` without a certificate.
    Own,
    /// A certificate of this authority: `packed` with `x5c`.
    Packed(SimulatedAuthority),
    /// The same in the manner of U2F: `fido-u2f`.
    U2f(SimulatedAuthority),
}

/// A credential that is being made. It is signed by [`response`](Creation::response), with whatever the test has made of it.
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
    /// What follows it: extensions, or nothing.
    pub extensions: Vec<u8>,
    /// The format of the attestation statement.
    pub format: String,
    /// The algorithm that the attestation statement names.
    pub algorithm: Option<i64>,
    /// The certificates of the attestation statement.
    pub certificates: Option<Vec<Vec<u8>>>,
    /// Who signs the attestation statement; none leaves the signature out.
    pub signer: Option<SimulatedSigner>,
    /// How the key says it can be reached.
    pub transports: Vec<&'static str>,
}

/// A credential that is being used. It is signed by [`response`](Use::response), with whatever the test has made of it.
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
    /// What follows it in the authenticator data.
    pub extensions: Vec<u8>,
    /// The credential's id.
    pub credential_id: Vec<u8>,
    /// Whose credential the key says it is.
    pub user_handle: Option<Vec<u8>>,
    /// Whether the client says that it used the AppID.
    pub appid: Option<bool>,
    /// Who signs.
    pub signer: SimulatedSigner,
}

/// Who signs a message; for tests of other algorithms, any function.
#[derive(Clone)]
pub struct SimulatedSigner(Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>);

impl SimulatedSecurityKey {
    /// A key of this name. The same name has the same secret.
    pub fn new(name: &str) -> SimulatedSecurityKey {
        SimulatedSecurityKey {
            secret: Sha256::digest(name).into(),
            made: 0,
            sign_count: 0,
            aaguid: MODEL,
            flags: 0x01,
            statement: Statement::None,
        }
    }

    /// The same key with its PIN or finger given every time.
    pub fn verifying(self) -> SimulatedSecurityKey {
        SimulatedSecurityKey { flags: self.flags | 0x04, ..self }
    }

    /// The same key, vouched for in this way.
    pub fn vouched(self, statement: Statement) -> SimulatedSecurityKey {
        SimulatedSecurityKey { statement, ..self }
    }

    /// Begins to make a credential, as a client in `origin` asks for it.
    pub fn create(&mut self, options: &CreationOptions, origin: &Origin) -> Creation {
        let client_data = ClientData::registration(&options.challenge, origin, &options.rp.id).expect("an origin that may use the RP ID");
        self.make_credential(client_data.json(), &options.rp.id)
    }

    /// Begins to use the first credential of `options` that is its own.
    pub fn get(&mut self, options: &RequestOptions, origin: &Origin) -> Option<Use> {
        let client_data = ClientData::authentication(&options.challenge, origin, &options.rp_id).expect("an origin that may use the RP ID");
        let allowed: Vec<&[u8]> = options.allow_credentials.iter().map(|credential| &credential.id[..]).collect();
        self.get_assertion(client_data.json(), &options.rp_id, &allowed)
    }

    /// Begins to make a credential for serialized client data.
    pub fn make_credential(&mut self, client_data: &[u8], rp_id: &str) -> Creation {
        let rp_id_hash = Sha256::digest(rp_id).into();
        let id = self.next_id(&rp_id_hash);
        let key = self.private_key(&id);
        let (aaguid, made) = match &self.statement {
            Statement::None => ([0; 16], ("none", None, None, None)),
            Statement::Own => (self.aaguid, ("packed", Some(ES256), None, Some(SimulatedSigner::from(key.clone())))),
            Statement::Packed(authority) => {
                let certificate = Certificate { aaguid: Some((self.aaguid, false)), ..self.certificate() };
                (self.aaguid, ("packed", Some(ES256), Some(vec![authority.issue(&certificate)]), Some(self.attester())))
            }
            Statement::U2f(authority) => {
                ([0; 16], ("fido-u2f", None, Some(vec![authority.issue(&self.certificate())]), Some(self.attester())))
            }
        };
        let (format, algorithm, certificates, signer) = made;
        self.sign_count += 1;
        Creation {
            client_data: client_data.to_vec(),
            rp_id_hash,
            flags: self.flags | 0x40,
            sign_count: self.sign_count,
            aaguid,
            credential_id: id,
            public_key: cose(&key),
            extensions: Vec::new(),
            format: format.to_owned(),
            algorithm,
            certificates,
            signer,
            transports: vec!["usb"],
        }
    }

    /// Begins to use the first credential of `allowed` that is its own, for serialized client data.
    pub fn get_assertion(&mut self, client_data: &[u8], rp_id: &str, allowed: &[&[u8]]) -> Option<Use> {
        let rp_id_hash = Sha256::digest(rp_id).into();
        let id = allowed.iter().find(|id| self.holds(id, &rp_id_hash))?;
        self.sign_count += 1;
        Some(Use {
            client_data: client_data.to_vec(),
            rp_id_hash,
            flags: self.flags,
            sign_count: self.sign_count,
            extensions: Vec::new(),
            credential_id: id.to_vec(),
            user_handle: None,
            appid: None,
            signer: self.private_key(id).into(),
        })
    }

    /// Answers U2F_REGISTER (FIDO U2F Raw Message Formats v1.2 §4.3), without the status word.
    pub fn u2f_register(&mut self, challenge: &[u8; 32], application: &[u8; 32], authority: &SimulatedAuthority) -> Vec<u8> {
        let handle = self.next_id(application);
        let public = point(&self.private_key(&handle));
        let signature = self.attester().sign(&[&[0][..], application, challenge, &handle, &public].concat());
        let length = u8::try_from(handle.len()).expect("32 bytes");
        [&[5][..], &public, &[length], &handle, &authority.issue(&self.certificate()), &signature].concat()
    }

    /// Answers U2F_AUTHENTICATE (§5.4), without the status word; none if the handle is not its own.
    pub fn u2f_authenticate(&mut self, challenge: &[u8; 32], application: &[u8; 32], handle: &[u8]) -> Option<Vec<u8>> {
        if !self.holds(handle, application) {
            return None;
        }
        self.sign_count += 1;
        let head = [&[1][..], &self.sign_count.to_be_bytes()].concat();
        let signature = sign(&self.private_key(handle), &[application, &head[..], challenge].concat());
        Some([head, signature].concat())
    }

    /// Whether it made this credential for this RP ID.
    pub fn holds(&self, id: &[u8], rp_id_hash: &[u8; 32]) -> bool {
        let number = id.get(..4).and_then(|number| number.try_into().ok());
        number.is_some_and(|number| *id == self.id(u32::from_be_bytes(number), rp_id_hash)[..])
    }

    /// The certificate of its attestation key, before somebody signs it.
    pub fn certificate(&self) -> Certificate {
        Certificate::new(&point(&signing_key(&[&self.secret, b"attestation"])))
    }

    /// Its attestation key.
    pub fn attester(&self) -> SimulatedSigner {
        signing_key(&[&self.secret, b"attestation"]).into()
    }

    fn next_id(&mut self, rp_id_hash: &[u8; 32]) -> Vec<u8> {
        self.made += 1;
        self.id(self.made, rp_id_hash)
    }

    /// The number of the credential and 28 bytes that only this key would put after it.
    fn id(&self, number: u32, rp_id_hash: &[u8; 32]) -> Vec<u8> {
        let number = number.to_be_bytes();
        let own = Sha256::digest([&self.secret[..], &number, rp_id_hash].concat());
        [&number[..], &own[4..]].concat()
    }

    fn private_key(&self, id: &[u8]) -> SigningKey {
        signing_key(&[&self.secret, b"credential", id])
    }
}

impl Creation {
    /// The authenticator data.
    pub fn auth_data(&self) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len()).expect("an id that a length can be written of").to_be_bytes();
        let head = [&self.rp_id_hash[..], &[self.flags], &self.sign_count.to_be_bytes(), &self.aaguid, &length];
        [&head.concat()[..], &self.credential_id, &self.public_key, &self.extensions].concat()
    }

    /// The attestation statement, in CBOR.
    pub fn att_stmt(&self) -> Vec<u8> {
        let signature = self.signer.as_ref().map(|signer| signer.sign(&self.signed()));
        let mut members = Vec::new();
        members.extend(self.algorithm.map(|algorithm| (Value::Text("alg"), Value::Integer(algorithm.into()))));
        members.extend(signature.as_ref().map(|signature| (Value::Text("sig"), Value::Bytes(signature))));
        if let Some(certificates) = &self.certificates {
            let certificates = certificates.iter().map(|certificate| Value::Bytes(certificate)).collect();
            members.push((Value::Text("x5c"), Value::Array(certificates)));
        }
        encoded(&Value::Map(members))
    }

    /// All three in one map, in CBOR.
    pub fn attestation_object(&self) -> Vec<u8> {
        let text = |text| encoded(&Value::Text(text));
        let data = encoded(&Value::Bytes(&self.auth_data()));
        [vec![0xa3], text("fmt"), text(&self.format), text("attStmt"), self.att_stmt(), text("authData"), data].concat()
    }

    /// What a client sends to the relying party.
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
            client_extension_results: ExtensionResults::default(),
        }
    }

    /// What the attestation statement's signature is over.
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
        [&self.rp_id_hash[..], &[self.flags], &self.sign_count.to_be_bytes(), &self.extensions].concat()
    }

    /// The signature over the authenticator data and the hash of the client data.
    pub fn signature(&self) -> Vec<u8> {
        self.signer.sign(&[&self.auth_data()[..], &Sha256::digest(&self.client_data)].concat())
    }

    /// What a client sends to the relying party.
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
            client_extension_results: ExtensionResults { appid: self.appid },
        }
    }
}

impl SimulatedSigner {
    /// Somebody who signs with this function.
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

/// The public key as a COSE_Key of 77 bytes.
fn cose(key: &SigningKey) -> Vec<u8> {
    let point = point(key);
    let integer = |label: i128, value: i128| (Value::Integer(label), Value::Integer(value));
    let bytes = |label: i128, value| (Value::Integer(label), Value::Bytes(value));
    encoded(&Value::Map(vec![integer(1, 2), integer(3, ES256.into()), integer(-1, 1), bytes(-2, &point[1..33]), bytes(-3, &point[33..])]))
}

fn encoded(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

const ES256: i64 = -7;

/// The model of every key that is not told otherwise.
const MODEL: [u8; 16] = *b"simulated key v1";
