//! FIDO metadata from a file: signer, integrity, and statements about models.

use std::sync::Arc;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use twostep::testing::{Certificate, SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::time::UnixTime;
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, BadMetadata, Ceremony, Conveyance, Credential, Fault,
    Metadata, RelyingParty, RelyingPartyConfig, Trust,
};

use super::base64url;
use super::party::{Authentication, NOW, Registration, config};

/// Made with openssl: an RSA root, an intermediate, a leaf named `mds.example.org`, RS256.
const BLOB: &str = include_str!("metadata/blob.jwt");
const ROOT: &[u8] = include_bytes!("metadata/root.pem");

const SIGNER: &str = "mds.example.org";
const MODEL: &str = "73696d75-6c61-7465-6420-6b6579207631";

/// A BLOB before it is signed.
struct Blob {
    header: Value,
    payload: Value,
    root: SimulatedAuthority,
    signer: SimulatedAuthority,
    certificate: Certificate,
}

impl Blob {
    fn new(entries: Value) -> Blob {
        let signer = SimulatedAuthority::new("The Signer");
        let mut certificate = Certificate { ca: Some(false), ..signer.described() };
        certificate.subject[3] = SIGNER.into();
        Blob {
            header: json!({ "alg": "ES256" }),
            payload: json!({ "no": 3, "nextUpdate": "2026-09-21", "entries": entries }),
            root: SimulatedAuthority::new("The Root"),
            signer,
            certificate,
        }
    }

    fn sign(&self) -> String {
        let mut header = self.header.clone();
        header["x5c"] = json!([base64(&self.root.issue(&self.certificate))]);
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(self.payload.to_string().as_bytes())
        );
        let signature = raw(&self.signer.sign(signed.as_bytes()));
        format!("{signed}.{}", base64url(&signature))
    }

    fn parse(&self) -> Result<Metadata, BadMetadata> {
        read(&self.sign())
    }
}

