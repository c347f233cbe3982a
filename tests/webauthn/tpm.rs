//! TPM statements (WebAuthn L3 §8.3): valid, and with each field changed.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ciborium::Value;
use sha2::{Digest, Sha256};
use twostep::testing::{
    Certificate, SimulatedAuthority, SimulatedSecurityKey, SimulatedSigner, TpmNames,
};
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, Ceremony, Conveyance, RegistrationResponse,
    RelyingPartyConfig, Trust,
};

use super::party::{Registration, config};

/// A statement that is not assembled yet, so that every part can be changed.
struct Tpm {
    registration: Registration,
    version: &'static str,
    algorithm: i64,
    magic: u32,
    kind: u16,
    /// Bits to flip in the hash of the certified data.
    extra: u8,
    /// Bits to flip in the name of the key.
    name: u8,
    name_algorithm: u16,
    /// The part of the public area after the name's algorithm.
    area: Vec<u8>,
    after_area: Vec<u8>,
    after_information: Vec<u8>,
    signature: u8,
    signer: SimulatedSigner,
    certificate: Certificate,
    certified: bool,
    left_out: Option<&'static str>,
}

/// A single change to a statement.
type Spoil = fn(&mut Tpm);

fn root() -> SimulatedAuthority {
    SimulatedAuthority::new("Simulated TPM Root")
}

