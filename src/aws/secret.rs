//! Secrets of access keys, as text.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::store::{KeyError, random};

/// A new secret access key: 40 characters, of 240 random bits.
pub(super) fn new() -> Result<Zeroizing<String>, KeyError> {
    Ok(Zeroizing::new(STANDARD.encode(&random::<30>()?[..])))
}

/// A secret as it is written inside of what is sealed. It has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Written(Zeroizing<String>);

impl Written {
    pub(super) fn of(secret: &str) -> Written {
        Written(Zeroizing::new(secret.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names that are written as text, for types that know no serde.
pub(super) mod as_text {
    use super::*;

    pub(in crate::aws) fn serialize<T: Display, S: Serializer>(
        name: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub(in crate::aws) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
