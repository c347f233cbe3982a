//! One-time links to the console, and sign-ins that services start. Neither exists without a
//! console.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::{return_to, scan, scope};
use crate::agent::state::State;
use crate::time::UnixTime;
use crate::verifier::{Link, LinkCode, LinkPurpose, SignIn};
use crate::webauthn::Origin;

/// A link to make.
pub(crate) struct LinkRequest<'a> {
    /// The name of the account, which need not exist yet for a plain link.
    pub(crate) account: &'a str,
    pub(crate) ttl: Option<Duration>,
    pub(crate) purpose: LinkPurpose,
}

/// A link that was made.
pub(crate) struct NewLink {
    pub(crate) id: String,
    /// The address, which is shown this once.
    pub(crate) url: Zeroizing<String>,
    pub(crate) expires_at: UnixTime,
}

/// A page of links.
pub(crate) struct LinkPage {
    pub(crate) links: Vec<Link>,
    /// The position of the next page, if there may be one.
    pub(crate) next: Option<String>,
}

/// A sign-in to start.
pub(crate) struct SignInRequest<'a> {
    pub(crate) account: &'a str,
    pub(crate) return_to: &'a str,
    /// The text that the service gets back.
    pub(crate) state: Option<String>,
}

/// A sign-in that was started.
pub(crate) struct NewSignIn {
    /// The address, which is shown this once.
    pub(crate) url: Zeroizing<String>,
    pub(crate) expires_at: UnixTime,
}

/// Makes a link, and voids the account's older ones. A recovery link is for administrators.
pub(crate) async fn make_link(
    state: &State,
    caller: &Caller,
    request: LinkRequest<'_>,
) -> Result<NewLink, Failure> {
    let LinkRequest { account, ttl, purpose } = request;
    let account = match purpose {
        LinkPurpose::Enroll => scope::account(state, caller, Role::Enroller, account)?,
        LinkPurpose::Recover => scope::existing_account(state, caller, Role::Admin, account)?,
    };
    let origin = console(state)?;
    let _lane = scope::lane(caller, &account).await;
    let ttl = ttl.unwrap_or(LINK_TTL);
    let made = scope::verifier(state, caller).make_link(&account, ttl, purpose).await?;
    let url = address(origin, "link#", &made.code);
    Ok(NewLink { id: made.id, url, expires_at: made.expires_at })
}

/// Lists the links that can be opened, of the accounts that exist for the caller.
pub(crate) async fn links(
    state: &State,
    caller: &Caller,
    after: Option<&str>,
    limit: Option<u32>,
) -> Result<LinkPage, Failure> {
    caller.must_be(Role::Enroller)?;
    console(state)?;
    let limit = scope::page_size(limit)?;
    caller.place.page().await;
    let read = |after: Option<String>, limit| async move {
        state.verifier.links(after.as_deref(), limit).await
    };
    let place = |link: &Link| link.id.clone();
    let wanted = |link: &Link| caller.sees(&link.account);
    let after = after.map(str::to_owned);
    let found = scan::scan(limit, after, read, place, Some(wanted)).await?;
    Ok(LinkPage { links: found.rows, next: found.next })
}

/// Withdraws a link.
pub(crate) async fn withdraw_link(state: &State, caller: &Caller, id: &str) -> Result<(), Failure> {
    caller.must_be(Role::Enroller)?;
    console(state)?;
    let link = state.verifier.link(id).await?;
    let link = link.filter(|link| caller.sees(&link.account)).ok_or(Denied::NotFound("link"))?;
    caller.notes.concerns(&link.account);
    Ok(scope::verifier(state, caller).withdraw_link(&link.id).await?)
}

/// Starts a sign-in, for a service that has checked the account's first factor.
pub(crate) async fn start_sign_in(
    state: &State,
    caller: &Caller,
    request: SignInRequest<'_>,
) -> Result<NewSignIn, Failure> {
    let account = scope::account(state, caller, Role::Verifier, request.account)?;
    let origin = console(state)?;
    let (service, return_to) = return_to::service(&state.config.console, request.return_to)
        .ok_or_else(|| {
            Denied::bad_input("return_to: an address at the origin of a [[console.service]]")
        })?;
    if request.state.as_ref().is_some_and(|text| text.len() > LONGEST_STATE) {
        return Err(Denied::bad_input("state: a text of at most 1024 bytes").into());
    }
    let service = service.name.as_str().to_owned();
    let _lane = scope::lane(caller, &account).await;
    let sign_in = SignIn { account, service, return_to, state: request.state };
    let started = scope::verifier(state, caller).start_sign_in(&sign_in).await?;
    let url = address(origin, "login/", &started.code);
    Ok(NewSignIn { url, expires_at: started.expires_at })
}

/// The origin of the console.
fn console(state: &State) -> Result<&Origin, Denied> {
    state.config.console.origin.as_ref().ok_or(Denied::NotFound(NO_CONSOLE))
}

fn address(origin: &Origin, place: &str, code: &LinkCode) -> Zeroizing<String> {
    Zeroizing::new(format!("{origin}/{place}{}", code.as_str()))
}

const NO_CONSOLE: &str = "console: set origin in [console] of the agent's configuration";

/// The lifetime of a link, unless the caller names another one.
const LINK_TTL: Duration = Duration::from_secs(86_400);

/// In bytes.
const LONGEST_STATE: usize = 1_024;
