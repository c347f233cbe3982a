//! Forms: urlencoded fields of a POST, each at most once.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::agent::console::stop::Stop;

/// The fields of a form.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// The value of a field, as it was typed; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The value of a field, if it was sent.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn read(body: &[u8]) -> Result<Form, Stop> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(Stop::BadInput);
            }
            fields.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Ok(Form(fields))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Stop;

    async fn from_request(request: Request, state: &S) -> Result<Form, Stop> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
        let body = Bytes::from_request(request, state).await.map_err(|_| Stop::BadInput)?;
        if !body.is_empty() && kind.as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Stop::BadInput);
        }
        Form::read(&body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        let form = Form::read(b"first=12+34&name=%C3%A9").unwrap();
        assert_eq!((form.get("first"), form.get("name"), form.get("none")), ("12 34", "é", ""));
        assert_eq!(Form::read(b"code=1&code=2").err(), Some(Stop::BadInput));
    }
}