fn read(blob: &str) -> Result<Metadata, BadMetadata> {
    let roots = Anchors::parse(&SimulatedAuthority::new("The Root").certificate()).unwrap();
    Metadata::parse(blob.as_bytes(), &roots, SIGNER, NOW)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Converts an ECDSA signature from DER to two numbers of 32 bytes, the JOSE form.
fn raw(der: &[u8]) -> Vec<u8> {
    let length = usize::from(der[3]);
    let (r, s) = (&der[4..4 + length], &der[6 + length..]);
    let padded = |number: &[u8]| [vec![0; 32], number.to_vec()].concat()[number.len()..].to_vec();
    [padded(r), padded(s)].concat()
}

fn entry(statuses: &[(&str, &str)], root: &SimulatedAuthority) -> Value {
    let reports: Vec<Value> = statuses
        .iter()
        .map(|(status, date)| json!({ "status": status, "effectiveDate": date }))
        .collect();
    json!({
        "aaguid": MODEL,
        "metadataStatement": { "attestationRootCertificates": [base64(&root.certificate())] },
        "statusReports": reports,
        "timeOfLastStatusChange": "2026-01-01",
    })
}

fn with(entries: Value) -> RelyingPartyConfig {
    let metadata = Some(Arc::new(Blob::new(entries).parse().unwrap()));
    let attestation = AttestationPolicy {
        conveyance: Conveyance::Direct,
        trust: Trust::Required,
        metadata,
        ..AttestationPolicy::default()
    };
    RelyingPartyConfig { attestation, ..config() }
}

fn register(entries: Value, statement: Statement) -> Result<Credential, Fault> {
    Registration::with(with(entries), SimulatedSecurityKey::new("alice's").vouched(statement))
        .finish()
}

fn maker() -> SimulatedAuthority {
    SimulatedAuthority::new("The Maker")
}

#[test]
fn step_7_1_23_a_blob_under_its_root_is_accepted() {
    let metadata = Blob::new(json!([])).parse().unwrap();
    assert_eq!(metadata.number(), 3);
    assert!(metadata.may_follow(2) && metadata.may_follow(3) && !metadata.may_follow(4));
}

#[test]
fn step_7_1_23_a_blob_signed_by_openssl_is_accepted() {
    let roots = Anchors::parse(ROOT).unwrap();
    let metadata =
        Metadata::parse(BLOB.as_bytes(), &roots, SIGNER, UnixTime(1_800_000_000)).unwrap();
    assert_eq!(metadata.number(), 7);
    assert_eq!(
        Metadata::parse(BLOB.as_bytes(), &roots, "mds.fidoalliance.org", UnixTime(1_800_000_000))
            .unwrap_err(),
        BadMetadata::Signer
    );
    let (signed, _) = BLOB.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", base64url(&[1; 256]));
    assert_eq!(
        Metadata::parse(forged.as_bytes(), &roots, SIGNER, UnixTime(1_800_000_000)).unwrap_err(),
        BadMetadata::Signature
    );
}

#[test]
fn step_7_1_23_refuses_a_blob_of_another_signer() {
    let refused = |spoil: fn(&mut Blob)| {
        let mut blob = Blob::new(json!([]));
        blob.parse().unwrap();
        spoil(&mut blob);
        blob.parse().unwrap_err()
    };
    assert_eq!(
        refused(|blob| blob.root = SimulatedAuthority::new("Another Root")),
        BadMetadata::Signer
    );
    assert_eq!(
        refused(|blob| blob.certificate.subject[3] = "www.example.org".into()),
        BadMetadata::Signer
    );
    assert_eq!(refused(|blob| blob.certificate.not_after = "260920".into()), BadMetadata::Signer);
    assert_eq!(refused(|blob| blob.certificate.ca = Some(true)), BadMetadata::Signer);
    assert_eq!(
        refused(|blob| blob.signer = SimulatedAuthority::new("Another Signer")),
        BadMetadata::Signature
    );
    assert_eq!(refused(|blob| blob.header["alg"] = json!("none")), BadMetadata::Algorithm);
    assert_eq!(refused(|blob| blob.header["alg"] = json!("HS256")), BadMetadata::Algorithm);
    assert_eq!(refused(|blob| blob.header["alg"] = json!("RS256")), BadMetadata::Signature);
    assert_eq!(refused(|blob| blob.header["crit"] = json!(["b64"])), BadMetadata::Malformed);
    assert_eq!(refused(|blob| blob.payload["no"] = json!("3")), BadMetadata::Malformed);
}

#[test]
fn step_7_1_23_refuses_a_blob_that_was_changed() {
    let signed = Blob::new(json!([])).sign();
    let parts: Vec<&str> = signed.split('.').collect();
    let other = base64url(br#"{"no":4,"nextUpdate":"2026-09-21","entries":[]}"#);
    assert_eq!(read(&[parts[0], &other, parts[2]].join(".")).unwrap_err(), BadMetadata::Signature);
    assert_eq!(read(&[parts[0], parts[1], ""].join(".")).unwrap_err(), BadMetadata::Signature);
    for text in ["", ".", "..", parts[0], &parts[..2].join(".")] {
        assert_eq!(read(text).unwrap_err(), BadMetadata::Malformed, "{text}");
    }
}

#[test]
fn a_blob_is_valid_through_the_day_of_its_next_update() {
    let metadata = Blob::new(json!([])).parse().unwrap();
    assert!(!metadata.is_stale(UnixTime(NOW.0 / 86_400 * 86_400 + 86_399)));
    assert!(metadata.is_stale(UnixTime(NOW.0 / 86_400 * 86_400 + 86_400)));
}

#[test]
fn a_model_is_trusted_by_its_own_root() {
    let entries = json!([entry(&[("FIDO_CERTIFIED", "2025-01-01")], &maker())]);
    assert_eq!(
        register(entries.clone(), Statement::Packed(maker())).unwrap().attestation,
        Attestation::Trusted
    );
    for other in [
        Statement::Packed(SimulatedAuthority::new("Another Maker")),
        Statement::Own,
        Statement::None,
    ] {
        assert_eq!(
            register(entries.clone(), other).unwrap_err().step(),
            Some((Ceremony::Registration, 24))
        );
    }
    // The maker's root is an anchor only for models that the metadata list with it.
    let mut other_model = entries;
    other_model[0]["aaguid"] = json!("ee882879-721c-4913-9775-3dfcce97072a");
    assert_eq!(
        register(other_model, Statement::Packed(maker())).unwrap_err().step(),
        Some((Ceremony::Registration, 24))
    );
}

#[test]
fn a_u2f_model_is_known_by_the_key_of_its_certificate() {
    let identifier = |point: &[u8]| -> String {
        Sha1::digest(point).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let point = SimulatedSecurityKey::new("alice's").certificate().public_key;
    let entries = |identifier: String, aaguid: Option<&str>| {
        let mut entry = entry(&[], &maker());
        entry["aaguid"] = json!(aaguid);
        entry["attestationCertificateKeyIdentifiers"] = json!([identifier]);
        json!([entry])
    };
    assert_eq!(
        register(entries(identifier(&point), None), Statement::U2f(maker()))
            .unwrap()
            .attestation,
        Attestation::Trusted
    );
    let refused = Some((Ceremony::Registration, 24));
    assert_eq!(
        register(entries(identifier(b"another"), None), Statement::U2f(maker()))
            .unwrap_err()
            .step(),
        refused
    );
    // An AAGUID of zeros identifies no model.
    let zeros = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        register(entries(identifier(b"another"), Some(zeros)), Statement::U2f(maker()))
            .unwrap_err()
            .step(),
        refused
    );
}

#[test]
fn a_withdrawn_model_is_refused_from_its_day_on() {
    for status in [
        "REVOKED",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_VERIFICATION_BYPASS",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    ] {
        let registered = |reports: &[(&str, &str)]| {
            register(json!([entry(reports, &maker())]), Statement::Packed(maker()))
        };
        registered(&[(status, "2026-09-22")]).unwrap();
        for reports in [
            &[(status, "2026-09-21")][..],
            &[
                ("FIDO_CERTIFIED", "2025-01-01"),
                (status, "2026-01-01"),
                ("UPDATE_AVAILABLE", "2026-02-01"),
            ],
        ] {
            assert_eq!(
                registered(reports).unwrap_err().step(),
                Some((Ceremony::Registration, 24)),
                "{status}"
            );
        }
    }
}

#[test]
fn a_credential_is_refused_after_its_model_was_withdrawn() {
    let good = with(json!([entry(&[], &maker())]));
    let mut it = Authentication::with(
        good,
        SimulatedSecurityKey::new("alice's").vouched(Statement::Packed(maker())),
    );
    let _ = it.finish().unwrap();
    it.party =
        RelyingParty::new(with(json!([entry(&[("REVOKED", "2026-09-01")], &maker())]))).unwrap();
    assert!(matches!(it.finish(), Err(Fault::Withdrawn(_))));
}
