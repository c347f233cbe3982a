//! The issuer's public keys: a JWK Set (RFC 7517 §5).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::public_key::{NotOurs, Published};
use crate::session::{KeyError, PublicKey};

/// The public keys of an issuer, by their ids. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// Several keys may have one id (RFC 7517 §4.5).
    keys: Arc<BTreeMap<String, Vec<Arc<PublicKey>>>>,
}

/// A source of public keys for validators. A [`JwkSet`] is a source that does not change.
pub trait KeySource: Send + Sync {
    /// The keys as they are now, from memory: a validation does no I/O.
    fn keys(&self) -> JwkSet;
}

/// The content of a JWK Set.
pub(super) struct Read {
    pub(super) keys: JwkSet,
    /// [`KeyError::NoneUsable`], where there is no key.
    pub(super) fault: Option<KeyError>,
}

#[derive(Serialize)]
struct Set<'a> {
    keys: Vec<Published<'a>>,
}

#[derive(Deserialize)]
struct Members {
    keys: Vec<Value>,
}

impl JwkSet {
    /// A set of these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> JwkSet {
        let mut by_id: BTreeMap<String, Vec<Arc<PublicKey>>> = BTreeMap::new();
        for key in keys {
            let named = by_id.entry(key.kid().to_owned()).or_default();
            if !named.iter().any(|known| known.is(&key)) {
                named.push(Arc::new(key));
            }
        }
        JwkSet { keys: Arc::new(by_id) }
    }

    /// Reads a JWK Set. Keys that cannot verify contexts are left out (RFC 7517 §5): of another
    /// type or curve, for encryption, by another algorithm, malformed, or published with their
    /// private half.
    ///
    /// A key may leave out `alg`, `use`, `key_ops` and `kid`, and may have any further members.
    ///
    /// # Errors
    /// The text is no JWK Set, or no key is left.
    pub fn from_json(text: &[u8]) -> Result<JwkSet, KeyError> {
        let Read { keys, fault } = JwkSet::read(text)?;
        fault.map_or(Ok(keys), Err)
    }

    /// Reads a JWK Set for a reader that has keys already: a set without a usable key takes those
    /// back, and reports its fault beside the empty set.
    pub(super) fn read(text: &[u8]) -> Result<Read, KeyError> {
        if text.trim_ascii().is_empty() {
            return Err(KeyError::Empty);
        }
        let members: Members =
            serde_json::from_slice(text).map_err(|error| KeyError::Malformed(error.to_string()))?;
        let read: Vec<Result<PublicKey, NotOurs>> =
            members.keys.iter().map(PublicKey::from_jwk).collect();
        let why = || {
            let left_out = read
                .iter()
                .zip(&members.keys)
                .enumerate()
                .filter_map(|(at, (read, jwk))| Some((at, read.as_ref().err()?, jwk)));
            let said: Vec<String> = left_out
                .take(MOST_NAMED)
                .map(|(at, why, jwk)| format!("{}: {why}", name(at, jwk)))
                .collect();
            if said.is_empty() { "there is none in it".to_owned() } else { said.join("; ") }
        };
        let fault = read.iter().all(Result::is_err).then(|| KeyError::NoneUsable(why()));
        Ok(Read { fault, keys: JwkSet::new(read.into_iter().flatten()) })
    }

    /// The set's text.
    pub fn to_json(&self) -> String {
        let keys = self.keys.values().flatten().map(|key| key.published()).collect();
        serde_json::to_string(&Set { keys }).unwrap_or_default()
    }

    /// The key with this id; the first of several.
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.named(kid).first().map(Arc::as_ref)
    }

    /// All keys with this id.
    pub(super) fn named(&self, kid: &str) -> &[Arc<PublicKey>] {
        self.keys.get(kid).map_or(&[], Vec::as_slice)
    }

    /// Returns whether the set holds this key, compared by value and not by id alone.
    pub(super) fn holds(&self, key: &Arc<PublicKey>) -> bool {
        self.named(key.kid())
            .iter()
            .any(|found| Arc::ptr_eq(found, key) || found.is(key))
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

/// A key's name in messages: its id, or its place in the set.
fn name(at: usize, jwk: &Value) -> String {
    let kid = jwk
        .get("kid")
        .and_then(Value::as_str)
        .map(|kid| kid.chars().take(LONGEST_NAME).collect::<String>());
    kid.map_or_else(|| format!("key {}", at.saturating_add(1)), |kid| format!("{kid:?}"))
}

/// The most keys that a message names.
const MOST_NAMED: usize = 4;

/// As long as our ids are.
const LONGEST_NAME: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let key =
            PublicKey::from_coordinates(
                &["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()],
            )
            .unwrap();
        let text = JwkSet::new([key.clone(), key]).to_json();
        assert_eq!(
            text,
            concat!(
                r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","#,
                r#""kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","#,
                r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
            )
        );
        let set = JwkSet::from_json(text.as_bytes()).unwrap();
        assert_eq!(set.to_json(), text);
        assert!(set.find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").is_some());
    }

    #[test]
    fn a_malformed_set_differs_from_one_without_usable_keys() {
        assert_eq!(JwkSet::from_json(b" \n").err(), Some(KeyError::Empty));
        for text in [
            "[]",
            "{}",
            "null",
            "7",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":null}"#,
            "{\"keys\":[]}x",
        ] {
            assert!(
                matches!(JwkSet::from_json(text.as_bytes()), Err(KeyError::Malformed(_))),
                "{text}"
            );
        }
        for (text, why) in [
            (r#"{"keys":[]}"#, "there is none in it"),
            (
                r#"{"keys":[{"kty":"RSA","n":"x","kid":"old"}],"more":1}"#,
                "\"old\": it is no Ed25519 or P-256 key",
            ),
            (
                r#"{"keys":[7,{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#,
                "key 2: its coordinates are no point",
            ),
        ] {
            let error = JwkSet::from_json(text.as_bytes()).unwrap_err();
            assert!(
                matches!(error, KeyError::NoneUsable(_)) && error.to_string().contains(why),
                "{error}"
            );
        }
    }
}
