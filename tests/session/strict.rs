//! Strict validation: whatever is not exactly a context is refused, however well it is signed.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use twostep::session::Invalid;
use twostep::session::SignedContext;
use twostep::session::SigningAlgorithm;
use twostep::session::Validator;

use crate::Desk;
use crate::forge::Forge;
use crate::forge::encoded;
use crate::forge::opened;

/// What a forger has before them.
struct Bench {
    desk: Desk,
    forge: Forge,
    validator: Validator,
    signed: SignedContext,
    claims: Value,
}

impl Bench {
    async fn new(algorithm: SigningAlgorithm) -> Bench {
        let desk = Desk::new().await;
        desk.issuer.rotate_keys(algorithm).await.unwrap();
        let (signed, _) = desk.open("twostep").await;
        let forge = Forge::of(&desk.issuer, &desk.world.verifier).await;
        let validator = desk.issuer.validator("twostep").await.unwrap();
        let [header, claims] = opened(&signed);
        assert_eq!(header, forge.header());
        let bench = Bench { desk, forge, validator, signed, claims };
        assert!(bench.validator.validate(&bench.forge.sign(&bench.forge.header(), &bench.claims)).is_ok(), "the forge works");
        bench
    }

    #[track_caller]
    fn refused(&self, signed: &SignedContext, why: Invalid, what: &str) {
        assert_eq!(self.validator.validate(signed), Err(why), "{what}");
        assert!(self.validator.validate_any(signed).is_err(), "{what}");
    }

    /// The context with another claim in the place of one, or with a further one.
    fn with(&self, claim: &str, value: Value) -> SignedContext {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.forge.sign(&self.forge.header(), &claims)
    }

    fn with_header(&self, member: &str, value: Value) -> SignedContext {
        let mut header = self.forge.header();
        header[member] = value;
        self.forge.sign(&header, &self.claims)
    }
}

const BOTH: [SigningAlgorithm; 2] = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256];

#[tokio::test]
async fn a_claim_of_another_type_is_refused() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    // As text: some of them are numbers that no type of a program holds.
    let values = ["\"1\"", "\"true\"", "1.5", "1.0", "1e3", "null", "[]", "[1]", "[\"otp\",1]", "{}", "true", "false", "-1", "0"];
    let huge =
        ["18446744073709551616", "99999999999999999999999999", "1e400", "-9223372036854775809", "NaN", "Infinity", "0x10", "01", "1_0", ""];
    let mut tried = 0;
    for (claim, right) in bench.claims.as_object().unwrap() {
        for value in values.iter().chain(&huge) {
            let of_its_type = match serde_json::from_str::<Value>(value) {
                Ok(value) => match right {
                    Value::String(_) => value.is_string(),
                    Value::Bool(_) => value.is_boolean(),
                    Value::Number(_) => value.is_u64(),
                    _ => value == json!([]),
                },
                Err(_) => false,
            };
            let known = format!("\"{claim}\":{right}");
            let text = bench.claims.to_string();
            assert!(text.contains(&known), "{known}");
            let signed = bench.forge.sign_text(&bench.forge.header().to_string(), &text.replace(&known, &format!("\"{claim}\":{value}")));
            if !of_its_type {
                bench.refused(&signed, Invalid::Claims, &format!("{claim} is {value}"));
                tried += 1;
            }
        }
        let mut without = bench.claims.clone();
        without.as_object_mut().unwrap().remove(claim);
        bench.refused(&bench.forge.sign(&bench.forge.header(), &without), Invalid::Claims, &format!("no {claim}"));
    }
    assert!(tried > 250, "{tried}");
    for payload in ["", "null", "[]", "1", "\"x\"", "{}", "{", "{}{}", "\u{feff}{}", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14]"] {
        bench.refused(&bench.forge.sign_text(&bench.forge.header().to_string(), payload), Invalid::Claims, payload);
    }
}

