//! The issuer's public keys: a JWK Set (RFC 7517 §5), with Ed25519 keys of RFC 8037 and P-256 keys of RFC 7518 §6.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use aws_lc_rs::signature::ED25519;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

/// The public keys of an issuer, by their ids. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Arc<BTreeMap<String, Arc<PublicKey>>>,
}

/// Where a validator finds its keys. A [`JwkSet`] is one that stays as it is.
pub trait KeySource: Send + Sync {
    /// The keys as they are now, from memory: a validation waits for nobody.
    fn keys(&self) -> JwkSet;
}

/// One public key; it verifies with its own algorithm and no other.
#[derive(Clone, Debug)]
pub struct PublicKey {
    jwk: Jwk,
    key: ParsedPublicKey,
}

/// The keys cannot be used.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no JWK Set.
    #[error("this is no JWK Set: {0}")]
    Malformed(String),
    /// A key is not what it says it is.
    #[error("the key {0} is no Ed25519 or P-256 public key")]
    Unusable(String),
}

/// A key as it stands in a JWK Set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    kid: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    keys: Vec<&'a Jwk>,
}

#[derive(Deserialize)]
struct Read {
    keys: Vec<serde_json::Value>,
}

impl JwkSet {
    /// A set of these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> JwkSet {
        JwkSet { keys: Arc::new(keys.into_iter().map(|key| (key.jwk.kid.clone(), Arc::new(key))).collect()) }
    }

    /// Reads a JWK Set. Keys of kinds that are not ours are left out, as RFC 7517 §5 says; a key of ours that is broken is an error.
    pub fn from_json(text: &[u8]) -> Result<JwkSet, KeyError> {
        let read: Read = serde_json::from_slice(text).map_err(|error| KeyError::Malformed(error.to_string()))?;
        let ours = read.keys.into_iter().filter(
            |key| matches!((&key["kty"], &key["crv"]), (kty, crv) if (kty == "OKP" && crv == "Ed25519") || (kty == "EC" && crv == "P-256")),
        );
        let keys = ours.map(|key| {
            let jwk: Jwk = serde_json::from_value(key).map_err(|error| KeyError::Malformed(error.to_string()))?;
            PublicKey::from_jwk(jwk)
        });
        Ok(JwkSet::new(keys.collect::<Result<Vec<PublicKey>, KeyError>>()?))
    }

    /// The set's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Written { keys: self.keys.values().map(|key| &key.jwk).collect() }).unwrap_or_default()
    }

    /// The key with this id.
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.shared(kid).map(Arc::as_ref)
    }

    pub(super) fn shared(&self, kid: &str) -> Option<&Arc<PublicKey>> {
        self.keys.get(kid)
    }

    /// Whether this very key is among them, and not only one that is called like it.
    pub(super) fn holds(&self, key: &Arc<PublicKey>) -> bool {
        self.shared(key.kid()).is_some_and(|found| Arc::ptr_eq(found, key) || found.jwk == key.jwk)
    }
}

impl KeySource for JwkSet {
    fn keys(&self) -> JwkSet {
        self.clone()
    }
}

impl<S: KeySource + ?Sized> KeySource for Arc<S> {
    fn keys(&self) -> JwkSet {
        (**self).keys()
    }
}

impl PublicKey {
    /// An Ed25519 key (RFC 8037 §2) from its `x`, or a P-256 key from its `x` and `y`, all base64url. Its id is its thumbprint.
    pub fn from_coordinates(coordinates: &[String]) -> Result<PublicKey, KeyError> {
        let (kty, crv, alg, x, y) = match coordinates {
            [x] => ("OKP", "Ed25519", "EdDSA", x.clone(), None),
            [x, y] => ("EC", "P-256", "ES256", x.clone(), Some(y.clone())),
            _ => return Err(KeyError::Unusable(String::new())),
        };
        let jwk = Jwk { kty: kty.to_owned(), crv: crv.to_owned(), alg: alg.to_owned(), usage: "sig".to_owned(), kid: String::new(), x, y };
        PublicKey::from_jwk(Jwk { kid: thumbprint(&jwk), ..jwk })
    }

    /// The key's id: its JWK thumbprint (RFC 7638 §3), which says what key it is.
    pub fn kid(&self) -> &str {
        &self.jwk.kid
    }

    /// Its one algorithm: `EdDSA` or `ES256`.
    pub fn algorithm(&self) -> &str {
        &self.jwk.alg
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        // Ed25519 (RFC 8032 §5.1.7), or r and s of ECDSA side by side (RFC 7518 §3.4): 64 bytes, both.
        let mut bytes = [0; 66];
        let length = if signature.len() == 86 { URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok() } else { None };
        length.and_then(|length| bytes.get(..length)).is_some_and(|signature| self.key.verify_sig(message, signature).is_ok())
    }

    fn from_jwk(jwk: Jwk) -> Result<PublicKey, KeyError> {
        let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32);
        let key = match (jwk.kty.as_str(), jwk.alg.as_str(), &jwk.y) {
            ("OKP", "EdDSA", None) => coordinate(&jwk.x).and_then(|x| ParsedPublicKey::new(&ED25519, x).ok()),
            // SEC 1 §2.3.3: a point that is not compressed begins with 4.
            ("EC", "ES256", Some(y)) => coordinate(&jwk.x).zip(coordinate(y)).and_then(|(x, y)| {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
            }),
            _ => None,
        };
        let key = key.ok_or_else(|| KeyError::Unusable(jwk.kid.clone()))?;
        Ok(PublicKey { jwk, key })
    }
}

/// RFC 7638 §3.2: the required members in the order of their names, without white space.
fn thumbprint(jwk: &Jwk) -> String {
    let y = jwk.y.as_ref().map_or_else(String::new, |y| format!(r#","y":"{y}""#));
    let canonical = format!(r#"{{"crv":"{}","kty":"{}","x":"{}"{y}}}"#, jwk.crv, jwk.kty, jwk.x);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 Appendix A.2 to A.5.
    #[test]
    fn the_key_its_thumbprint_and_its_signature_are_those_of_rfc_8037_appendix_a() {
        let key = PublicKey::from_coordinates(&["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()]).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert!(key.verifies(message, signature));
        assert!(!key.verifies(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd", signature));
        assert!(!key.verifies(message, &format!("{signature}=")));
    }

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let key = PublicKey::from_coordinates(&["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()]).unwrap();
        let text = JwkSet::new([key]).to_json();
        let set = JwkSet::from_json(text.as_bytes()).unwrap();
        assert_eq!(set.to_json(), text);
        assert!(set.find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").is_some());
        assert!(JwkSet::from_json(br#"{"keys":[{"kty":"RSA","n":"x"}]}"#).unwrap().keys.is_empty());
        assert!(JwkSet::from_json(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"a","x":"AA"}]}"#).is_err());
        assert!(JwkSet::from_json(b"[]").is_err());
    }
}
