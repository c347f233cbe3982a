//! Forged and damaged contexts: one table for the validator, the guard and the agent.

use std::ops::RangeInclusive;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use twostep::session::{Invalid, SignedContext};

use crate::forge::{Forge, encoded, opened};

/// One that must be refused.
pub struct Negative {
    pub what: String,
    pub signed: SignedContext,
    /// The reason that a validator gives.
    pub why: Invalid,
}

/// Variants of a valid context with MFA, made with the issuer's key, each to be refused at any time
/// at which they are judged; `signed` is valid then. A clock that stands still has one such time.
pub fn negatives(
    forge: &Forge,
    signed: &SignedContext,
    judged: RangeInclusive<u64>,
) -> Vec<Negative> {
    let [header, claims] = opened(signed);
    assert_eq!(header, forge.header(), "the forge has the key of this context");
    let mut table =
        Table { forge, header, claims, signed: signed.as_str().to_owned(), negatives: Vec::new() };
    table.claims_of_another_type();
    table.claims_that_say_something_else(*judged.start(), *judged.end());
    table.headers();
    table.members_twice();
    table.other_types();
    table.other_signatures();
    table.other_spellings();
    table.negatives
}

struct Table<'a> {
    forge: &'a Forge,
    header: Value,
    claims: Value,
    signed: String,
    negatives: Vec<Negative>,
}

/// Among them numbers that no type of a program holds, so they are text.
const VALUES: &[&str] = &[
    "\"1\"",
    "\"true\"",
    "1.5",
    "1.0",
    "1e3",
    "null",
    "[]",
    "[1]",
    "[\"otp\",1]",
    "{}",
    "true",
    "false",
    "-1",
    "0",
    "18446744073709551616",
    "99999999999999999999999999",
    "1e400",
    "-9223372036854775809",
    "NaN",
    "Infinity",
    "0x10",
    "01",
    "1_0",
    "",
];

/// The names by which contexts are signed.
const ALGORITHMS: [&str; 3] = ["EdDSA", "Ed25519", "ES256"];

/// Claims that only a context with MFA has.
pub const MFA_CLAIMS: [&str; 5] = ["amr", "mfa_time", "mfa_serial", "mfa_kind", "uv"];

