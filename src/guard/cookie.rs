//! The name of the cookie that carries a token, beside `Authorization: Bearer`.

use std::str::FromStr;

use crate::guard::BadName;
use crate::session::carried;

/// The name of the cookie that carries a token. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CookieName {
    type Err = BadName;

    fn from_str(name: &str) -> Result<CookieName, BadName> {
        if carried::is_token(name.as_bytes()) {
            Ok(CookieName(name.to_owned()))
        } else {
            Err(BadName::Cookie)
        }
    }
}
