//! One public key: Ed25519 of RFC 8037, or P-256 of RFC 7518 §6.2, as a member of a JWK Set.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::session::{KeyError, SigningAlgorithm};

/// One public key; it verifies with the algorithm that it names and no other. One that names none
/// verifies with those of its curve.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kid: String,
    algorithm: Option<SigningAlgorithm>,
    point: Point,
    key: ParsedPublicKey,
}

/// The key's point on its curve, in base64url as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Point {
    Ed25519 { x: String },
    P256 { x: String, y: String },
}

/// The reason why a key of a set cannot verify contexts (RFC 7517 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotOurs {
    #[error("it is no JWK, or a member of it has the wrong type")]
    Malformed,
    #[error("it is no Ed25519 or P-256 key")]
    Kind,
    #[error("its \"use\" or \"key_ops\" is not to verify signatures")]
    Use,
    #[error("its \"alg\" is not one by which a key of its curve signs contexts")]
    Algorithm,
    #[error("its coordinates are no point of its curve: 32 bytes each, base64url without padding")]
    Point,
    #[error("its private half stands beside it, so that its signatures say nothing")]
    Private,
}

/// The key as it is published.
#[derive(Serialize)]
pub(super) struct Published<'a> {
    kty: &'static str,
    crv: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: &'a str,
    x: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<&'a str>,
}

impl PublicKey {
    /// An Ed25519 key (RFC 8037 §2) from its `x`, which verifies `EdDSA`, or a P-256 key from its
    /// `x` and `y`, all base64url. Its id is its thumbprint.
    ///
    /// # Errors
    /// The coordinates are no point of the curve.
    pub fn from_coordinates(coordinates: &[String]) -> Result<PublicKey, KeyError> {
        let algorithm =
            if coordinates.len() == 1 { SigningAlgorithm::EdDsa } else { SigningAlgorithm::Es256 };
        PublicKey::with_algorithm(algorithm, coordinates)
    }

    /// A key from its coordinates, for this algorithm.
    ///
    /// # Errors
    /// The coordinates are no point of the algorithm's curve.
    pub fn with_algorithm(
        algorithm: SigningAlgorithm,
        coordinates: &[String],
    ) -> Result<PublicKey, KeyError> {
        let point = match (algorithm, coordinates) {
            (SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519, [x]) => {
                Some(Point::Ed25519 { x: x.clone() })
            }
            (SigningAlgorithm::Es256, [x, y]) => Some(Point::P256 { x: x.clone(), y: y.clone() }),
            _ => None,
        };
        let point = point.ok_or_else(|| KeyError::Unusable(String::new()))?;
        let kid = point.thumbprint();
        match point.parsed() {
            Some(key) => Ok(PublicKey { kid, algorithm: Some(algorithm), point, key }),
            None => Err(KeyError::Unusable(kid)),
        }
    }

    /// The key's id. The issuer uses the JWK thumbprint (RFC 7638 §3).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key's algorithm: `EdDSA`, `Ed25519` or `ES256`. `EdDSA` for an Ed25519 key that names
    /// none; see [`PublicKey::accepts`].
    pub fn algorithm(&self) -> &str {
        self.algorithm.unwrap_or(self.point.algorithms()[0]).name()
    }

    /// Returns whether a header may name this algorithm (`alg`) for this key: the key's own, or
    /// both names of Ed25519 (RFC 9864 §2.2) for a key that names none.
    pub fn accepts(&self, algorithm: &str) -> bool {
        let all = self.point.algorithms().iter().copied();
        all.filter(|one| self.algorithm.is_none_or(|own| own == *one))
            .any(|one| one.name() == algorithm)
    }

