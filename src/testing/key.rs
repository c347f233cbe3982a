//! A simulated security key.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use p256::ecdsa::SigningKey;
use sha2::{Digest, Sha256};

use super::answer::{Creation, SimulatedSigner, Use};
use super::certificate::{Certificate, SimulatedAuthority, point, sign, signing_key};
use crate::webauthn::cbor::written;
use crate::webauthn::client::ClientData;
use crate::webauthn::{
    CreationOptions, CredentialProperties, Origin, RequestOptions, ResidentKey, SignatureAlgorithm,
};

/// A security key in memory, with credentials on P-256 or Ed25519. Private keys derive from the
/// credential's id; only discoverable credentials are stored.
///
/// ```
/// use twostep::testing::SimulatedSecurityKey;
/// use twostep::time::UnixTime;
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
/// let credential = party.finish_registration(&state, &made, UnixTime(1_790_000_000)).unwrap();
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
    /// Signature counter.
    pub sign_count: u32,
    /// Model (AAGUID).
    pub aaguid: [u8; 16],
    /// Flags of the answers: 0x01 for a touch, 0x04 for a verified user.
    pub flags: u8,
    /// Attestation of new credentials.
    pub statement: Statement,
    /// New credentials are on Ed25519.
    pub ed25519: bool,
    /// The discoverable credentials, the newest last.
    pub stored: Vec<StoredCredential>,
}

/// A discoverable credential, as the key stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCredential {
    /// The RP ID.
    pub rp_id: String,
    /// The credential's id.
    pub id: Vec<u8>,
    /// User handle.
    pub user_handle: Vec<u8>,
}