#[tokio::test]
async fn a_claim_that_says_something_else_is_refused() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    let now = bench.desk.world.now().0;
    for (claim, value, why) in [
        ("iss", json!("twostep2"), Invalid::Issuer),
        ("iss", json!(""), Invalid::Issuer),
        ("aud", json!("payments"), Invalid::Audience),
        ("aud", json!(""), Invalid::Audience),
        ("sub", json!(""), Invalid::Claims),
        ("sub", json!(" alice"), Invalid::Claims),
        ("sub", json!("alice\u{202e}"), Invalid::Claims),
        ("jti", json!(""), Invalid::Claims),
        ("mfa_present", json!(false), Invalid::Claims),
        ("mfa_kind", json!("password"), Invalid::Claims),
        ("mfa_kind", json!("TOTP"), Invalid::Claims),
        ("mfa_serial", json!("short"), Invalid::Claims),
        ("mfa_time", json!(now + 1), Invalid::Claims),
        // Times: what has expired is over, and what is to come is at most five seconds away.
        ("exp", json!(now), Invalid::Expired),
        ("exp", json!(0), Invalid::Expired),
        ("iat", json!(now + 6), Invalid::NotYet),
        ("nbf", json!(now + 6), Invalid::NotYet),
        ("iat", json!(u64::MAX), Invalid::NotYet),
    ] {
        bench.refused(&bench.with(claim, value.clone()), why, &format!("{claim} is {value}"));
    }
    for (claim, value) in [("exp", now + 1), ("iat", now + 5), ("nbf", now + 5), ("nbf", 0), ("exp", u64::MAX)] {
        assert!(bench.validator.validate(&bench.with(claim, json!(value))).is_ok(), "{claim} is {value}");
    }
    let mut backwards = bench.claims.clone();
    (backwards["iat"], backwards["exp"]) = (json!(now + 3), json!(now + 2));
    bench.refused(&bench.forge.sign(&bench.forge.header(), &backwards), Invalid::Claims, "it ends before it begins");
    // What a later version adds is not for this one.
    assert!(bench.validator.validate(&bench.with("hat", json!({ "colour": "red" }))).is_ok());
    let later = bench.validator.validate(&bench.with("amr", json!(["otp", "iris"]))).unwrap();
    assert_eq!(later.amr().len(), 1);
}

#[tokio::test]
async fn a_context_without_mfa_that_speaks_of_mfa_is_refused() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    let header = json!({ "alg": bench.forge.alg, "kid": bench.forge.kid, "typ": "nomfa+jwt" });
    let mut plain = bench.claims.clone();
    for claim in ["amr", "mfa_time", "mfa_serial", "mfa_kind", "uv"] {
        plain.as_object_mut().unwrap().remove(claim);
    }
    plain["mfa_present"] = json!(false);
    assert!(bench.validator.validate_any(&bench.forge.sign(&header, &plain)).is_ok());
    for claim in ["amr", "mfa_time", "mfa_serial", "mfa_kind", "uv"] {
        for value in [bench.claims[claim].clone(), Value::Null, json!(false)] {
            let mut claims = plain.clone();
            claims[claim] = value.clone();
            let read = bench.validator.validate_any(&bench.forge.sign(&header, &claims));
            assert_eq!(read, Err(Invalid::Claims), "{claim} is {value}");
        }
    }
    // The two halves of the one do not make the other.
    assert_eq!(bench.validator.validate_any(&bench.forge.sign(&header, &bench.claims)), Err(Invalid::Claims));
    bench.refused(&bench.forge.sign(&bench.forge.header(), &plain), Invalid::Claims, "mfa+jwt without MFA");
}