impl Table<'_> {
    fn add(&mut self, what: impl Into<String>, why: Invalid, signed: SignedContext) {
        self.negatives.push(Negative { what: what.into(), signed, why });
    }

    fn text(&mut self, what: impl Into<String>, why: Invalid, text: String) {
        self.add(what, why, SignedContext::new(text));
    }

    fn claim(&mut self, claim: &str, value: Value, why: Invalid) {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.add(
            format!("{claim} is {}", claims[claim]),
            why,
            self.forge.sign(&self.header, &claims),
        );
    }

    fn header(&mut self, member: &str, value: Value, why: Invalid) {
        let mut header = self.header.clone();
        header[member] = value;
        self.add(
            format!("{member} is {}", header[member]),
            why,
            self.forge.sign(&header, &self.claims),
        );
    }

    fn claims_of_another_type(&mut self) {
        let (header, text) = (self.header.to_string(), self.claims.to_string());
        for (claim, right) in self.claims.as_object().unwrap().clone() {
            let known = format!("\"{claim}\":{right}");
            assert!(text.contains(&known), "{known}");
            for value in VALUES {
                let of_its_type =
                    serde_json::from_str::<Value>(value).is_ok_and(|value| match right {
                        Value::String(_) => value.is_string(),
                        Value::Bool(_) => value.is_boolean(),
                        Value::Number(_) => value.is_u64(),
                        _ => value == json!([]),
                    });
                if !of_its_type {
                    let text = text.replace(&known, &format!("\"{claim}\":{value}"));
                    self.add(
                        format!("{claim} is {value}"),
                        Invalid::Claims,
                        self.forge.sign_text(&header, &text),
                    );
                }
            }
            let mut without = self.claims.clone();
            without.as_object_mut().unwrap().remove(&claim);
            self.add(
                format!("no {claim}"),
                Invalid::Claims,
                self.forge.sign(&self.header, &without),
            );
        }
        for payload in [
            "",
            "null",
            "[]",
            "1",
            "\"x\"",
            "{}",
            "{",
            "{}{}",
            "\u{feff}{}",
            "[1,2,3,4,5,6,7,8,9,10,11,12,13,14]",
        ] {
            self.add(
                format!("the payload is {payload:?}"),
                Invalid::Claims,
                self.forge.sign_text(&header, payload),
            );
        }
    }

    fn claims_that_say_something_else(&mut self, now: u64, last: u64) {
        for (claim, value, why) in [
            ("iss", json!("twostep2"), Invalid::Issuer),
            ("iss", json!(""), Invalid::Issuer),
            ("aud", json!("somebody else"), Invalid::Audience),
            ("aud", json!(""), Invalid::Audience),
            ("sub", json!(""), Invalid::Claims),
            ("sub", json!(" alice"), Invalid::Claims),
            ("sub", json!("alice\u{202e}"), Invalid::Claims),
            ("jti", json!(""), Invalid::Claims),
            ("mfa_present", json!(false), Invalid::Claims),
            ("mfa_kind", json!("password"), Invalid::Claims),
            ("mfa_kind", json!("TOTP"), Invalid::Claims),
            ("mfa_serial", json!("a blank"), Invalid::Claims),
            ("mfa_time", json!(now + 1), Invalid::Claims),
            // Times: what has expired is over, and what is to come is at most five seconds away.
            ("exp", json!(now), Invalid::Expired),
            ("exp", json!(now - 1), Invalid::Expired),
            ("exp", json!(0), Invalid::Expired),
            ("iat", json!(last + 6), Invalid::NotYet),
            ("nbf", json!(last + 6), Invalid::NotYet),
            ("iat", json!(u64::MAX), Invalid::NotYet),
        ] {
            self.claim(claim, value, why);
        }
        let mut backwards = self.claims.clone();
        (backwards["iat"], backwards["exp"]) = (json!(now + 3), json!(now + 2));
        self.add(
            "it ends before it begins",
            Invalid::Claims,
            self.forge.sign(&self.header, &backwards),
        );
    }

    fn headers(&mut self) {
        for (member, value) in [
            ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": self.forge.public[0] })),
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
            self.header(member, value, Invalid::Malformed);
        }
        for typ in [
            "JWT",
            "jwt",
            "at+jwt",
            "MFA+JWT",
            "application/mfa+jwt",
            "mfa+jwt ",
            " mfa+jwt",
            "mfa",
            "",
            "xmfa+jwt",
            "mfa-revocations+jwt",
        ] {
            self.header("typ", json!(typ), Invalid::Type);
        }
        let none = [
            "none", "None", "NONE", "", "HS256", "RS256", "eddsa", "es256", "ed25519", "EdDSA ",
            "Ed25519 ", "Ed448", "ES384", "PS256",
        ];
        let own = self.forge.alg.clone();
        for alg in none.into_iter().chain(ALGORITHMS.into_iter().filter(|alg| *alg != own)) {
            self.header("alg", json!(alg), Invalid::Key);
        }
        for kid in [
            "",
            "kid",
            &self.forge.kid.to_lowercase(),
            &format!("{} ", self.forge.kid),
            "../../etc/passwd",
        ] {
            self.header("kid", json!(kid), Invalid::Key);
        }
        for member in ["alg", "kid", "typ"] {
            let mut header = self.header.clone();
            header.as_object_mut().unwrap().remove(member);
            self.add(
                format!("no {member}"),
                Invalid::Malformed,
                self.forge.sign(&header, &self.claims),
            );
        }
    }

    fn members_twice(&mut self) {
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        for (member, value) in self.header.as_object().unwrap().clone() {
            let twice = format!("{{\"{member}\":{value},{}", &header[1..]);
            self.add(
                format!("{member} twice"),
                Invalid::Malformed,
                self.forge.sign_text(&twice, &claims),
            );
        }
        for (claim, value) in self.claims.as_object().unwrap().clone() {
            let escaped =
                claim.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>();
            for name in [&claim, &escaped] {
                let twice = format!("{{\"{name}\":{value},{}", &claims[1..]);
                self.add(
                    format!("{name} twice"),
                    Invalid::Claims,
                    self.forge.sign_text(&header, &twice),
                );
            }
        }
    }

    /// The halves of a context with MFA and of one without do not make a third.
    fn other_types(&mut self) {
        let mut header = self.header.clone();
        header["typ"] = json!("nomfa+jwt");
        let mut plain = self.claims.clone();
        MFA_CLAIMS
            .iter()
            .for_each(|claim| drop(plain.as_object_mut().unwrap().remove(*claim)));
        plain["mfa_present"] = json!(false);
        for claim in MFA_CLAIMS {
            for value in [self.claims[claim].clone(), Value::Null, json!(false)] {
                let mut claims = plain.clone();
                claims[claim] = value.clone();
                self.add(
                    format!("without MFA, and {claim} is {value}"),
                    Invalid::Claims,
                    self.forge.sign(&header, &claims),
                );
            }
        }
        self.add(
            "without MFA by its type alone",
            Invalid::Claims,
            self.forge.sign(&header, &self.claims),
        );
        self.add(
            "with MFA by its type alone",
            Invalid::Claims,
            self.forge.sign(&self.header, &plain),
        );
    }

    fn other_signatures(&mut self) {
        let foreign = Forge::foreign("foreign");
        self.add("another key", Invalid::Key, foreign.sign(&foreign.header(), &self.claims));
        let mut impostor = Forge::foreign(&self.forge.kid);
        impostor.alg = self.forge.alg.clone();
        self.add(
            "another key under our name",
            Invalid::Signature,
            impostor.sign(&impostor.header(), &self.claims),
        );
        for alg in ["none"].into_iter().chain(ALGORITHMS) {
            let why = if alg == self.forge.alg { Invalid::Signature } else { Invalid::Key };
            self.text(format!("unsigned, as {alg}"), why, format!("{}.", self.message(alg)));
        }
        // The public key as the secret of an HMAC, in the forms that libraries have taken it in.
        let raw: Vec<u8> = self
            .forge
            .public
            .iter()
            .flat_map(|half| URL_SAFE_NO_PAD.decode(half).unwrap())
            .collect();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&raw)
        );
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": self.forge.public[0] }).to_string();
        for secret in
            [raw, self.forge.public.concat().into_bytes(), jwk.into_bytes(), pem.into_bytes()]
        {
            for alg in ["HS256".to_owned(), self.forge.alg.clone()] {
                let message = self.message(&alg);
                let tag =
                    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
                let why = if alg == "HS256" { Invalid::Key } else { Invalid::Signature };
                self.text(
                    format!("HMAC as {alg}"),
                    why,
                    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)),
                );
            }
        }
    }

    fn message(&self, alg: &str) -> String {
        let mut header = self.header.clone();
        header["alg"] = json!(alg);
        format!("{}.{}", encoded(&header.to_string()), encoded(&self.claims.to_string()))
    }

    fn other_spellings(&mut self) {
        let text = self.signed.clone();
        let [header, payload, signature] =
            <[&str; 3]>::try_from(text.split('.').collect::<Vec<_>>()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut signatures = vec![
            String::new(),
            format!("{signature}="),
            URL_SAFE.encode(&bytes),
            signature[..signature.len() - 1].to_owned(),
            format!("{signature}A"),
            format!("{signature}AAAA"),
            URL_SAFE_NO_PAD.encode(&bytes[..63]),
            URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat()),
            URL_SAFE_NO_PAD.encode([&[0], &bytes[..]].concat()),
        ];
        // The last character of the signature says four bits that are none.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet
            .iter()
            .position(|symbol| Some(symbol) == signature.as_bytes().last())
            .unwrap();
        signatures.extend(
            (1..16)
                .map(|bits| format!("{}{}", &signature[..85], char::from(alphabet[last ^ bits]))),
        );
        // The other alphabet, where it makes a difference.
        let standard = STANDARD_NO_PAD.encode(&bytes);
        signatures.extend((standard != signature).then_some(standard));
        for other in signatures {
            self.text(
                format!("the signature is {other:?}"),
                Invalid::Signature,
                format!("{header}.{payload}.{other}"),
            );
        }
        for (why, other) in [
            (Invalid::Malformed, format!("{header}=.{payload}.{signature}")),
            (Invalid::Signature, format!("{header}.{payload}=.{signature}")),
            (Invalid::Malformed, format!("{header}.{payload}")),
            (Invalid::Signature, format!("{header}..{signature}")),
            (Invalid::Malformed, format!(".{payload}.{signature}")),
            (Invalid::Signature, format!("{header}.{payload}.{signature}.")),
            (Invalid::Malformed, format!(".{text}")),
            (Invalid::Signature, format!("{text}.{signature}")),
            (Invalid::Signature, format!("{text}.{payload}.{signature}")),
            (Invalid::Signature, format!("{header}.{payload}\n.{signature}")),
            (Invalid::Malformed, format!("Bearer {text}")),
            (Invalid::Malformed, ".".to_owned()),
            (Invalid::Malformed, "..".to_owned()),
            (
                Invalid::Malformed,
                json!({ "protected": header, "payload": payload, "signature": signature })
                    .to_string(),
            ),
            (Invalid::Malformed, format!("{text}{}", "A".repeat(8_192))),
        ] {
            self.text(format!("the text is {other:?}"), why, other);
        }
    }
}
