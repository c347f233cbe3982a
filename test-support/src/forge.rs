//! A forge for contexts: signs any claims, with the issuer's own key or with another.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use twostep::session::{Issuer, SignedContext};
use twostep::store::SealedPlace;
use twostep::verifier::Verifier;

pub struct Forge {
    pub kid: String,
    pub alg: String,
    /// The coordinates of the public key, base64url.
    pub public: Vec<String>,
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Forge {
    /// A forge that got at the issuer's present key.
    pub async fn of(issuer: &Issuer, verifier: &Verifier) -> Forge {
        issuer.jwks().await.unwrap();
        let record = verifier.store().signing_keys().await.unwrap().remove(0);
        let place = SealedPlace::SigningKey { kid: record.kid.clone() };
        let private = verifier
            .sealer()
            .await
            .unwrap()
            .keyring()
            .open(&place, &record.private)
            .unwrap();
        let key = match record.algorithm.as_str() {
            "EdDSA" | "Ed25519" => {
                Key::Ed25519(Ed25519KeyPair::from_pkcs8(private.expose()).unwrap())
            }
            _ => Key::P256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.expose())
                    .unwrap(),
            ),
        };
        Forge { kid: record.kid, alg: record.algorithm, public: record.public, key }
    }

    /// A forge with a key of its own, which it calls by this name.
    pub fn foreign(kid: &str) -> Forge {
        let key = Key::Ed25519(Ed25519KeyPair::generate().unwrap());
        Forge { kid: kid.to_owned(), alg: "EdDSA".to_owned(), public: Vec::new(), key }
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.alg, "kid": self.kid, "typ": "mfa+jwt" })
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> SignedContext {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs texts that no library would write.
    pub fn sign_text(&self, header: &str, claims: &str) -> SignedContext {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        SignedContext::new(format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(self.signature(&message))
        ))
    }

    pub fn signature(&self, message: &str) -> Vec<u8> {
        match &self.key {
            Key::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Key::P256(key) => {
                key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
        }
    }
}

/// The header and the claims of a context.
pub fn opened(signed: &SignedContext) -> [Value; 2] {
    let mut parts = signed.as_str().split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    [parts.next().unwrap(), parts.next().unwrap()]
        .map(|part| serde_json::from_slice(&part).unwrap())
}

pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}
