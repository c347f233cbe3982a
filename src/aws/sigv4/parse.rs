//! Reading a request: all that can be judged without the secret.

use std::time::Duration;

use crate::aws::sigv4::canonical::{Canonical, path, string_to_sign};
use crate::aws::sigv4::claimed::{Claimed, Facts, Form};
use crate::aws::sigv4::fields::{DATE, Fields, SECURITY_TOKEN, SIGNATURE};
use crate::aws::sigv4::headers::{Headers, is_token};
use crate::aws::sigv4::moment::{self, Day};
use crate::aws::sigv4::payload::said;
use crate::aws::sigv4::query::Query;
use crate::aws::sigv4::refusal::{Malformed, Part, Place, Refusal, ScopeFault, TokenFault};
use crate::aws::sigv4::request::Request;
use crate::aws::sigv4::rules::{LONGEST_LIFETIME, Rules};
use crate::aws::sigv4::scope::{AccessKeyId, Scope, TERMINATOR};
use crate::aws::sigv4::token::SessionToken;
use crate::time::UnixTime;

impl Rules {
    /// Reads the signature of a request, and judges all but the signature itself.
    ///
    /// # Errors
    /// Every [`Refusal`] but [`Refusal::Mismatch`].
    pub fn parse(&self, request: &Request<'_>, now: UnixTime) -> Result<Claimed, Refusal> {
        if !is_token(request.method) {
            return Err(Refusal::BadCharacter);
        }
        let headers = Headers::sorted(&request.headers)?;
        let query = Query::parse(request.query)?;
        let (place, fields) = Fields::read(&headers, &query)?;
        if place == Place::Query && headers.once("x-amz-date")?.is_some() {
            return Err(Refusal::Repeated(DATE));
        }
        let invalid = |part| Refusal::Malformed(place, Malformed::Invalid(part));
        let signed_at = moment::parse(&fields.date).ok_or(invalid(Part::Date))?;
        let form = form(fields.expires.as_deref())?;
        let (access_key_id, scope) = self.credential(place, &fields.credential, signed_at)?;
        self.judge_time(signed_at, form, now)?;
        let signed_headers = signed_headers(&fields.signed_headers, &headers)
            .ok_or(invalid(Part::SignedHeaders))??;
        let signature = fields.signature.parse().map_err(|_| invalid(Part::Signature))?;
        let session_token = session_token(place, &headers, &query, &access_key_id)?;

        let declared = headers.once("x-amz-content-sha256")?.map(str::to_owned);
        let in_query = match place {
            Place::Query => query.once("X-Amz-Content-Sha256")?,
            Place::Header => None,
        };
        if declared.is_some() && in_query.is_some() {
            return Err(Refusal::Repeated("X-Amz-Content-Sha256"));
        }
        let said = said(self.kind, place, declared.or(in_query).as_deref(), request.body)?;
        let canonical = Canonical {
            method: request.method,
            path: path(request.path, self.paths)?,
            query: query.canonical((place == Place::Query).then_some(SIGNATURE)),
            headers: &headers,
            signed: &signed_headers,
            payload: &said.text,
        };
        let canonical_request = canonical.to_bytes();
        Ok(Claimed {
            string_to_sign: string_to_sign(signed_at, &scope, &canonical_request),
            canonical_request,
            signature,
            facts: Facts {
                access_key_id,
                scope,
                signed_at,
                form,
                session_token,
                signed_headers,
                payload: said.payload,
            },
        })
    }

