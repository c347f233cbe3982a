//! Where ceremonies may take place, and which relying parties can be configured.

use twostep::testing::SimulatedSecurityKey;
use twostep::webauthn::AttestationPolicy;
use twostep::webauthn::Ceremony;
use twostep::webauthn::ConfigFault;
use twostep::webauthn::RelyingParty;
use twostep::webauthn::RelyingPartyConfig;
use twostep::webauthn::Trust;

use crate::party::Authentication;
use crate::party::ORIGIN;
use crate::party::Registration;
use crate::party::config;
use crate::party::replace;

/// Origins that somebody could take for `https://login.example.org`.
const OTHERS: [&str; 26] = [
    "http://login.example.org",
    "https://login.example.org:8443",
    "https://login.example.org:443",
    "https://login.example.org:",
    "https://login.example.org/",
    "https://login.example.org/path",
    "https://login.example.org?",
    "https://login.example.org#",
    "https://login.example.org.",
    "https://login.example.org.evil.example",
    "https://evil.example/https://login.example.org",
    "https://evil-login.example.org",
    "https://evillogin.example.org",
    "https://sub.login.example.org",
    "https://example.org",
    "https://login.example.or",
    "https://LOGIN.example.org",
    "HTTPS://login.example.org",
    "https://user@login.example.org",
    "https://login.example.org@evil.example",
    "https://xn--login-example-org.example",
    "https://l\u{43e}gin.example.org",
    " https://login.example.org",
    "https:login.example.org",
    "null",
    "",
];

#[test]
fn only_the_origin_itself_is_the_origin() {
    Registration::new().finish().unwrap();
    let _ = Authentication::new().finish().unwrap();
    for other in OTHERS {
        let mut registration = Registration::new();
        replace(&mut registration.creation.client_data, &format!("\"{ORIGIN}\""), &format!("\"{other}\""));
        assert_eq!(registration.finish().unwrap_err().step(), Some((Ceremony::Registration, 9)), "{other}");
        let mut authentication = Authentication::new();
        replace(&mut authentication.used.client_data, &format!("\"{ORIGIN}\""), &format!("\"{other}\""));
        assert_eq!(authentication.finish().unwrap_err().step(), Some((Ceremony::Authentication, 12)), "{other}");
    }
}

#[test]
fn any_port_is_any_port_and_nothing_else() {
    let anywhere = || RelyingPartyConfig { origins: vec!["https://login.example.org:*".into()], ..config() };
    for (origin, accepted) in [
        ("https://login.example.org", true),
        ("https://login.example.org:1", true),
        ("https://login.example.org:65535", true),
        ("https://login.example.org:*", false),
        ("https://login.example.org:65536", false),
        ("http://login.example.org:8443", false),
        ("https://example.org:8443", false),
    ] {
        let mut it = Registration::with(anywhere(), SimulatedSecurityKey::new("alice's"));
        replace(&mut it.creation.client_data, &format!("\"{ORIGIN}\""), &format!("\"{origin}\""));
        assert_eq!(it.finish().is_ok(), accepted, "{origin}");
    }
}

#[test]
fn localhost_is_a_secure_origin() {
    let local = RelyingPartyConfig { rp_id: "localhost".into(), origins: vec!["http://localhost:*".into()], ..config() };
    let party = RelyingParty::new(local).unwrap();
    let (origin, mut key) = ("http://localhost:8080".parse().unwrap(), SimulatedSecurityKey::new("alice's"));
    let (options, state) = party.start_registration(&crate::party::alice(), &[]).unwrap();
    party.finish_registration(&state, &key.create(&options, &origin).response(), crate::party::NOW).unwrap();
}

#[test]
fn a_relying_party_that_cannot_work_is_not_made() {
    let faults = |change: fn(&mut RelyingPartyConfig)| {
        let mut config = config();
        RelyingParty::new(config.clone()).unwrap();
        change(&mut config);
        RelyingParty::new(config).unwrap_err()
    };
    for rp_id in ["", "org", "Example.org", "example.org.", "https://example.org", "192.0.2.1", "example.org:443"] {
        let config = RelyingPartyConfig { rp_id: rp_id.into(), ..config() };
        assert_eq!(RelyingParty::new(config).unwrap_err(), ConfigFault::RpId(rp_id.into()));
    }
    assert_eq!(faults(|config| config.name = " ".into()), ConfigFault::Name);
    assert_eq!(faults(|config| config.origins.clear()), ConfigFault::NoOrigin);
    assert_eq!(faults(|config| config.origins.push("https://example.org/".into())), ConfigFault::Origin("https://example.org/".into()));
    assert_eq!(faults(|config| config.top_origins.push("shop.example".into())), ConfigFault::Origin("shop.example".into()));
    let foreign = ConfigFault::ForeignOrigin { origin: "https://other.example".into(), rp_id: "example.org".into() };
    assert_eq!(faults(|config| config.origins.push("https://other.example".into())), foreign);
    assert!(foreign.to_string().contains("one that ends in .example.org"));
    assert_eq!(faults(|config| config.app_id = Some("http://example.org".into())), ConfigFault::AppId("http://example.org".into()));
    let required = || AttestationPolicy { trust: Trust::Required, ..AttestationPolicy::default() };
    assert!(matches!(RelyingParty::new(RelyingPartyConfig { attestation: required(), ..config() }), Err(ConfigFault::Attestation(_))));
}