#[tokio::test]
async fn a_header_says_what_it_must_and_nothing_more() {
    for algorithm in BOTH {
        let bench = Bench::new(algorithm).await;
        for (member, value) in [
            ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": bench.forge.public[0] })),
            ("jku", json!("https://mallory.example/jwks.json")),
            ("x5u", json!("https://mallory.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("cty", json!("JWT")),
            ("alg", Value::Null),
            ("kid", json!(7)),
            ("typ", json!(["mfa+jwt"])),
        ] {
            bench.refused(&bench.with_header(member, value), Invalid::Malformed, member);
        }
        for typ in ["JWT", "jwt", "at+jwt", "MFA+JWT", "application/mfa+jwt", "mfa+jwt ", " mfa+jwt", "mfa", "", "xmfa+jwt"] {
            bench.refused(&bench.with_header("typ", json!(typ)), Invalid::Type, typ);
        }
        for alg in ["none", "None", "NONE", "", "HS256", "RS256", "eddsa", "es256", "Ed25519", "EdDSA ", "ES384", "PS256"] {
            bench.refused(&bench.with_header("alg", json!(alg)), Invalid::Key, alg);
        }
        let other = if algorithm == SigningAlgorithm::EdDsa { "ES256" } else { "EdDSA" };
        bench.refused(&bench.with_header("alg", json!(other)), Invalid::Key, other);
        for kid in ["", "kid", &bench.forge.kid.to_lowercase(), &format!("{} ", bench.forge.kid), "../../etc/passwd"] {
            bench.refused(&bench.with_header("kid", json!(kid)), Invalid::Key, kid);
        }
        for member in ["alg", "kid", "typ"] {
            let mut header = bench.forge.header();
            header.as_object_mut().unwrap().remove(member);
            bench.refused(&bench.forge.sign(&header, &bench.claims), Invalid::Malformed, &format!("no {member}"));
        }
    }
}

#[tokio::test]
async fn what_is_there_twice_is_refused() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    let (header, claims) = (bench.forge.header().to_string(), bench.claims.to_string());
    for (member, value) in bench.forge.header().as_object().unwrap() {
        let twice = format!("{{\"{member}\":{value},{}", &header[1..]);
        bench.refused(&bench.forge.sign_text(&twice, &claims), Invalid::Malformed, member);
    }
    for (claim, value) in bench.claims.as_object().unwrap() {
        let escaped = claim.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>();
        for name in [claim, &escaped] {
            let twice = format!("{{\"{name}\":{value},{}", &claims[1..]);
            bench.refused(&bench.forge.sign_text(&header, &twice), Invalid::Claims, claim);
        }
    }
}

#[tokio::test]
async fn a_signature_of_anybody_else_or_of_nobody_is_refused() {
    for algorithm in BOTH {
        let bench = Bench::new(algorithm).await;
        let foreign = Forge::foreign("foreign");
        bench.refused(&foreign.sign(&foreign.header(), &bench.claims), Invalid::Key, "another key");
        let mut impostor = Forge::foreign(&bench.forge.kid);
        impostor.alg = bench.forge.alg.clone();
        bench.refused(&impostor.sign(&impostor.header(), &bench.claims), Invalid::Signature, "another key under our name");
        for alg in ["none", "EdDSA", "ES256"] {
            let mut header = bench.forge.header();
            header["alg"] = json!(alg);
            let unsigned = format!("{}.{}.", encoded(&header.to_string()), encoded(&bench.claims.to_string()));
            let why = if alg == bench.forge.alg { Invalid::Signature } else { Invalid::Key };
            bench.refused(&SignedContext::new(unsigned), why, alg);
        }
        // The public key as the secret of an HMAC, in the forms that libraries have taken it in.
        let raw: Vec<u8> = bench.forge.public.iter().flat_map(|half| URL_SAFE_NO_PAD.decode(half).unwrap()).collect();
        let jwks = bench.desk.issuer.jwks().await.unwrap().to_json();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&raw));
        for secret in [raw, bench.forge.public.concat().into_bytes(), jwks.into_bytes(), pem.into_bytes()] {
            for alg in ["HS256", &bench.forge.alg] {
                let mut header = bench.forge.header();
                header["alg"] = json!(alg);
                let message = format!("{}.{}", encoded(&header.to_string()), encoded(&bench.claims.to_string()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
                let signed = SignedContext::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
                let why = if alg == "HS256" { Invalid::Key } else { Invalid::Signature };
                bench.refused(&signed, why, &format!("HMAC as {alg}"));
            }
        }
    }
}

#[tokio::test]
async fn a_context_has_one_spelling() {
    for algorithm in BOTH {
        let bench = Bench::new(algorithm).await;
        let text = bench.signed.as_str();
        let [header, payload, signature] = <[&str; 3]>::try_from(text.split('.').collect::<Vec<_>>()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut others = vec![
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}=.{signature}"),
            format!("{header}.{payload}.{signature}="),
            format!("{header}.{payload}.{}", URL_SAFE.encode(&bytes)),
            format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
            format!("{header}.{payload}.{signature}A"),
            format!("{header}.{payload}.{signature}AAAA"),
            format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(&bytes[..63])),
            format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat())),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{header}..{signature}"),
            format!(".{payload}.{signature}"),
            format!("{header}.{payload}.{signature}."),
            format!(".{text}"),
            format!("{text}.{signature}"),
            format!("{header}.{payload}.{signature}.{payload}.{signature}"),
            format!(" {text}"),
            format!("{text} "),
            format!("{text}\n"),
            format!("{header}.{payload}\n.{signature}"),
            format!("Bearer {text}"),
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
            format!("{text}{}", "A".repeat(8_192)),
        ];
        // The last character of the signature says four bits that are none.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet.iter().position(|symbol| Some(symbol) == signature.as_bytes().last()).unwrap();
        for bits in 1..16 {
            others.push(format!("{header}.{payload}.{}{}", &signature[..85], char::from(alphabet[last ^ bits])));
        }
        // The other alphabet, where it makes a difference.
        let standard = STANDARD_NO_PAD.encode(&bytes);
        others.extend((standard != signature).then(|| format!("{header}.{payload}.{standard}")));
        for other in others {
            let read = bench.validator.validate_any(&SignedContext::new(other.clone()));
            assert!(read.is_err(), "{other:?}");
        }
        // Each character in the place of each other one of its neighbourhood.
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = SignedContext::new(String::from_utf8(changed).unwrap());
            assert!(bench.validator.validate_any(&changed).is_err(), "character {at}");
        }
        assert!(bench.validator.validate(&bench.signed).is_ok());
    }
}
