//! Unverified claims of a token, for simulations only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::policy::simulate::HypotheticalContext;
use crate::session::Amr;
use crate::time::UnixTime;

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: u64,
    mfa_present: bool,
    mfa_time: Option<u64>,
    mfa_serial: Option<String>,
    mfa_kind: Option<String>,
    amr: Option<Vec<String>>,
    uv: Option<bool>,
}

impl HypotheticalContext {
    /// Takes over the claims of a token without verifying its signature.
    ///
    /// # Errors
    /// A sentence, if the text is no token of this kind.
    pub fn from_unchecked_token(token: &str) -> Result<HypotheticalContext, String> {
        let claims = token
            .trim()
            .split('.')
            .nth(1)
            .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims = claims.and_then(|json| serde_json::from_slice::<Claims>(&json).ok());
        let claims = claims
            .ok_or("this is neither a token of an agent nor a JSON document about a context")?;
        let known = |names: Vec<String>| names.iter().filter_map(|name| Amr::named(name)).collect();
        Ok(HypotheticalContext {
            present: Some(claims.mfa_present),
            mfa_time: claims.mfa_time.map(UnixTime),
            age: None,
            kind: claims.mfa_kind.as_deref().and_then(|kind| kind.parse().ok()),
            amr: claims.amr.map(known),
            user_verified: claims.uv,
            serial: claims.mfa_serial,
            issued_at: Some(UnixTime(claims.iat)),
            expires_at: Some(UnixTime(claims.exp)),
        })
    }
}
