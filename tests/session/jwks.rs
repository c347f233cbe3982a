//! JWK Sets as they are met in the field: with keys that are not ours to use, and with ours as
//! other libraries write them.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::forge::{Forge, encoded, opened};
use test_support::tools;
use twostep::session::{
    Invalid, JwkSet, JwksFile, JwksFileError, KeyError, KeySource, PublicKey, RevocationFeed,
    RevocationList, SecurityEvent, SignedContext, SigningAlgorithm, Validator,
};

use super::Desk;

/// A context and the key that signed it, as it is published.
struct Signed {
    desk: Desk,
    context: SignedContext,
    key: Value,
}

impl Signed {
    async fn by(algorithm: SigningAlgorithm) -> Signed {
        let desk = Desk::new().await;
        desk.issuer.rotate_keys(algorithm).await.unwrap();
        let (context, _) = desk.open("twostep").await;
        let published: Value =
            serde_json::from_str(&desk.issuer.jwks().await.unwrap().to_json()).unwrap();
        let kid = &opened(&context)[0]["kid"];
        let key = published["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["kid"] == *kid)
            .unwrap()
            .clone();
        Signed { desk, context, key }
    }

    fn validator(&self, keys: impl KeySource + 'static) -> Validator {
        Validator::new(keys, "twostep", "twostep")
            .with_clock(self.desk.world.verifier.clock())
            .remembering(0)
    }

    /// Verdict on the context of a validator with exactly these keys.
    fn judged(&self, keys: &[Value]) -> Result<(), Invalid> {
        let set = JwkSet::from_json(json!({ "keys": keys }).to_string().as_bytes())
            .map_err(|_| Invalid::Key)?;
        self.validator(set).validate(&self.context).map(drop)
    }

    /// The key with other members; `null` takes one away.
    fn changed(&self, changes: Value) -> Value {
        let mut key = self.key.clone();
        for (member, value) in changes.as_object().unwrap() {
            if value.is_null() {
                drop(key.as_object_mut().unwrap().remove(member))
            } else {
                key[member] = value.clone()
            }
        }
        key
    }

    /// Keys that are not for contexts, each with a word of the reason. The last ones are made of
    /// our own key.
    fn not_ours(&self) -> Vec<(Value, &'static str)> {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let kid = &self.key["kid"];
        let foreign = [
            (
                json!({
                    "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "rsa",
                    "n": "0vx7", "e": "AQAB"
                }),
                "no Ed25519",
            ),
            (json!({ "kty": "RSA", "n": "0vx7", "e": "AQAB" }), "no Ed25519"),
            (
                json!({ "kty": "oct", "alg": "HS256", "kid": "symmetric", "k": "AAAA" }),
                "no Ed25519",
            ),
            (json!({ "kty": "oct", "alg": "HS256", "kid": kid, "k": "AAAA" }), "no Ed25519"),
            (json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": kid, "pub": "AAAA" }), "no Ed25519"),
            (
                json!({ "kty": "OKP", "crv": "X25519", "use": "enc", "kid": "x", "x": x }),
                "no Ed25519",
            ),
            (
                json!({
                    "kty": "OKP", "crv": "Ed448", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x
                }),
                "no Ed25519",
            ),
            (
                json!({
                    "kty": "EC", "crv": "P-384", "alg": "ES384", "kid": "p384", "x": x, "y": x
                }),
                "no Ed25519",
            ),
            (json!({ "kty": "EC", "crv": "secp256k1", "kid": kid, "x": x, "y": x }), "no Ed25519"),
            (json!({ "kty": "EC", "crv": "Ed25519", "x": x, "y": x }), "no Ed25519"),
            (json!({ "kty": "OKP", "x": x }), "no Ed25519"),
            (json!({}), "no Ed25519"),
            (json!({ "kty": 7 }), "wrong type"),
            (json!("text"), "no JWK"),
            (json!(null), "no JWK"),
            (json!([]), "no JWK"),
            (json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": x }), "no point"),
        ];
        let ours = [
            (json!({ "use": "enc" }), "to verify"),
            (json!({ "use": "SIG" }), "to verify"),
            (json!({ "use": "" }), "to verify"),
            (json!({ "use": ["sig"] }), "wrong type"),
            (json!({ "key_ops": [] }), "to verify"),
            (json!({ "key_ops": ["sign"] }), "to verify"),
            (json!({ "key_ops": ["deriveKey", "encrypt"], "use": null }), "to verify"),
            (json!({ "key_ops": "verify" }), "wrong type"),
            (json!({ "alg": "ECDH-ES" }), "\"alg\""),
            (json!({ "alg": "RS256" }), "\"alg\""),
            (json!({ "alg": "none" }), "\"alg\""),
            (json!({ "alg": "" }), "\"alg\""),
            (json!({ "alg": if self.key["kty"] == "EC" { "EdDSA" } else { "ES256" } }), "\"alg\""),
            (json!({ "alg": 7 }), "wrong type"),
            (json!({ "kid": 7 }), "wrong type"),
            (json!({ "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" }), "private half"),
            (json!({ "x": null }), "wrong type"),
            (json!({ "x": 7 }), "wrong type"),
            (json!({ "x": "" }), "no point"),
            (json!({ "x": format!("{}=", self.key["x"].as_str().unwrap()) }), "no point"),
            (json!({ "x": "AA" }), "no point"),
            (json!({ "x": "A".repeat(44) }), "no point"),
            (json!({ "x": "*".repeat(43) }), "no point"),
        ];
        let ours = ours.into_iter().map(|(changes, why)| (self.changed(changes), why));
        foreign.into_iter().chain(ours).collect()
    }
}

#[tokio::test]
async fn keys_of_other_uses_in_a_set_are_left_out() {
    for algorithm in SigningAlgorithm::ALL {
        let signed = Signed::by(algorithm).await;
        let all: Vec<Value> = signed.not_ours().into_iter().map(|(key, _)| key).collect();
        for (key, why) in signed.not_ours() {
            let error =
                JwkSet::from_json(json!({ "keys": [key] }).to_string().as_bytes()).unwrap_err();
            assert!(
                matches!(&error, KeyError::NoneUsable(said) if said.contains(why)),
                "{key}: {error}"
            );
            assert_eq!(
                signed.judged(&[key.clone(), signed.key.clone()]),
                Ok(()),
                "before ours: {key}"
            );
            assert_eq!(
                signed.judged(&[signed.key.clone(), key.clone()]),
                Ok(()),
                "after ours: {key}"
            );
        }
        assert_eq!(
            signed.judged(&[&all[..], std::slice::from_ref(&signed.key), &all[..]].concat()),
            Ok(())
        );
        // A long set does not make a long message, and no message repeats a key.
        let error =
            JwkSet::from_json(json!({ "keys": vec![&all[0]; 1_000] }).to_string().as_bytes())
                .unwrap_err()
                .to_string();
        assert!(error.len() < 1_000 && !error.contains("0vx7"), "{error}");
    }
}

#[tokio::test]
async fn our_key_is_accepted_as_other_libraries_write_it() {
    for algorithm in SigningAlgorithm::ALL {
        let signed = Signed::by(algorithm).await;
        for changes in [
            json!({ "alg": null }),
            json!({ "use": null }),
            json!({ "kid": null }),
            json!({ "alg": null, "use": null, "kid": null }),
            json!({ "use": null, "key_ops": ["verify"], "ext": true }),
            json!({ "key_ops": ["sign", "verify"] }),
            json!({
                "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA", "x5u": "https://mallory.example/",
                "iat": 1, "exp": 0, "nbf": 9
            }),
            json!({ "iss": "somebody", "verified": false, "nested": { "kty": "RSA", "d": 1 } }),
        ] {
            assert_eq!(signed.judged(&[signed.changed(changes.clone())]), Ok(()), "{changes}");
        }
        // Some write what they do not know as null.
        let mut empty = signed.key.clone();
        ["alg", "use", "kid", "key_ops", "d", "x5c"]
            .iter()
            .for_each(|member| empty[*member] = Value::Null);
        assert_eq!(signed.judged(&[empty]), Ok(()));
        // Under another name it is another key, and what is written of it is what was read.
        assert_eq!(
            signed.judged(&[signed.changed(json!({ "kid": "renamed" }))]),
            Err(Invalid::Key)
        );
        let bare = json!({ "keys": [signed.changed(json!({ "alg": null }))] }).to_string();
        let read = JwkSet::from_json(bare.as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&read.to_json()).unwrap(),
            serde_json::from_str::<Value>(&bare).unwrap()
        );
    }
}

#[tokio::test]
async fn a_headers_algorithm_must_fit_the_key() {
    for algorithm in SigningAlgorithm::ALL {
        let signed = Signed::by(algorithm).await;
        let forge = Forge::of(&signed.desk.issuer, &signed.desk.world.verifier).await;
        let [header, claims] = opened(&signed.context);
        assert_eq!(header["alg"], algorithm.name());
        let curve = |name: SigningAlgorithm| name == SigningAlgorithm::Es256;
        for named in SigningAlgorithm::ALL {
            let mut header = header.clone();
            header["alg"] = json!(named.name());
            let context = forge.sign(&header, &claims);
            for key in [signed.key.clone(), signed.changed(json!({ "alg": null }))] {
                let accepted = if key.get("alg").is_some() {
                    named == algorithm
                } else {
                    curve(named) == curve(algorithm)
                };
                let set =
                    JwkSet::from_json(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
                assert_eq!(set.find(&forge.kid).unwrap().accepts(named.name()), accepted);
                let said = signed.validator(set).validate(&context).map(drop);
                assert_eq!(
                    said,
                    if accepted { Ok(()) } else { Err(Invalid::Key) },
                    "{named} by {key}"
                );
            }
        }
    }
}

/// RFC 7517 §4.5 lets keys of different types have one id.
#[tokio::test]
async fn keys_of_one_name_are_told_apart_by_what_they_sign() {
    for (one, other) in [
        (SigningAlgorithm::EdDsa, SigningAlgorithm::Es256),
        (SigningAlgorithm::Ed25519, SigningAlgorithm::Ed25519),
    ] {
        let (one, other) = (Signed::by(one).await, Signed::by(other).await);
        let name = one.key["kid"].clone();
        let same = other.changed(json!({ "kid": name }));
        for keys in [[one.key.clone(), same.clone()], [same.clone(), one.key.clone()]] {
            assert_eq!(one.judged(&keys), Ok(()));
        }
        assert_eq!(
            one.judged(&[same]),
            Err(if other.key["alg"] == one.key["alg"] { Invalid::Signature } else { Invalid::Key })
        );
        assert_eq!(one.judged(&[one.key.clone(), one.key.clone()]), Ok(()));
        assert_eq!(
            JwkSet::from_json(json!({ "keys": [one.key, one.key] }).to_string().as_bytes())
                .unwrap()
                .to_json()
                .matches("kid")
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn a_file_without_usable_keys_withdraws_them_and_is_reported() {
    let signed = Signed::by(SigningAlgorithm::EdDsa).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let (none, some) = (
        json!({ "keys": [{ "kty": "RSA", "kid": "theirs" }] }).to_string(),
        json!({ "keys": [signed.key] }).to_string(),
    );
    fs::write(&path, &none).unwrap();
    let error = JwksFile::open(&path).unwrap_err();
    assert!(
        error.to_string().contains("\"theirs\"") && error.to_string().contains("jwks.json"),
        "{error}"
    );

    fs::write(&path, &some).unwrap();
    let file = std::sync::Arc::new(JwksFile::open(&path).unwrap());
    let validator = signed.validator(std::sync::Arc::clone(&file));
    assert!(validator.validate(&signed.context).is_ok());
    // An unreadable set changes nothing; a readable one lists the keys that exist.
    fs::write(&path, "{").unwrap();
    assert!(matches!(
        file.reload(),
        Err(JwksFileError::Keys { cause: KeyError::Malformed(_), .. })
    ));
    assert!(validator.validate(&signed.context).is_ok());
    fs::write(&path, &none).unwrap();
    assert!(matches!(
        file.reload(),
        Err(JwksFileError::Keys { cause: KeyError::NoneUsable(_), .. })
    ));
    assert_eq!(validator.validate(&signed.context).map(drop), Err(Invalid::Key));
    fs::write(&path, &some).unwrap();
    file.reload().unwrap();
    assert!(validator.validate(&signed.context).is_ok());
}

#[tokio::test]
async fn keys_of_all_algorithms_replace_each_other() {
    let desk = Desk::new().await;
    let feed = RevocationFeed::new(desk.issuer.clone(), desk.world.verifier.clone());
    let mut contexts = Vec::new();
    for algorithm in SigningAlgorithm::ALL.into_iter().chain([SigningAlgorithm::EdDsa]) {
        let made = desk.issuer.rotate_keys(algorithm).await.unwrap();
        assert_eq!(made.algorithm, algorithm.name());
        let keys =
            JwkSet::from_json(desk.issuer.jwks().await.unwrap().to_json().as_bytes()).unwrap();
        assert_eq!(
            keys.find(&made.kid).unwrap().algorithm(),
            algorithm.name(),
            "as it is published"
        );
        contexts.push(desk.open("twostep").await.0);
        let list = feed.current().await.unwrap();
        let read = RevocationList::verify(&list.text, &keys, "twostep", desk.world.now()).unwrap();
        assert_eq!(read.signed_with(), made.kid);
        let event = SecurityEvent {
            id: "one",
            uri: "urn:example:event",
            at: desk.world.now(),
            account: None,
            details: &json!({}),
        };
        let event = SignedContext::new(
            desk.issuer
                .sign_event(event, "https://hooks.example", desk.world.now())
                .await
                .unwrap(),
        );
        for text in [SignedContext::new(list.text.clone()), event.clone()] {
            assert_eq!(opened(&text)[0]["alg"], algorithm.name());
        }
        let parts: Vec<&str> = event.as_str().rsplitn(2, '.').collect();
        assert!(keys.find(&made.kid).unwrap().verifies(parts[1].as_bytes(), parts[0]));
        let validator = desk.issuer.validator("twostep").await.unwrap();
        for context in &contexts {
            assert!(validator.validate(context).is_ok(), "{}", opened(context)[0]);
            assert!(super::alive(&desk.introspector(), context).await);
        }
    }
    assert_eq!(
        desk.issuer.sign_by(SigningAlgorithm::EdDsa).await.unwrap(),
        None,
        "it signs so already"
    );
    let made = desk.issuer.sign_by(SigningAlgorithm::Ed25519).await.unwrap().unwrap();
    assert_eq!(opened(&desk.open("twostep").await.0)[0]["kid"], made.kid);
}

#[test]
fn an_algorithm_is_read_by_its_exact_name() {
    for algorithm in SigningAlgorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
    }
    for other in ["", "eddsa", "ED25519", "es256", "ES256 ", "ES384", "HS256", "none", "Ed448"] {
        let error = other.parse::<SigningAlgorithm>().unwrap_err();
        assert_eq!(error.to_string(), "an algorithm is EdDSA, Ed25519 or ES256");
    }
}

/// Sets that joserfc has read and written again, in each of its forms.
#[tokio::test]
async fn our_keys_come_back_from_joserfc_as_they_are() {
    if !tools::have("python:joserfc") {
        return;
    }
    let script = "import json, sys\nfrom joserfc.jwk import KeySet\n\
                  keys = KeySet.import_key_set(json.load(sys.stdin))\n\
                  for key in keys.keys: print(json.dumps({'keys': [key.as_dict(private=False)]}))\n\
                  print(json.dumps(keys.as_dict()))";
    for algorithm in SigningAlgorithm::ALL {
        let signed = Signed::by(algorithm).await;
        for key in [
            signed.key.clone(),
            signed.changed(json!({ "alg": null, "use": null })),
            signed.changed(json!({ "kid": null })),
        ] {
            let mut python = Command::new(tools::python());
            let mut python = python
                .args(["-W", "ignore", "-c", script])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            python
                .stdin
                .take()
                .unwrap()
                .write_all(json!({ "keys": [key] }).to_string().as_bytes())
                .unwrap();
            let output = python.wait_with_output().unwrap();
            assert!(output.status.success());
            let written = String::from_utf8(output.stdout).unwrap();
            assert_eq!(written.lines().count(), 2);
            for set in written.lines() {
                let keys = JwkSet::from_json(set.as_bytes()).unwrap();
                assert!(signed.validator(keys).validate(&signed.context).is_ok(), "{set}");
            }
        }
    }
}

/// The signature of RFC 8037 Appendix A.4, under each name that its algorithm has.
#[test]
fn a_key_without_an_id_gets_its_thumbprint() {
    let set = br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
                            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let key = JwkSet::from_json(set)
        .unwrap()
        .find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        .cloned()
        .unwrap();
    let message =
        format!("{}.{}", encoded(r#"{"alg":"EdDSA"}"#), encoded("Example of Ed25519 signing"));
    assert!(key.verifies(
        message.as_bytes(),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    ));
    assert!(
        key.accepts("EdDSA")
            && key.accepts("Ed25519")
            && !key.accepts("ES256")
            && !key.accepts("none")
    );
    let known =
        PublicKey::from_coordinates(&["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()])
            .unwrap();
    assert!(known.accepts("EdDSA") && !known.accepts("Ed25519"));
}
