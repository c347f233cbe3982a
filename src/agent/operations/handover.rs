//! Sign-in at a site behind a proxy, with the token that the console's page hands over.

use std::time::Duration;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::{return_to, sessions};
use crate::agent::state::State;
use crate::session::{AnyContext, SignedContext};
use crate::webauthn::Origin;

/// A form that a browser brought to a site.
pub(crate) struct HandedOver<'a> {
    /// The origin of the page that sent it.
    pub(crate) sent_by: Option<&'a [u8]>,
    /// The site, in the words of its proxy.
    pub(crate) site: Option<Origin>,
    pub(crate) token: &'a SignedContext,
    pub(crate) return_to: &'a str,
}

/// The token is good for the site.
pub(crate) struct Received {
    /// The time that the context has left.
    pub(crate) lifetime: Duration,
    /// The address to go on to, on the site itself.
    pub(crate) return_to: String,
}

/// The name of the cookie in which sites behind a proxy keep a token.
pub(crate) fn cookie(state: &State) -> Result<&str, Denied> {
    state.config.forward.cookie.as_deref().ok_or(Denied::NotFound(NO_COOKIE))
}

/// Checks a token that the console's page handed over to a site. For proxies that are trusted to
/// name their site.
pub(crate) async fn receive(
    state: &State,
    caller: &Caller,
    form: HandedOver<'_>,
) -> Result<Received, Failure> {
    let config = &state.config;
    if !caller.forward {
        let detail = "this is for a proxy that is trusted to name its site: forward = true";
        return Err(Denied::Forbidden(detail.to_owned()).into());
    }
    let origin = config.console.origin.as_ref().map(Origin::to_string);
    // Another page could sign its visitor in with a token of its own.
    if origin.is_none() || form.sent_by != origin.as_deref().map(str::as_bytes) {
        let detail = "this form is not from the console's sign-in page";
        return Err(Denied::Forbidden(detail.to_owned()).into());
    }
    let known = config
        .console
        .services
        .iter()
        .any(|service| Some(&service.origin) == form.site.as_ref());
    if !known {
        return Err(Denied::NotFound(NO_SITE).into());
    }
    let (service, return_to) = return_to::service(&config.console, form.return_to)
        .filter(|(service, _)| Some(&service.origin) == form.site.as_ref())
        .ok_or_else(|| Denied::bad_input("return_to: an address on the site itself"))?;
    let taken = config.forward.audience.as_deref().unwrap_or(state.issuer.name());
    if service.audience != taken {
        let detail = format!(
            "the tokens of {} are for the audience {}, and [forward] takes those for {taken}: \
             name one audience in both",
            service.name, service.audience
        );
        return Err(Denied::BadInput(detail).into());
    }
    match sessions::introspect(state, caller, form.token, Some(&service.audience)).await? {
        Some(AnyContext::Mfa(context)) => {
            let common = context.common();
            caller.notes.concerns(&common.account);
            let lifetime = common.expires_at.since(state.verifier.now().await?);
            Ok(Received { lifetime, return_to })
        }
        Some(AnyContext::WithoutMfa(_)) | None => {
            let detail = "the token is over, revoked, for another audience, or no proof of MFA";
            Err(Denied::Forbidden(detail.to_owned()).into())
        }
    }
}

const NO_COOKIE: &str = "cookie: set cookie in [forward] of the agent's configuration";

const NO_SITE: &str = "service: the proxy has to name the origin of a [[console.service]], in \
                       X-Forwarded-Proto and X-Forwarded-Host";
