//! Endings of a request that are no page of their own: each has a page that says why.

use std::time::Duration;

use askama::Template;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::agent::access::{Denied, Failure};
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::language::Language;
use crate::agent::console::when;
use crate::agent::problem::{InDoubt, Problem};
use crate::time::UnixTime;
use crate::verifier;
use crate::wire::ProblemCode;

/// The reason for which a request ends without its own page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The page does not exist, or is not this person's.
    Missing,
    /// The method is not for this page.
    Method,
    /// Another page sent the request.
    Foreign,
    /// The request cannot be meant.
    BadInput,
    /// Too many requests, or tries, for now.
    TooFast(Duration),
    /// The agent cannot decide now.
    Away,
    /// The agent failed.
    Broken,
    /// A sign-in for a service cannot go on.
    SignIn,
    /// The person goes to another page first.
    Go(String),
    /// The outcome of a commit is unknown.
    InDoubt,
}

/// Mark on a response whose page is still to be made in the visitor's language.
#[derive(Clone, Debug)]
struct Unwritten(Stop);

#[derive(Template)]
#[template(path = "stop.html")]
struct Page {
    f: Frame,
    why: String,
}

impl Stop {
    fn status(&self) -> StatusCode {
        match self {
            Stop::Missing => StatusCode::NOT_FOUND,
            Stop::Method => StatusCode::METHOD_NOT_ALLOWED,
            Stop::Foreign => StatusCode::FORBIDDEN,
            Stop::BadInput | Stop::SignIn => StatusCode::UNPROCESSABLE_ENTITY,
            Stop::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            Stop::Away | Stop::InDoubt => StatusCode::SERVICE_UNAVAILABLE,
            Stop::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Stop::Go(_) => StatusCode::SEE_OTHER,
        }
    }

    fn words(&self, language: Language, now: UnixTime) -> (&'static str, String) {
        let words = language.words();
        let (stop, sign_in) = (&words.stop, &words.sign_in);
        let (title, why) = match self {
            Stop::Foreign => (stop.foreign, stop.foreign_why),
            Stop::Method => (stop.method, stop.method_why),
            Stop::Missing | Stop::Go(_) => (stop.missing, stop.missing_why),
            Stop::TooFast(wait) => {
                return (stop.slow, stop.slow_why(when::clock(now.plus(*wait))).to_string());
            }
            Stop::Away | Stop::InDoubt => (stop.away, stop.away_why),
            Stop::SignIn => (sign_in.stopped, sign_in.stopped_why),
            Stop::BadInput | Stop::Broken => (stop.broken, stop.broken_why),
        };
        (title, why.to_owned())
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        if let Stop::Go(to) = &self {
            return Redirect::to(to).into_response();
        }
        let mut response = self.status().into_response();
        if let Stop::TooFast(wait) = self {
            let seconds = HeaderValue::from(whole_seconds(wait));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        if self == Stop::InDoubt {
            response.extensions_mut().insert(InDoubt);
        }
        response.extensions_mut().insert(Unwritten(self));
        response
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        match failure {
            Failure::Denied(Denied::NotFound(_)) => Stop::Missing,
            Failure::Denied(Denied::TooFast(wait) | Denied::DiagnosesSpent(wait)) => {
                Stop::TooFast(wait)
            }
            Failure::Denied(Denied::Unavailable(_)) => Stop::Away,
            Failure::Verifier(error) => error.into(),
            Failure::Denied(denied) => {
                tracing::debug!(%denied, "a page asked for something that is denied");
                Stop::BadInput
            }
        }
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Stop {
        Failure::from(denied).into()
    }
}

impl From<verifier::Error> for Stop {
    fn from(error: verifier::Error) -> Stop {
        // The API's answer says whose turn it is, and logs what an operator must know.
        let problem = Problem::from(error);
        match problem.code() {
            _ if problem.is_in_doubt() => Stop::InDoubt,
            ProblemCode::NoSuchEntity => Stop::Missing,
            ProblemCode::ServiceUnavailable | ProblemCode::Throttled => Stop::Away,
            ProblemCode::ServiceFailure => Stop::Broken,
            _ => Stop::BadInput,
        }
    }
}

/// The response, with its page where that is still to be made. Problems of the layers around the
/// pages, which are written for programs, become pages too.
pub(super) fn written(response: Response, language: Language, now: UnixTime) -> Response {
    let is_for_programs = response
        .headers()
        .get(axum::http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    let stop = match response.extensions().get::<Unwritten>() {
        Some(Unwritten(stop)) => stop.clone(),
        None if is_for_programs => match response.status() {
            StatusCode::SERVICE_UNAVAILABLE => Stop::Away,
            status if status.is_server_error() => Stop::Broken,
            _ => Stop::BadInput,
        },
        None => return response,
    };
    let (title, why) = stop.words(language, now);
    let page = Page { f: Frame::bare(language, title, Here::Elsewhere), why };
    let (mut head, _) = response.into_parts();
    head.headers.remove(axum::http::header::CONTENT_TYPE);
    head.headers.remove(axum::http::header::CONTENT_LENGTH);
    let body = page.render().unwrap_or_default();
    let mut written = (head.status, Html(body)).into_response();
    for (name, value) in &head.headers {
        written.headers_mut().append(name, value.clone());
    }
    *written.extensions_mut() = head.extensions;
    written
}
