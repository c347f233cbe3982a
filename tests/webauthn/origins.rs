//! Origins of ceremonies, and configurations of relying parties.

use twostep::testing::SimulatedSecurityKey;
use twostep::webauthn::{
    AttestationPolicy, Ceremony, ConfigFault, RelyingParty, RelyingPartyConfig, Trust,
};

use super::party::{Authentication, ORIGIN, Registration, config, replace};

/// Origins that could be mistaken for `https://login.example.org`.
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
        replace(
            &mut registration.creation.client_data,
            &format!("\"{ORIGIN}\""),
            &format!("\"{other}\""),
        );
        assert_eq!(
            registration.finish().unwrap_err().step(),
            Some((Ceremony::Registration, 9)),
            "{other}"
        );
        let mut authentication = Authentication::new();
        replace(
            &mut authentication.used.client_data,
            &format!("\"{ORIGIN}\""),
            &format!("\"{other}\""),
        );
        assert_eq!(
            authentication.finish().unwrap_err().step(),
            Some((Ceremony::Authentication, 12)),
            "{other}"
        );
    }
}

#[test]
fn a_port_wildcard_matches_any_port_and_no_other_host() {
    let anywhere =
        || RelyingPartyConfig { origins: vec!["https://login.example.org:*".into()], ..config() };
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

/// The origin of an app, with the SHA-256 hash of its signing certificate.
const APP: &str = "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

#[test]
fn an_android_app_is_its_certificate_and_nothing_like_it() {
    let with_app = || RelyingPartyConfig { origins: vec![ORIGIN.into(), APP.into()], ..config() };
    let only_app = || RelyingPartyConfig { origins: vec![APP.into()], ..config() };
    let own = || format!("\"{ORIGIN}\"");
    for party in [with_app, only_app] {
        let mut registration = Registration::with(party(), SimulatedSecurityKey::new("alice's"));
        replace(&mut registration.creation.client_data, &own(), &format!("\"{APP}\""));
        // Members that Android's client adds and omits.
        replace(
            &mut registration.creation.client_data,
            ",\"crossOrigin\":false",
            ",\"androidPackageName\":\"org.example.app\"",
        );
        let credential = registration.finish().unwrap();
        let mut authentication =
            Authentication::of(registration.party, registration.key, credential);
        replace(&mut authentication.used.client_data, &own(), &format!("\"{APP}\""));
        let _ = authentication.finish().unwrap();
    }
    let hash = APP.strip_prefix("android:apk-key-hash:").unwrap();
    for other in [
        format!("android:apk-key-hash:{}", hash.to_lowercase()),
        format!("android:apk-key-hash:{hash}="),
        format!("android:apk-key-hash:{}9", &hash[..42]),
        format!("android:apk-key-hash:{}A", &hash[..42]),
        format!("android:apk-key-hash: {hash}"),
        format!("android:apk-key-hash-sha256:{hash}"),
        format!("Android:apk-key-hash:{hash}"),
        format!("android://apk-key-hash:{hash}"),
        format!("https://apk-key-hash/{hash}"),
        format!("ios:bundle-id:{hash}"),
        hash.to_owned(),
    ] {
        let mut it = Registration::with(with_app(), SimulatedSecurityKey::new("alice's"));
        replace(&mut it.creation.client_data, &own(), &format!("\"{other}\""));
        assert_eq!(it.finish().unwrap_err().step(), Some((Ceremony::Registration, 9)), "{other}");
        let mut it = Authentication::with(with_app(), SimulatedSecurityKey::new("alice's"));
        replace(&mut it.used.client_data, &own(), &format!("\"{other}\""));
        assert_eq!(
            it.finish().unwrap_err().step(),
            Some((Ceremony::Authentication, 12)),
            "{other}"
        );
    }
    // An app that is not configured.
    let mut it = Registration::new();
    replace(&mut it.creation.client_data, &own(), &format!("\"{APP}\""));
    assert_eq!(it.finish().unwrap_err().step(), Some((Ceremony::Registration, 9)));
    for wrong in [
        "android:apk-key-hash:",
        "android:apk-key-hash:abc",
        &format!("{APP}="),
        &format!("{APP}:*"),
    ] {
        let config = RelyingPartyConfig { origins: vec![wrong.to_owned()], ..config() };
        assert_eq!(RelyingParty::new(config).unwrap_err(), ConfigFault::Origin(wrong.to_owned()));
    }
    // Only a page can embed a page.
    let embedded = RelyingPartyConfig { top_origins: vec![APP.into()], ..config() };
    assert_eq!(RelyingParty::new(embedded).unwrap_err(), ConfigFault::TopOrigin(APP.into()));
}

#[test]
fn a_related_origin_is_accepted_and_served() {
    let related =
        ["https://example.co.uk", "https://shop.example.net:8443", "https://example.co.uk"];
    let with =
        || RelyingPartyConfig { related_origins: related.map(str::to_owned).to_vec(), ..config() };
    let own = format!("\"{ORIGIN}\"");
    for (origin, accepted) in [
        (ORIGIN, true),
        (related[0], true),
        (related[1], true),
        ("https://shop.example.net", false),
        ("https://www.example.co.uk", false),
        ("http://example.co.uk", false),
        ("https://example.net:8443", false),
    ] {
        let mut it = Registration::with(with(), SimulatedSecurityKey::new("alice's"));
        replace(&mut it.creation.client_data, &own, &format!("\"{origin}\""));
        assert_eq!(it.finish().is_ok(), accepted, "{origin}");
        let mut it = Authentication::with(with(), SimulatedSecurityKey::new("alice's"));
        replace(&mut it.used.client_data, &own, &format!("\"{origin}\""));
        assert_eq!(it.finish().is_ok(), accepted, "{origin}");
    }
    let party = RelyingParty::new(with()).unwrap();
    let served = serde_json::to_value(party.related_origins().unwrap()).unwrap();
    assert_eq!(served, serde_json::json!({ "origins": related[..2] }));
    assert_eq!(RelyingParty::new(config()).unwrap().related_origins(), None);
    for wrong in [
        "example.co.uk",
        "http://localhost",
        "http://example.co.uk",
        "https://localhost",
        "https://example.co.uk:*",
        "https://example.co.uk/",
        APP,
        "",
    ] {
        let config = RelyingPartyConfig { related_origins: vec![wrong.into()], ..config() };
        assert_eq!(
            RelyingParty::new(config).unwrap_err(),
            ConfigFault::RelatedOrigin(wrong.into())
        );
    }
}

#[test]
fn localhost_is_a_secure_origin() {
    let local = RelyingPartyConfig {
        rp_id: "localhost".into(),
        origins: vec!["http://localhost:*".into()],
        ..config()
    };
    let party = RelyingParty::new(local).unwrap();
    let (origin, mut key) =
        ("http://localhost:8080".parse().unwrap(), SimulatedSecurityKey::new("alice's"));
    let (options, state) = party.start_registration(&super::party::alice(), &[]).unwrap();
    party
        .finish_registration(&state, &key.create(&options, &origin).response(), super::party::NOW)
        .unwrap();
}

#[test]
fn a_relying_party_that_cannot_work_is_not_made() {
    let faults = |change: fn(&mut RelyingPartyConfig)| {
        let mut config = config();
        RelyingParty::new(config.clone()).unwrap();
        change(&mut config);
        RelyingParty::new(config).unwrap_err()
    };
    for rp_id in [
        "",
        "org",
        "Example.org",
        "example.org.",
        "https://example.org",
        "192.0.2.1",
        "example.org:443",
    ] {
        let config = RelyingPartyConfig { rp_id: rp_id.into(), ..config() };
        assert_eq!(RelyingParty::new(config).unwrap_err(), ConfigFault::RpId(rp_id.into()));
    }
    assert_eq!(faults(|config| config.name = " ".into()), ConfigFault::Name);
    assert_eq!(faults(|config| config.origins.clear()), ConfigFault::NoOrigin);
    assert_eq!(
        faults(|config| config.origins.push("https://example.org/".into())),
        ConfigFault::Origin("https://example.org/".into())
    );
    assert_eq!(
        faults(|config| config.top_origins.push("shop.example".into())),
        ConfigFault::TopOrigin("shop.example".into())
    );
    let foreign = ConfigFault::ForeignOrigin {
        origin: "https://other.example".into(),
        rp_id: "example.org".into(),
    };
    assert_eq!(faults(|config| config.origins.push("https://other.example".into())), foreign);
    assert!(foreign.to_string().contains("one that ends in .example.org"));
    assert_eq!(
        faults(|config| config.app_id = Some("http://example.org".into())),
        ConfigFault::AppId("http://example.org".into())
    );
    let required = || AttestationPolicy { trust: Trust::Required, ..AttestationPolicy::default() };
    assert!(matches!(
        RelyingParty::new(RelyingPartyConfig { attestation: required(), ..config() }),
        Err(ConfigFault::Attestation(_))
    ));
}