fn terms(conveyance: Conveyance, trust: Trust) -> RelyingPartyConfig {
    let anchors = Anchors::parse(&root().certificate()).unwrap();
    RelyingPartyConfig {
        attestation: AttestationPolicy {
            conveyance,
            trust,
            anchors,
            ..AttestationPolicy::default()
        },
        ..config()
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Attributes, no policy, no cipher.
const HEAD: [u8; 8] = [0, 4, 0, 0x72, 0, 0, 0, 0x10];

/// An attestation key and a credential's key on P-256.
fn on_p256(terms: RelyingPartyConfig) -> Tpm {
    let key = SimulatedSecurityKey::new("alice's TPM");
    let (signer, certificate) = (key.attester(), key.certificate());
    let mut registration = Registration::with(terms, key);
    registration.creation.aaguid = *b"a model of a TPM";
    registration.creation.format = "tpm".into();
    let (x, y) =
        (&registration.creation.public_key[10..42], &registration.creation.public_key[45..77]);
    // ECDSA with SHA-256, the curve, no derivation, the point.
    let area = [&HEAD[..], &[0, 0x18, 0, 0x0b, 0, 3, 0, 0x10], &sized(x), &sized(y)].concat();
    Tpm::new(registration, -7, 0x23, area, signer, certificate)
}

/// A credential's key and an attestation key, shared because RSA keys take long to generate.
static RSA_KEYS: LazyLock<[RsaKeyPair; 2]> =
    LazyLock::new(|| [(); 2].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));

/// The same kinds of keys with RSA.
fn on_rsa(terms: RelyingPartyConfig) -> Tpm {
    let mut registration = Registration::with(terms, SimulatedSecurityKey::new("alice's TPM"));
    registration.creation.aaguid = *b"a model of a TPM";
    registration.creation.format = "tpm".into();
    let [credential, attester] = &*RSA_KEYS;
    let modulus = credential.public_key().modulus().big_endian_without_leading_zero().to_vec();
    registration.creation.public_key =
        [b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", &modulus[..], b"\x21\x43\x01\x00\x01"]
            .concat();
    // No scheme, 2,048 bits, the usual exponent.
    let area = [&HEAD[..], &[0, 0x10, 8, 0, 0, 0, 0, 0], &sized(&modulus)].concat();
    let public = attester.public_key().as_ref().to_vec();
    let info = [
        &b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\
        \x82\x01\x0f\x00"[..],
        &public,
    ]
    .concat();
    let signer = SimulatedSigner::new(move |message| {
        let mut signature = vec![0; attester.public_modulus_len()];
        attester
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    });
    let certificate = Certificate { public_key_info: Some(info), ..registration.key.certificate() };
    Tpm::new(registration, -257, 0x01, area, signer, certificate)
}

impl Tpm {
    fn new(
        registration: Registration,
        algorithm: i64,
        kind: u16,
        area: Vec<u8>,
        signer: SimulatedSigner,
        certificate: Certificate,
    ) -> Tpm {
        let aaguid = Some((registration.creation.aaguid, false));
        let certificate = Certificate {
            subject: Default::default(),
            tpm: Some(TpmNames::default()),
            aaguid,
            ..certificate
        };
        let area = [&kind.to_be_bytes()[..], &area].concat();
        Tpm {
            registration,
            version: "2.0",
            algorithm,
            magic: 0xff54_4347,
            kind: 0x8017,
            extra: 0,
            name: 0,
            name_algorithm: 0x0b,
            area,
            after_area: Vec::new(),
            after_information: Vec::new(),
            signature: 0,
            signer,
            certificate,
            certified: true,
            left_out: None,
        }
    }

    fn response(&self) -> RegistrationResponse {
        let mut response = self.registration.creation.response();
        let data = self.registration.creation.auth_data();
        let (kind, rest) = self.area.split_at(2);
        let area = [kind, &self.name_algorithm.to_be_bytes(), rest, &self.after_area].concat();
        let signed = [&data[..], &Sha256::digest(&response.response.client_data_json)].concat();
        let mut extra = Sha256::digest(signed).to_vec();
        extra[0] ^= self.extra;
        let hash = match self.name_algorithm {
            0x04 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            0x0c => &digest::SHA384,
            0x0d => &digest::SHA512,
            _ => &digest::SHA256,
        };
        let mut name =
            [&self.name_algorithm.to_be_bytes()[..], digest::digest(hash, &area).as_ref()].concat();
        *name.last_mut().unwrap() ^= self.name;
        let head = [&self.magic.to_be_bytes()[..], &self.kind.to_be_bytes()].concat();
        let information = [
            head,
            sized(b"signer"),
            sized(&extra),
            vec![0; 25],
            sized(&name),
            sized(b""),
            self.after_information.clone(),
        ]
        .concat();
        let mut signature = self.signer.sign(&information);
        *signature.last_mut().unwrap() ^= self.signature;
        let chain = if self.certified {
            vec![Value::Bytes(root().issue(&self.certificate))]
        } else {
            Vec::new()
        };
        let members = [
            ("ver", Value::from(self.version)),
            ("alg", Value::from(self.algorithm)),
            ("x5c", Value::Array(chain)),
            ("sig", Value::Bytes(signature)),
            ("certInfo", Value::Bytes(information)),
            ("pubArea", Value::Bytes(area)),
        ];
        let members = members.into_iter().filter(|(name, _)| Some(*name) != self.left_out);
        let statement = Value::Map(members.map(|(name, value)| (name.into(), value)).collect());
        let object = Value::Map(vec![
            ("fmt".into(), "tpm".into()),
            ("attStmt".into(), statement),
            ("authData".into(), Value::Bytes(data)),
        ]);
        response.response.attestation_object.clear();
        ciborium::into_writer(&object, &mut response.response.attestation_object).unwrap();
        response
    }
}

fn both(terms: &RelyingPartyConfig) -> [Tpm; 2] {
    [on_p256(terms.clone()), on_rsa(terms.clone())]
}

#[test]
fn step_7_1_22_a_right_tpm_statement_is_trusted() {
    for trust in [Trust::Optional, Trust::Required] {
        for tpm in both(&terms(Conveyance::Direct, trust)) {
            let credential = tpm.registration.finish_with(&tpm.response()).unwrap();
            assert_eq!(
                (credential.attestation, credential.attestation_format.as_str()),
                (Attestation::Trusted, "tpm")
            );
            assert_eq!(credential.aaguid.unwrap().as_bytes(), b"a model of a TPM");
        }
    }
    // Every hash algorithm that a TPM may use for its key's name.
    for hash in [0x04, 0x0c, 0x0d] {
        let tpm =
            Tpm { name_algorithm: hash, ..on_p256(terms(Conveyance::Direct, Trust::Required)) };
        tpm.registration.finish_with(&tpm.response()).unwrap();
    }
    // A certificate without a model applies to all models of its maker.
    let mut tpm = on_p256(terms(Conveyance::Direct, Trust::Required));
    tpm.certificate.aaguid = None;
    tpm.registration.finish_with(&tpm.response()).unwrap();
}

#[test]
fn step_7_1_22_refuses_a_tpm_statement_with_any_change() {
    let spoiled: [(&str, Spoil); 31] = [
        ("version", |tpm| tpm.version = "1.2"),
        ("no version", |tpm| tpm.left_out = Some("ver")),
        ("no algorithm", |tpm| tpm.left_out = Some("alg")),
        ("another algorithm", |tpm| tpm.algorithm = if tpm.algorithm == -7 { -257 } else { -7 }),
        ("another hash", |tpm| tpm.algorithm = if tpm.algorithm == -7 { -35 } else { -258 }),
        ("unknown algorithm", |tpm| tpm.algorithm = -8),
        ("no certificates", |tpm| tpm.left_out = Some("x5c")),
        ("empty certificates", |tpm| tpm.certified = false),
        ("no signature", |tpm| tpm.left_out = Some("sig")),
        ("no information", |tpm| tpm.left_out = Some("certInfo")),
        ("no area", |tpm| tpm.left_out = Some("pubArea")),
        ("magic", |tpm| tpm.magic ^= 1),
        ("type", |tpm| tpm.kind = 0x8018),
        ("extra data", |tpm| tpm.extra = 1),
        ("name", |tpm| tpm.name = 1),
        ("unknown name algorithm", |tpm| tpm.name_algorithm = 0x12),
        ("more after the area", |tpm| tpm.after_area.push(0)),
        ("more after the information", |tpm| tpm.after_information.push(0)),
        ("another key", |tpm| *tpm.area.last_mut().unwrap() ^= 1),
        ("another kind of key", |tpm| tpm.area[1] ^= 0x22),
        ("signature", |tpm| tpm.signature = 1),
        ("another signer", |tpm| tpm.signer = SimulatedSecurityKey::new("another").attester()),
        ("certificate's version", |tpm| tpm.certificate.version = 1),
        ("certificate's subject", |tpm| tpm.certificate.subject[3] = "A TPM".into()),
        ("no names", |tpm| tpm.certificate.tpm = None),
        ("names not critical", |tpm| tpm.certificate.tpm.as_mut().unwrap().critical = false),
        ("no maker", |tpm| tpm.certificate.tpm.as_mut().unwrap().manufacturer.clear()),
        ("maker that is none", |tpm| {
            tpm.certificate.tpm.as_mut().unwrap().manufacturer = "Infineon".into()
        }),
        ("no model", |tpm| tpm.certificate.tpm.as_mut().unwrap().model.clear()),
        ("no firmware", |tpm| tpm.certificate.tpm.as_mut().unwrap().version.clear()),
        ("no usage", |tpm| tpm.certificate.tpm.as_mut().unwrap().usage.clear()),
    ];
    let more: [(&str, Spoil); 4] = [
        ("another usage", |tpm| {
            tpm.certificate.tpm.as_mut().unwrap().usage = vec![0x2b, 6, 1, 5, 5, 7, 3, 2]
        }),
        ("an authority's", |tpm| tpm.certificate.ca = Some(true)),
        ("no constraints", |tpm| tpm.certificate.ca = None),
        ("another model", |tpm| tpm.certificate.aaguid = Some((*b"another model...", false))),
    ];
    for (what, spoil) in spoiled.into_iter().chain(more) {
        for mut tpm in both(&terms(Conveyance::Direct, Trust::Required)) {
            spoil(&mut tpm);
            let fault = tpm.registration.finish_with(&tpm.response()).expect_err(what);
            assert_eq!(fault.step(), Some((Ceremony::Registration, 22)), "{what}: {fault}");
        }
        let mut tpm = on_p256(terms(Conveyance::Indirect, Trust::Optional));
        spoil(&mut tpm);
        assert_eq!(
            tpm.registration.finish_with(&tpm.response()).unwrap().attestation,
            Attestation::Unverified,
            "{what}"
        );
        let mut tpm = on_p256(config());
        spoil(&mut tpm);
        assert_eq!(
            tpm.registration.finish_with(&tpm.response()).unwrap().attestation,
            Attestation::None,
            "{what}"
        );
    }
}

#[test]
fn step_7_1_22_refuses_a_tpm_statement_of_another_ceremony() {
    for tpm in both(&terms(Conveyance::Direct, Trust::Required)) {
        let mut response = tpm.response();
        super::party::insert(&mut response.response.client_data_json, "\"a\":1,");
        assert_eq!(
            tpm.registration.finish_with(&response).unwrap_err().step(),
            Some((Ceremony::Registration, 22))
        );
    }
}
