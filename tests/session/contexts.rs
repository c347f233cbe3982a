//! Content, audience and lifetime of contexts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use test_support::forge::opened;
use twostep::session::{
    Amr, AnyContext, Invalid, Issuer, JwkSet, Lifetime, MfaKind, SigningAlgorithm, Validator,
};
use twostep::verifier::{Authority, Error, NewDevice, NewFactor, Passcode};

use super::{Desk, alive};

/// With nothing but the text of the keys.
async fn offline(desk: &Desk, audience: &str) -> Validator {
    let keys = JwkSet::from_json(desk.issuer.jwks().await.unwrap().to_json().as_bytes()).unwrap();
    Validator::new(keys, "twostep", audience).with_clock(Arc::new(desk.world.clock.clone()))
}

#[tokio::test]
async fn a_context_is_complete_and_read_offline() {
    let mut desk = Desk::new().await;
    for algorithm in SigningAlgorithm::ALL {
        desk.issuer.rotate_keys(algorithm).await.unwrap();
        let at = desk.world.now();
        let (signed, issued) = desk.open("payments").await;
        let context = offline(&desk, "payments").await.validate(&signed).unwrap();
        assert_eq!(context, issued, "what is read is what was issued");
        assert_eq!(
            (context.account(), context.serial()),
            (&desk.alice.account, &desk.alice.serial)
        );
        assert_eq!((context.kind(), context.amr()), (MfaKind::Totp, &[Amr::Otp][..]));
        assert_eq!(
            (context.mfa_time(), context.mfa_age(desk.world.now())),
            (at, Duration::from_secs(30))
        );
        assert!(
            !context.user_verified() && !context.phishing_resistant() && !context.hardware_bound()
        );
        let common = context.common();
        assert_eq!((common.issuer.as_str(), common.audience.as_str()), ("twostep", "payments"));
        assert_eq!(
            (common.issued_at, common.expires_at),
            (at, at.plus(Duration::from_secs(3_600)))
        );
        assert_eq!((common.generation, common.session_id.len()), (1, 22), "128 random bits");

        let [header, claims] = opened(&signed);
        assert_eq!(header, json!({ "alg": header["alg"], "kid": header["kid"], "typ": "mfa+jwt" }));
        assert_eq!(header["alg"], algorithm.name());
        let (iat, serial) = (at.0, desk.alice.serial.as_str());
        let expected = json!({
            "iss": "twostep", "sub": "alice", "aud": "payments",
            "iat": iat, "nbf": iat, "exp": iat + 3_600, "jti": common.session_id, "gen": 1,
            "mfa_present": true, "amr": ["otp"], "mfa_time": iat, "mfa_serial": serial,
            "mfa_kind": "totp", "uv": false,
        });
        assert_eq!(claims, expected);
    }
    let ids = [desk.open("payments").await.1, desk.open("payments").await.1]
        .map(|context| context.common().session_id.clone());
    assert_ne!(ids[0], ids[1], "no two contexts are the same");
    desk.issuer = Issuer::new(desk.world.verifier.clone(), "another");
    let (signed, _) = desk.open("payments").await;
    assert_eq!(offline(&desk, "payments").await.validate(&signed), Err(Invalid::Issuer));
}

#[tokio::test]
async fn a_context_names_the_kind_of_proof() {
    let desk = Desk::new().await;
    let account = &desk.alice.account;
    let sheet = NewDevice {
        account: account.clone(),
        serial: None,
        name: None,
        factor: NewFactor::Recovery,
    };
    let codes = desk.world.verifier.add(sheet, &Authority::Admin).await.unwrap().recovery_codes;
    let bypass = desk.world.verifier.bypass(account, Duration::from_secs(60)).await.unwrap();
    for (code, kind) in
        [(codes[0].to_text(), MfaKind::Recovery), (bypass.code.to_text(), MfaKind::Bypass)]
    {
        let code: Passcode = code.parse().unwrap();
        let verified = desk.world.verifier.verify_code(account, None, code).await.unwrap();
        let signed = desk.issuer.issue(verified, "twostep").await.unwrap();
        let context = offline(&desk, "twostep").await.validate(&signed).unwrap();
        assert_eq!(context.kind(), kind);
        assert!(alive(&desk.introspector(), &signed).await);
    }
}

#[tokio::test]
async fn a_context_without_mfa_has_a_type_of_its_own() {
    let desk = Desk::new().await;
    for account in [desk.alice.account.clone(), "nobody enrolled".parse().unwrap()] {
        let (signed, issued) = desk.issuer.issue_without_mfa(&account, "twostep").await.unwrap();
        let validator = offline(&desk, "twostep").await;
        assert_eq!(validator.validate(&signed), Err(Invalid::Type));
        assert_eq!(validator.validate_any(&signed), Ok(AnyContext::WithoutMfa(issued.clone())));
        assert_eq!(issued.common().account, account);
        let [header, claims] = opened(&signed);
        assert_eq!((&header["typ"], &claims["mfa_present"]), (&json!("nomfa+jwt"), &json!(false)));
        for claim in ["amr", "mfa_time", "mfa_serial", "mfa_kind", "uv"] {
            assert!(claims.get(claim).is_none(), "absent is not false: {claim}");
        }
        assert!(desk.introspector().fresh_mfa(&signed).await.unwrap().is_none());
        assert!(alive(&desk.introspector(), &signed).await);
    }
}

#[tokio::test]
async fn a_context_expires_on_the_second() {
    for seconds in [0, 899, 129_601] {
        let lifetime = Lifetime::try_from(Duration::from_secs(seconds));
        assert!(matches!(lifetime, Err(Error::BadInput(_))), "{lifetime:?}");
    }
    for seconds in [900, 3_600, 129_600] {
        let desk = Desk::new().await;
        let lifetime = Lifetime::try_from(Duration::from_secs(seconds)).unwrap();
        let desk = Desk { issuer: desk.issuer.clone().lifetime(lifetime), ..desk };
        let (signed, _) = desk.open("twostep").await;
        let validator = offline(&desk, "twostep").await;
        // Made before, so that it has verified the signature.
        let introspector = desk.introspector();
        desk.world.pass(seconds - 31);
        assert!(
            validator.validate(&signed).is_ok() && alive(&introspector, &signed).await,
            "{seconds} s"
        );
        desk.world.pass(1);
        assert_eq!(validator.validate(&signed), Err(Invalid::Expired), "{seconds} s");
        for introspector in [introspector, desk.introspector()] {
            assert!(!alive(&introspector, &signed).await, "{seconds} s");
        }
    }
}

#[tokio::test]
async fn a_context_is_refused_by_another_audience() {
    let desk = Desk::new().await;
    let (signed, _) = desk.open("payments").await;
    let introspector = desk.introspector();
    assert!(introspector.introspect(&signed, "payments").await.unwrap().is_some());
    for other in ["", "payment", "payments ", "Payments", "twostep"] {
        assert_eq!(
            offline(&desk, other).await.validate(&signed),
            Err(Invalid::Audience),
            "{other:?}"
        );
        assert!(introspector.introspect(&signed, other).await.unwrap().is_none(), "{other:?}");
    }
}
