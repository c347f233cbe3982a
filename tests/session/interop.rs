//! Another language reads our contexts: joserfc, with our keys as they are published.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::forge::{Forge, encoded, opened};
use test_support::tools;
use twostep::session::{Issuer, SigningAlgorithm};

use super::Desk;

/// Verdict of joserfc on each context: `ok`, or the reason against it.
fn read(desk: &Desk, jwks: &str, contexts: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/jose.py");
    let mut python = Command::new(tools::python());
    let mut python = python
        .args(["-W", "ignore", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let question = json!({
        "jwks": jwks, "now": desk.world.now().0, "iss": "twostep", "aud": "payments",
        "contexts": contexts
    });
    python.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn joserfc_reads_our_contexts_and_refuses_tampered_ones() {
    if !tools::have("python:joserfc") {
        return;
    }
    for algorithm in SigningAlgorithm::ALL {
        let desk = Desk::new().await;
        desk.issuer.rotate_keys(algorithm).await.unwrap();
        let (signed, _) = desk.open("payments").await;
        let (elsewhere, _) = desk.open("elsewhere").await;
        let another = Issuer::new(desk.world.verifier.clone(), "another");
        let verified = desk
            .world
            .verifier
            .verify_code(&desk.alice.account, &desk.alice.serial, desk.alice.code(desk.world.now()))
            .await;
        let foreign = another.issue(verified.unwrap(), "payments").await.unwrap();
        let (without, _) =
            desk.issuer.issue_without_mfa(&desk.alice.account, "payments").await.unwrap();
        let forge = Forge::of(&desk.issuer, &desk.world.verifier).await;
        let [header, claims] = opened(&signed);
        let now = desk.world.now().0;
        let with = |claim: &str, value: Value| {
            let mut claims = claims.clone();
            claims[claim] = value;
            forge.sign(&header, &claims).as_str().to_owned()
        };
        let parts: Vec<&str> = signed.as_str().split('.').collect();
        let changed = |claim: &str, value: Value| {
            let mut claims = claims.clone();
            claims[claim] = value;
            format!("{}.{}.{}", parts[0], encoded(&claims.to_string()), parts[2])
        };
        let none = json!({ "alg": "none", "kid": forge.kid, "typ": "mfa+jwt" });
        let symmetric = json!({ "alg": "HS256", "kid": forge.kid, "typ": "mfa+jwt" });
        let message =
            format!("{}.{}", encoded(&symmetric.to_string()), encoded(&claims.to_string()));
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, forge.public.concat().as_bytes()),
            message.as_bytes(),
        );
        let (unknown, impostor) = (Forge::foreign("unknown"), Forge::foreign(&forge.kid));
        let mut jwk_header = header.clone();
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        jwk_header["jwk"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        let contexts = BTreeMap::from([
            ("ours", signed.as_str().to_owned()),
            ("for somebody else", elsewhere.as_str().to_owned()),
            ("of another issuer", foreign.as_str().to_owned()),
            ("without MFA", without.as_str().to_owned()),
            ("another account", changed("sub", json!("mallory"))),
            ("MFA claimed", changed("mfa_present", json!(false))),
            (
                "another signature",
                format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([1; 64])),
            ),
            ("cut signature", signed.as_str()[..signed.as_str().len() - 4].to_owned()),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("alg none", format!("{}.{}.", encoded(&none.to_string()), parts[1])),
            ("alg HS256 with the public key", format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))),
            ("unknown key", unknown.sign(&unknown.header(), &claims).as_str().to_owned()),
            (
                "another key under our name",
                impostor.sign(&impostor.header(), &claims).as_str().to_owned(),
            ),
            (
                "a key of its own",
                Forge::foreign(&forge.kid).sign(&jwk_header, &claims).as_str().to_owned(),
            ),
            ("expired", with("exp", json!(now))),
            ("not yet valid", with("nbf", json!(now + 6))),
        ]);
        let said = read(&desk, &desk.issuer.jwks().await.unwrap().to_json(), &contexts);
        assert_eq!(said.len(), contexts.len());
        for (context, verdict) in said {
            assert_eq!(verdict == "ok", context == "ours", "{context}: {verdict}");
        }
    }
}