    /// Reads `KEY/DAY/REGION/SERVICE/aws4_request`, which is this service's, here and on that day.
    fn credential(
        &self,
        place: Place,
        text: &str,
        signed_at: UnixTime,
    ) -> Result<(AccessKeyId, Scope), Refusal> {
        let malformed = Refusal::Malformed(place, Malformed::Invalid(Part::Credential));
        let parts: Vec<&str> = text.splitn(6, '/').collect();
        let [id, day, region, service, terminator] = parts[..] else { return Err(malformed) };
        let (Ok(id), Ok(day)) = (id.parse(), day.parse::<Day>()) else { return Err(malformed) };
        let Ok(scope) = Scope::new(day, region, service) else { return Err(malformed) };
        let fault = if terminator != TERMINATOR {
            ScopeFault::Terminator
        } else if day != Day::from(signed_at) {
            ScopeFault::Day { scope: day, signed_at }
        } else if service != self.service {
            ScopeFault::Service(self.service.clone())
        } else if self.regions.as_ref().is_some_and(|regions| !regions.contains(region)) {
            let mut regions = self.regions.iter().flatten().cloned();
            ScopeFault::Region(regions.next().filter(|_| regions.next().is_none()))
        } else {
            return Ok((id, scope));
        };
        Err(Refusal::Scope(place, fault))
    }

    fn judge_time(&self, signed_at: UnixTime, form: Form, now: UnixTime) -> Result<(), Refusal> {
        let allowance = self.allowance();
        let is_early = signed_at > now.plus(allowance);
        let is_late = match form {
            Form::Header => now > signed_at.plus(allowance),
            Form::Presigned { .. } => false,
        };
        if is_early || is_late {
            return Err(Refusal::Skewed { signed_at, now, allowance });
        }
        match form {
            Form::Presigned { expires } if now > signed_at.plus(expires) => {
                Err(Refusal::Expired { expired_at: signed_at.plus(expires), now })
            }
            Form::Presigned { .. } | Form::Header => Ok(()),
        }
    }
}

fn form(expires: Option<&str>) -> Result<Form, Refusal> {
    let Some(text) = expires else { return Ok(Form::Header) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_number && LIFETIMES.contains(seconds));
    let fault = Refusal::Malformed(Place::Query, Malformed::Invalid(Part::Expires));
    let expires = Duration::from_secs(seconds.ok_or(fault)?);
    Ok(Form::Presigned { expires })
}

/// The signed headers: `None` if the list is malformed; refused if it lacks `host` or a present
/// `x-amz-` header, or has one that is not in the request.
fn signed_headers(list: &str, headers: &Headers<'_>) -> Option<Result<Vec<String>, Refusal>> {
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    let is_name = |name: &String| is_token(name) && !name.bytes().any(|b| b.is_ascii_uppercase());
    if !names.iter().all(is_name) || !names.is_sorted_by(|one, other| one < other) {
        return None;
    }
    let present = headers.names();
    let is_signed = |name: &str| names.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
    if !is_signed("host") {
        return Some(Err(Refusal::NotSigned("host".to_owned())));
    }
    let unsigned = present.iter().find(|name| name.starts_with("x-amz-") && !is_signed(name));
    if let Some(name) = unsigned {
        return Some(Err(Refusal::NotSigned((*name).to_owned())));
    }
    if let Some(absent) = names.iter().find(|name| !present.contains(name.as_str())) {
        return Some(Err(Refusal::Absent(absent.clone())));
    }
    // The name of the host decides who is meant: one line of it.
    Some(headers.once("host").map(|_| names))
}

/// The session token, from a header or from the query. A long-term key has none, a temporary key
/// has one.
fn session_token(
    place: Place,
    headers: &Headers<'_>,
    query: &Query<'_>,
    key: &AccessKeyId,
) -> Result<Option<SessionToken>, Refusal> {
    let token = match (headers.once("x-amz-security-token")?, query.once(SECURITY_TOKEN)?) {
        (Some(_), Some(_)) => return Err(Refusal::Repeated(SECURITY_TOKEN)),
        (Some(header), None) => Some(header.to_owned()),
        (None, in_query) => in_query,
    };
    match token {
        Some(token) if token.is_empty() => {
            Err(Refusal::Malformed(place, Malformed::Invalid(Part::SecurityToken)))
        }
        Some(_) if key.is_long_term() => Err(Refusal::Token(TokenFault::Unexpected)),
        None if key.is_temporary() => Err(Refusal::Token(TokenFault::Missing)),
        token => Ok(token.map(SessionToken::new)),
    }
}

const LIFETIMES: std::ops::RangeInclusive<u64> = 1..=LONGEST_LIFETIME;
