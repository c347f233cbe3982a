//! The second step of every sign-in: a security key, a code, or two codes in a row.

use askama::Template;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::proof::Tried;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::when;
use crate::agent::operations::keys;

/// The second step of a sign-in, as a page shows it.
pub(super) struct SecondStep {
    pub(super) title: String,
    /// The account, as HTML.
    pub(super) lead: String,
    /// The service that asks.
    pub(super) asks: Option<String>,
    /// The forms are sent to this path with `/code` or `/key` behind it.
    pub(super) action: &'static str,
    /// The word on the button.
    pub(super) go: &'static str,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) takes_codes: bool,
    /// Two codes in a row are asked for.
    pub(super) pair: bool,
    /// The address of the same page with one code or two.
    pub(super) other_way: String,
    /// A key may answer.
    pub(super) key: Option<KeyForm>,
    /// The sentence for those who have no device.
    pub(super) help: Option<String>,
    pub(super) here: Here,
    /// The outcome of the request before.
    pub(super) news: Option<String>,
}

/// A ceremony that a key may answer.
pub(super) struct KeyForm {
    pub(super) ceremony: String,
    pub(super) options: String,
}

#[derive(Template)]
#[template(path = "second_step.html")]
struct Page<'a> {
    f: Frame,
    s: &'a SecondStep,
}

impl KeyForm {
    /// Begins a ceremony; an account without keys has one too.
    pub(super) async fn begin(visitor: &Visitor, account: &str) -> Result<KeyForm, Stop> {
        let caller = visitor.stranger().await?;
        let begun = keys::begin_authentication(visitor.state(), &caller, Some(account)).await?;
        let options = serde_json::to_string(&begun.options).map_err(|_| Stop::Broken)?;
        Ok(KeyForm { ceremony: begun.id.as_str().to_owned(), options })
    }
}

impl SecondStep {
    /// The page.
    pub(super) fn shown(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        problems: Vec<Trouble>,
    ) -> Result<Response, Stop> {
        let mut f = visitor.frame(&self.title, self.here).with(problems);
        f.news.clone_from(&self.news);
        f.back = self.other_way.replace("&pair=1", "").replace("?pair=1", "");
        page(status, &Page { f, s: self })
    }

    /// The page after a proof that was not accepted: the same for every reason.
    pub(super) fn refused(&self, visitor: &Visitor, tried: &Tried) -> Result<Response, Stop> {
        let words = visitor.words();
        let field = if self.pair { "first" } else { "code" };
        let field = if self.takes_codes { field } else { "key" };
        if let Tried::Wait(until) = tried {
            let text = words.sign_in.wait(when::clock(*until)).to_string();
            let mut f = visitor.frame(&self.title, self.here);
            f.news = Some(text);
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, &Page { f, s: self })?;
            let seconds = until.since(visitor.now()).as_secs().max(1);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(response);
        }
        let problems = vec![Trouble { field, text: words.sign_in.refused }];
        self.shown(visitor, StatusCode::FORBIDDEN, problems)
    }
}