/// Attestation statement of a new credential.
#[derive(Clone)]
pub enum Statement {
    /// No attestation: the format `none`.
    None,
    /// The credential's own key: `packed` without a certificate.
    Own,
    /// A certificate of this authority: `packed` with `x5c`.
    Packed(SimulatedAuthority),
    /// A certificate of this authority, in the format `fido-u2f`.
    U2f(SimulatedAuthority),
}

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
            ed25519: false,
            stored: Vec::new(),
        }
    }

    /// Makes new credentials on Ed25519.
    pub fn on_ed25519(self) -> SimulatedSecurityKey {
        SimulatedSecurityKey { ed25519: true, ..self }
    }

    /// Verifies the user in every answer, as by a PIN or a fingerprint.
    pub fn verifying(self) -> SimulatedSecurityKey {
        SimulatedSecurityKey { flags: self.flags | 0x04, ..self }
    }

    /// Attests new credentials in this way.
    pub fn vouched(self, statement: Statement) -> SimulatedSecurityKey {
        SimulatedSecurityKey { statement, ..self }
    }

    /// Prepares a new credential for a client in `origin`. A discoverable one is stored.
    pub fn create(&mut self, options: &CreationOptions, origin: &Origin) -> Creation {
        let client_data = ClientData::registration(&options.challenge, origin, &options.rp.id)
            .expect("an origin that may use the RP ID");
        let creation = self.make_credential(client_data.json(), &options.rp.id);
        let discoverable = options.authenticator_selection.resident_key != ResidentKey::Discouraged;
        if discoverable {
            self.store(&options.rp.id, &creation.credential_id, &options.user.id);
        }
        let cred_props = options
            .extensions
            .cred_props
            .map(|_| CredentialProperties { rk: Some(discoverable) });
        Creation { cred_props, ..creation }
    }

    /// Stores a credential, replacing the earlier one of the same user (CTAP 2.1 §6.1.2 step 17).
    pub fn store(&mut self, rp_id: &str, id: &[u8], user_handle: &[u8]) {
        self.stored
            .retain(|stored| (&stored.rp_id[..], &stored.user_handle[..]) != (rp_id, user_handle));
        self.stored.push(StoredCredential {
            rp_id: rp_id.to_owned(),
            id: id.to_vec(),
            user_handle: user_handle.to_vec(),
        });
    }

    /// Prepares a use of the first known credential in `options`; of the newest stored one if
    /// `options` names none.
    pub fn get(&mut self, options: &RequestOptions, origin: &Origin) -> Option<Use> {
        let client_data = ClientData::authentication(&options.challenge, origin, &options.rp_id)
            .expect("an origin that may use the RP ID");
        let allowed: Vec<&[u8]> =
            options.allow_credentials.iter().map(|credential| &credential.id[..]).collect();
        self.get_assertion(client_data.json(), &options.rp_id, &allowed)
    }

    /// Prepares a new credential for serialized client data.
    pub fn make_credential(&mut self, client_data: &[u8], rp_id: &str) -> Creation {
        let rp_id_hash = Sha256::digest(rp_id).into();
        let id = self.next_id(&rp_id_hash);
        let key = self.credential_key(&id);
        let (aaguid, made) = match &self.statement {
            Statement::None => ([0; 16], ("none", None, None, None)),
            Statement::Own => (
                self.aaguid,
                ("packed", Some(key.algorithm().identifier()), None, Some(key.signer())),
            ),
            Statement::Packed(authority) => {
                let certificate =
                    Certificate { aaguid: Some((self.aaguid, false)), ..self.certificate() };
                (
                    self.aaguid,
                    (
                        "packed",
                        Some(ES256),
                        Some(vec![authority.issue(&certificate)]),
                        Some(self.attester()),
                    ),
                )
            }
            Statement::U2f(authority) => (
                [0; 16],
                (
                    "fido-u2f",
                    None,
                    Some(vec![authority.issue(&self.certificate())]),
                    Some(self.attester()),
                ),
            ),
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
            public_key: key.cose(),
            extensions: Vec::new(),
            format: format.to_owned(),
            algorithm,
            certificates,
            signer,
            transports: vec!["usb"],
            cred_props: None,
        }
    }

    /// Prepares a use of the first known credential in `allowed`, for serialized client data; of
    /// the newest stored one if `allowed` is empty.
    pub fn get_assertion(
        &mut self,
        client_data: &[u8],
        rp_id: &str,
        allowed: &[&[u8]],
    ) -> Option<Use> {
        let rp_id_hash = Sha256::digest(rp_id).into();
        let newest = self
            .stored
            .iter()
            .rev()
            .find(|stored| stored.rp_id == rp_id)
            .map(|stored| stored.id.clone());
        let id = match allowed {
            [] => newest?,
            named => named.iter().find(|id| self.holds(id, &rp_id_hash))?.to_vec(),
        };
        let user_handle = self
            .stored
            .iter()
            .find(|stored| stored.id == id)
            .map(|stored| stored.user_handle.clone());
        self.sign_count += 1;
        Some(Use {
            client_data: client_data.to_vec(),
            rp_id_hash,
            flags: self.flags,
            sign_count: self.sign_count,
            extensions: Vec::new(),
            signer: self.credential_key(&id).signer(),
            credential_id: id,
            user_handle,
            appid: None,
        })
    }

    /// Answers U2F_REGISTER (FIDO U2F Raw Message Formats v1.2 §4.3), without the status word.
    pub fn u2f_register(
        &mut self,
        challenge: &[u8; 32],
        application: &[u8; 32],
        authority: &SimulatedAuthority,
    ) -> Vec<u8> {
        let handle = self.next_id(application);
        let public = point(&self.private_key(&handle));
        let signature = self
            .attester()
            .sign(&[&[0][..], application, challenge, &handle, &public].concat());
        let length = u8::try_from(handle.len()).expect("32 bytes");
        [&[5][..], &public, &[length], &handle, &authority.issue(&self.certificate()), &signature]
            .concat()
    }

    /// Answers U2F_AUTHENTICATE (§5.4), without the status word; `None` for an unknown handle.
    pub fn u2f_authenticate(
        &mut self,
        challenge: &[u8; 32],
        application: &[u8; 32],
        handle: &[u8],
    ) -> Option<Vec<u8>> {
        if !self.holds(handle, application) {
            return None;
        }
        self.sign_count += 1;
        let head = [&[1][..], &self.sign_count.to_be_bytes()].concat();
        let signature =
            sign(&self.private_key(handle), &[application, &head[..], challenge].concat());
        Some([head, signature].concat())
    }

    /// True if this key made the credential for this RP ID.
    pub fn holds(&self, id: &[u8], rp_id_hash: &[u8; 32]) -> bool {
        let number = id.get(..4).and_then(|number| number.try_into().ok());
        number.is_some_and(|number| *id == self.id(u32::from_be_bytes(number), rp_id_hash)[..])
    }

    /// The certificate of the attestation key, before signing.
    pub fn certificate(&self) -> Certificate {
        Certificate::new(&point(&signing_key(&[&self.secret, b"attestation"])))
    }

    /// Signer with the attestation key.
    pub fn attester(&self) -> SimulatedSigner {
        signing_key(&[&self.secret, b"attestation"]).into()
    }

    fn next_id(&mut self, rp_id_hash: &[u8; 32]) -> Vec<u8> {
        self.made += 1;
        self.id(self.made, rp_id_hash)
    }

    /// Credential id: a number, and 28 bytes that only this key can derive.
    fn id(&self, number: u32, rp_id_hash: &[u8; 32]) -> Vec<u8> {
        let number = number.to_be_bytes();
        let own = Sha256::digest([&self.secret[..], &number, rp_id_hash].concat());
        [&number[..], &own[4..]].concat()
    }

    fn private_key(&self, id: &[u8]) -> SigningKey {
        signing_key(&[&self.secret, b"credential", id])
    }

    fn credential_key(&self, id: &[u8]) -> CredentialKey {
        if self.ed25519 {
            return CredentialKey::Ed25519(
                Sha256::digest([&self.secret[..], b"ed25519", id].concat()).into(),
            );
        }
        CredentialKey::P256(self.private_key(id))
    }
}

/// A credential's private key.
enum CredentialKey {
    P256(SigningKey),
    /// The seed (RFC 8032 §5.1.5).
    Ed25519([u8; 32]),
}

impl CredentialKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            CredentialKey::P256(_) => SignatureAlgorithm::Es256,
            CredentialKey::Ed25519(_) => SignatureAlgorithm::EdDsa,
        }
    }

    fn signer(&self) -> SimulatedSigner {
        match self {
            CredentialKey::P256(key) => key.clone().into(),
            CredentialKey::Ed25519(seed) => {
                let seed = *seed;
                SimulatedSigner::new(move |message| pair(&seed).sign(message).as_ref().to_vec())
            }
        }
    }

    /// The public key as a COSE_Key.
    fn cose(&self) -> Vec<u8> {
        let algorithm = self.algorithm().identifier();
        match self {
            CredentialKey::P256(key) => {
                let point = point(key);
                written(|writer| writer.p256_key(algorithm, &point[1..33], &point[33..]))
            }
            CredentialKey::Ed25519(seed) => written(|writer| {
                writer.map(4).number(1).number(1).number(3).number(algorithm);
                writer.number(-1).number(6).number(-2).bytes(pair(seed).public_key().as_ref())
            }),
        }
    }
}

fn pair(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed")
}

const ES256: i64 = -7;

/// The model of every key that is not told otherwise.
const MODEL: [u8; 16] = *b"simulated key v1";
