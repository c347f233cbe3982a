//! Signing, in both forms.

use std::time::Duration;

use crate::aws::sigv4::canonical::{ALGORITHM, Canonical, path, string_to_sign};
use crate::aws::sigv4::escape::encoded;
use crate::aws::sigv4::fields::{
    CREDENTIAL, DATE, EXPIRES, QUERY_ALGORITHM, SECURITY_TOKEN, SIGNATURE, SIGNED_HEADERS,
};
use crate::aws::sigv4::headers::{Headers, is_token};
use crate::aws::sigv4::key::SigningKey;
use crate::aws::sigv4::moment::{Day, compact};
use crate::aws::sigv4::payload::said;
use crate::aws::sigv4::query::Query;
use crate::aws::sigv4::refusal::{Place, Refusal};
use crate::aws::sigv4::request::{Header, Request};
use crate::aws::sigv4::rules::{LONGEST_LIFETIME, Rules, ServiceKind};
use crate::aws::sigv4::signature::Signature;
use crate::aws::sigv4::token::SessionToken;
use crate::time::UnixTime;

/// Signs requests with one key, by the rules of its service.
///
/// Signed are all headers but those that proxies and clients change on the way (`user-agent`,
/// `connection` and the like). The path must stand percent-encoded in the request, as it will be
/// sent.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    rules: &'a Rules,
    key: &'a SigningKey,
    session_token: Option<&'a SessionToken>,
}

