//! What proxies that ask `/v1/authz/{policy}` are told beside yes and no.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::policy::PolicySet;
use crate::session::carried;
use crate::webauthn::Origin;

/// Forward authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ForwardConfig {
    /// The cookie that may hold a context, beside `Authorization`.
    #[serde(deserialize_with = "cookie")]
    pub cookie: Option<String>,
    /// For whom the contexts must be. Unless set: the issuer itself.
    pub audience: Option<String>,
    /// Where browsers are sent that need a context, or a better one.
    #[serde(deserialize_with = "sign_in")]
    pub sign_in: Option<SignIn>,
    /// The origins that a browser may be sent back to from there.
    #[serde(deserialize_with = "origins")]
    pub return_to: Vec<Origin>,
}

/// The address of a page, without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn(String);

impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SignIn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SignIn, &'static str> {
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
        let origin = text.strip_suffix(path).unwrap_or_default();
        let plain =
            path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>".contains(&byte));
        match origin.parse::<Origin>() {
            Ok(_) if plain => Ok(SignIn(text.to_owned())),
            _ => Err(
                "a sign-in page is https://NAME/PATH, or http://localhost/PATH, without a query",
            ),
        }
    }
}

/// Policies are read from the text itself, so that what is wrong with them is told with its line.
pub(super) fn read_apart<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PolicySet, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| PolicySet::default())
}

fn sign_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignIn>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

fn cookie<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    // RFC 6265 §4.1.1: a token of HTTP.
    if name.len() <= 64 && carried::is_token(name.as_bytes()) {
        Ok(Some(name))
    } else {
        Err(D::Error::custom("a cookie's name is letters, digits, - and _, like \"mfa\""))
    }
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    let read = |text: &String| {
        text.parse().map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is not an origin: https://NAME or http://localhost, perhaps with :PORT"
            ))
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(read).collect()
}