    /// Verifies `signature` (base64url) over `message`.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        // Ed25519 (RFC 8032 §5.1.7), or r and s of ECDSA side by side (RFC 7518 §3.4): 64 bytes,
        // both.
        let mut bytes = [0; 66];
        let length = if signature.len() == 86 {
            URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()
        } else {
            None
        };
        length
            .and_then(|length| bytes.get(..length))
            .is_some_and(|signature| self.key.verify_sig(message, signature).is_ok())
    }

    /// Reads a member of a set as any library may have written it: `alg`, `use`, `key_ops` and
    /// `kid` may be left out or null, and unknown members are ignored. A key without
    /// an id gets its thumbprint as id.
    pub(super) fn from_jwk(jwk: &Value) -> Result<PublicKey, NotOurs> {
        let member = |name: &str| jwk.get(name).filter(|member| !member.is_null());
        let text = |name: &str| {
            member(name).map(|member| member.as_str().ok_or(NotOurs::Malformed)).transpose()
        };
        if !jwk.is_object() {
            return Err(NotOurs::Malformed);
        }
        let required = |name: &str| text(name)?.map(str::to_owned).ok_or(NotOurs::Malformed);
        let point = match (text("kty")?, text("crv")?) {
            (Some("OKP"), Some("Ed25519")) => Point::Ed25519 { x: required("x")? },
            (Some("EC"), Some("P-256")) => Point::P256 { x: required("x")?, y: required("y")? },
            _ => return Err(NotOurs::Kind),
        };
        // RFC 7517 §4.3: an array of texts.
        let verifies = match member("key_ops") {
            Some(Value::Array(operations)) => {
                operations.iter().any(|operation| operation == "verify")
            }
            Some(_) => return Err(NotOurs::Malformed),
            None => true,
        };
        if !verifies || text("use")?.is_some_and(|usage| usage != "sig") {
            return Err(NotOurs::Use);
        }
        if member("d").is_some() {
            return Err(NotOurs::Private);
        }
        let named = text("alg")?
            .map(|name| name.parse().map_err(|_| NotOurs::Algorithm))
            .transpose()?;
        if named.is_some_and(|named| !point.algorithms().contains(&named)) {
            return Err(NotOurs::Algorithm);
        }
        let kid = text("kid")?.map_or_else(|| point.thumbprint(), str::to_owned);
        let key = point.parsed().ok_or(NotOurs::Point)?;
        Ok(PublicKey { kid, algorithm: named, point, key })
    }

    pub(super) fn published(&self) -> Published<'_> {
        let (kty, crv) = self.point.kind();
        let (x, y) = self.point.coordinates();
        Published {
            kty,
            crv,
            alg: self.algorithm.map(SigningAlgorithm::name),
            usage: "sig",
            kid: &self.kid,
            x,
            y,
        }
    }

    /// Compares point, id and algorithm.
    pub(super) fn is(&self, other: &PublicKey) -> bool {
        self.kid == other.kid && self.algorithm == other.algorithm && self.point == other.point
    }
}

impl Point {
    /// The algorithms of this curve.
    fn algorithms(&self) -> &'static [SigningAlgorithm] {
        match self {
            Point::Ed25519 { .. } => &[SigningAlgorithm::EdDsa, SigningAlgorithm::Ed25519],
            Point::P256 { .. } => &[SigningAlgorithm::Es256],
        }
    }

    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Point::Ed25519 { .. } => ("OKP", "Ed25519"),
            Point::P256 { .. } => ("EC", "P-256"),
        }
    }

    fn coordinates(&self) -> (&str, Option<&str>) {
        match self {
            Point::Ed25519 { x } => (x, None),
            Point::P256 { x, y } => (x, Some(y)),
        }
    }

    fn parsed(&self) -> Option<ParsedPublicKey> {
        let coordinate =
            |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32);
        match self {
            Point::Ed25519 { x } => ParsedPublicKey::new(&ED25519, coordinate(x)?).ok(),
            // SEC 1 §2.3.3: a point that is not compressed begins with 4.
            Point::P256 { x, y } => ParsedPublicKey::new(
                &ECDSA_P256_SHA256_FIXED,
                [&[4], &*coordinate(x)?, &*coordinate(y)?].concat(),
            )
            .ok(),
        }
    }

    /// RFC 7638 §3.2: the required members in the order of their names, without white space.
    fn thumbprint(&self) -> String {
        let ((kty, crv), (x, y)) = (self.kind(), self.coordinates());
        let y = y.map_or_else(String::new, |y| format!(r#","y":"{y}""#));
        let canonical = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"{y}}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 Appendix A.2 to A.5.
    #[test]
    fn key_thumbprint_and_signature_are_those_of_rfc_8037_appendix_a() {
        let key =
            PublicKey::from_coordinates(
                &["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()],
            )
            .unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = concat!(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR",
            "4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
        assert!(key.verifies(message, signature));
        assert!(
            !key.verifies(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd", signature)
        );
        assert!(!key.verifies(message, &format!("{signature}=")));
    }

    #[test]
    fn an_algorithm_takes_the_coordinates_of_its_own_curve() {
        let x = || "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        for (algorithm, coordinates, accepted) in [
            (SigningAlgorithm::EdDsa, vec![x()], true),
            (SigningAlgorithm::Ed25519, vec![x()], true),
            (SigningAlgorithm::Es256, vec![x()], false),
            (SigningAlgorithm::Ed25519, vec![x(), x()], false),
            (SigningAlgorithm::Es256, vec![x(), x()], false),
            (SigningAlgorithm::EdDsa, vec![], false),
        ] {
            let key = PublicKey::with_algorithm(algorithm, &coordinates);
            assert_eq!(key.is_ok(), accepted, "{algorithm} {coordinates:?}");
            assert!(key.is_err() || key.unwrap().algorithm() == algorithm.name());
        }
    }
}
