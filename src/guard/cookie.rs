//! Name of the cookie that carries a token, in place of `Authorization: Bearer`.

use std::str::FromStr;

use crate::guard::BadName;
use crate::session::carried;

/// Name of the cookie that carries a token; case-sensitive.
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