/// A request that cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The key is that of another day than the time of signing.
    #[error("the key is good on {}, and the time of signing is {}", .key, compact(*.signed_at))]
    OtherDay {
        /// Day of the key.
        key: Day,
        /// Time of signing.
        signed_at: UnixTime,
    },
    /// The lifetime is not 1 to 604,800 seconds.
    #[error("a presigned request lives 1 to 604800 seconds")]
    Lifetime,
    /// The request has no `host` header.
    #[error("a request without a host cannot be signed")]
    NoHost,
    /// The request has a part of a signature already.
    #[error("the request has '{0}' already")]
    SignedBefore(&'static str),
    /// The request would be refused.
    #[error("the request would be refused: {0}")]
    Malformed(#[from] Refusal),
}

impl<'a> Signer<'a> {
    /// A signer for a long-term key.
    #[must_use]
    pub fn new(rules: &'a Rules, key: &'a SigningKey) -> Signer<'a> {
        Signer { rules, key, session_token: None }
    }

    /// Sets the session token of a temporary key.
    #[must_use]
    pub fn session_token(mut self, token: &'a SessionToken) -> Signer<'a> {
        self.session_token = Some(token);
        self
    }

    /// Signs in the header form; returns the headers to add, `Authorization` last. For S3 the
    /// digest of the payload is among them, unless the request has it.
    ///
    /// # Errors
    /// [`CannotSign`] for a request that would be refused, or that has a signature already.
    pub fn sign(
        &self,
        request: &Request<'_>,
        now: UnixTime,
    ) -> Result<Vec<(&'static str, String)>, CannotSign> {
        self.judge(request, now)?;
        let given = Headers::sorted(&request.headers)?;
        let declared = given.once("x-amz-content-sha256")?;
        let payload = said(self.rules.kind, Place::Header, declared, request.body)?.text;
        let mut added = vec![("X-Amz-Date", compact(now))];
        if self.rules.kind == ServiceKind::S3 && declared.is_none() {
            added.push(("X-Amz-Content-Sha256", payload.clone()));
        }
        if let Some(token) = self.session_token {
            added.push((SECURITY_TOKEN, token.expose().to_owned()));
        }
        let mut lines = request.headers.clone();
        lines.extend(added.iter().map(|(name, value)| Header::new(name, value)));
        let headers = Headers::sorted(&lines)?;
        let signed = signable(&headers);
        let canonical = Canonical {
            method: request.method,
            path: path(request.path, self.rules.paths)?,
            query: Query::parse(request.query)?.canonical(None),
            headers: &headers,
            signed: &signed,
            payload: &payload,
        };
        let signature = self.signature(&canonical, now);
        let authorization = format!(
            "{ALGORITHM} Credential={}, SignedHeaders={}, Signature={signature}",
            self.credential(),
            signed.join(";")
        );
        added.push(("Authorization", authorization));
        Ok(added)
    }

    /// Signs in the presigned form; returns the whole query, in which the signature is last. For S3
    /// the payload is left unsigned.
    ///
    /// # Errors
    /// [`CannotSign`] for a request that would be refused, or that has a signature already.
    pub fn presign(
        &self,
        request: &Request<'_>,
        now: UnixTime,
        expires: Duration,
    ) -> Result<String, CannotSign> {
        self.judge(request, now)?;
        if !(1..=LONGEST_LIFETIME).contains(&expires.as_secs()) {
            return Err(CannotSign::Lifetime);
        }
        let headers = Headers::sorted(&request.headers)?;
        let signed = signable(&headers);
        let declared = headers.once("x-amz-content-sha256")?;
        let payload = said(self.rules.kind, Place::Query, declared, request.body)?.text;
        let mut parameters = vec![
            (QUERY_ALGORITHM, ALGORITHM.to_owned()),
            (CREDENTIAL, self.credential()),
            (DATE, compact(now)),
            (EXPIRES, expires.as_secs().to_string()),
            (SIGNED_HEADERS, signed.join(";")),
        ];
        if let Some(token) = self.session_token {
            parameters.push((SECURITY_TOKEN, token.expose().to_owned()));
        }
        let mut text = request.query.to_owned();
        for (name, value) in parameters {
            let separator = if text.is_empty() { "" } else { "&" };
            text.push_str(&format!("{separator}{name}={}", encoded(value.as_bytes())));
        }
        let canonical = Canonical {
            method: request.method,
            path: path(request.path, self.rules.paths)?,
            query: Query::parse(&text)?.canonical(None),
            headers: &headers,
            signed: &signed,
            payload: &payload,
        };
        let signature = self.signature(&canonical, now);
        Ok(format!("{text}&{SIGNATURE}={signature}"))
    }

    /// The judgements that both forms share.
    fn judge(&self, request: &Request<'_>, now: UnixTime) -> Result<(), CannotSign> {
        if self.key.scope().day() != Day::from(now) {
            let key = self.key.scope().day();
            return Err(CannotSign::OtherDay { key, signed_at: now });
        }
        if !is_token(request.method) {
            return Err(Refusal::BadCharacter.into());
        }
        let headers = Headers::sorted(&request.headers)?;
        if headers.once("host")?.is_none() {
            return Err(CannotSign::NoHost);
        }
        let query = Query::parse(request.query)?;
        let of_header = [
            ("authorization", "Authorization"),
            ("x-amz-date", DATE),
            ("x-amz-security-token", SECURITY_TOKEN),
        ];
        let in_header = of_header.iter().find(|(name, _)| !headers.lines(name).is_empty());
        let of_query =
            [QUERY_ALGORITHM, CREDENTIAL, DATE, EXPIRES, SIGNED_HEADERS, SECURITY_TOKEN, SIGNATURE];
        let in_query = of_query.iter().find(|name| query.has(name));
        match in_header.map(|(_, name)| name).or(in_query) {
            Some(name) => Err(CannotSign::SignedBefore(name)),
            None => Ok(()),
        }
    }

    fn signature(&self, canonical: &Canonical<'_>, now: UnixTime) -> Signature {
        self.key.sign(&string_to_sign(now, self.key.scope(), &canonical.to_bytes()))
    }

    fn credential(&self) -> String {
        format!("{}/{}", self.key.access_key_id(), self.key.scope())
    }
}

/// The headers to sign, in order.
fn signable(headers: &Headers<'_>) -> Vec<String> {
    let names = headers.names().into_iter();
    names
        .filter(|name| !CHANGED_ON_THE_WAY.contains(name))
        .map(str::to_owned)
        .collect()
}

/// Headers that belong to one hop (RFC 9110 §7.6.1), or that clients and proxies rewrite.
const CHANGED_ON_THE_WAY: &[&str] = &[
    "connection",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];
