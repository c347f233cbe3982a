//! Sign-out, a longer stay, and the choice of the language: forms of every page.

use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::console::form::Form;
use crate::agent::console::kept;
use crate::agent::console::kept::Session;
use crate::agent::console::language::Language;
use crate::agent::console::next::path_of;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{LANGUAGE, Visitor};
use crate::agent::operations::sessions;

/// `POST /sign-out`: the session ends, and the context that it held.
pub(super) async fn sign_out(visitor: Visitor) -> Result<Response, Stop> {
    if let Some(session) = &visitor.session {
        ended(&visitor, session).await?;
    }
    Ok(kept::forget(Redirect::to("/sign-in?ended=1").into_response()))
}

/// `POST /stay`: the session goes on for as long as a new one would.
pub(super) async fn stay(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let next = path_of(&visitor.console.origin, form.get("next"));
    let response = Redirect::to(&next).into_response();
    let Some(session) = &visitor.session else { return Ok(response) };
    let new = kept::New {
        account: &session.account,
        proof: session.proved().map(|proved| &proved.signed),
        before: Some(session),
    };
    Ok(kept::keep(visitor.state(), new, response).await?)
}

/// `POST /language`.
pub(super) async fn language(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let language = Language::of_tag(form.get("lang")).ok_or(Stop::BadInput)?;
    let next = path_of(&visitor.console.origin, form.get("next"));
    let mut response = Redirect::to(&next).into_response();
    let kept_for_a_year = "Max-Age=31536000";
    let attributes = kept::ATTRIBUTES;
    kept::set(
        &mut response,
        &format!("{LANGUAGE}={}; {kept_for_a_year}; {attributes}", language.tag()),
    );
    Ok(response)
}

/// Ends a session of the console, and the context that it holds.
pub(super) async fn ended(visitor: &Visitor, session: &Session) -> Result<(), Stop> {
    session.end(visitor.state()).await?;
    if let Some(proved) = session.proved() {
        let owner = visitor.owner().await?;
        sessions::revoke_one(visitor.state(), &owner.caller, &proved.signed, None).await?;
    }
    Ok(())
}
