//! Answers to proxies that ask `/v1/authz/{policy}`, beside yes and no.

use std::fmt;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::values;
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
    /// The page to which browsers are sent for a new or better context.
    #[serde(deserialize_with = "values::optional")]
    pub sign_in: Option<SignIn>,
    /// The origins that a browser may be sent back to from there.
    #[serde(deserialize_with = "return_to")]
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

fn cookie<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    values::spelled(deserializer).map(|CookieName(name)| Some(name))
}

fn return_to<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    Ok(values::list(deserializer)?
        .into_iter()
        .map(|ReturnOrigin(origin)| origin)
        .collect())
}

/// The name of a cookie, a token of HTTP (RFC 6265 §4.1.1).
struct CookieName(String);

impl FromStr for CookieName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<CookieName, &'static str> {
        if text.len() <= 64 && carried::is_token(text.as_bytes()) {
            Ok(CookieName(text.to_owned()))
        } else {
            Err("a cookie's name is letters, digits, - and _, like \"mfa\"")
        }
    }
}

struct ReturnOrigin(Origin);

impl FromStr for ReturnOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<ReturnOrigin, String> {
        text.parse().map(ReturnOrigin).map_err(|_| {
            format!(
                "{text:?} is not an origin: https://NAME or http://localhost, perhaps with :PORT"
            )
        })
    }
}
