//! The fields of a signature as texts, from either form.

use crate::aws::sigv4::canonical::ALGORITHM;
use crate::aws::sigv4::headers::Headers;
use crate::aws::sigv4::query::Query;
use crate::aws::sigv4::refusal::{Malformed, Part, Place, Refusal};

/// The fields, each present, none read further.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) credential: String,
    pub(super) signed_headers: String,
    pub(super) signature: String,
    pub(super) date: String,
    /// In a presigned query only.
    pub(super) expires: Option<String>,
}

impl Fields {
    /// Finds the one form in which a request is signed.
    pub(super) fn read(
        headers: &Headers<'_>,
        query: &Query<'_>,
    ) -> Result<(Place, Fields), Refusal> {
        let header = headers.once("authorization")?;
        let presigned = [CREDENTIAL, SIGNATURE, QUERY_ALGORITHM].iter().any(|name| query.has(name));
        match (header, presigned) {
            (None, false) => Err(Refusal::Missing),
            (Some(_), true) => Err(Refusal::TwoForms),
            (Some(text), false) => Ok((Place::Header, Fields::of_header(text, headers)?)),
            (None, true) => Ok((Place::Query, Fields::of_query(query)?)),
        }
    }

    /// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, in any order.
    fn of_header(text: &str, headers: &Headers<'_>) -> Result<Fields, Refusal> {
        let malformed = |fault| Refusal::Malformed(Place::Header, fault);
        let rest = text
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '))
            .ok_or(malformed(Malformed::Algorithm))?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for piece in rest.split(',') {
            let (name, value) =
                piece.trim_matches(' ').split_once('=').ok_or(malformed(Malformed::Stray))?;
            let (field, name) = match name {
                "Credential" => (&mut credential, "Credential"),
                "SignedHeaders" => (&mut signed_headers, "SignedHeaders"),
                "Signature" => (&mut signature, "Signature"),
                _ => return Err(malformed(Malformed::Stray)),
            };
            if field.replace(value.to_owned()).is_some() {
                return Err(Refusal::Repeated(name));
            }
        }
        let lacks = |part| malformed(Malformed::Lacks(part));
        let date = headers.once("x-amz-date")?.ok_or(lacks(Part::Date))?;
        Ok(Fields {
            credential: credential.ok_or(lacks(Part::Credential))?,
            signed_headers: signed_headers.ok_or(lacks(Part::SignedHeaders))?,
            signature: signature.ok_or(lacks(Part::Signature))?,
            date: date.to_owned(),
            expires: None,
        })
    }

    fn of_query(query: &Query<'_>) -> Result<Fields, Refusal> {
        let malformed = |fault| Refusal::Malformed(Place::Query, fault);
        let field = |name: &'static str, part: Part| {
            query.once(name)?.ok_or(malformed(Malformed::Lacks(part)))
        };
        if query.once(QUERY_ALGORITHM)?.as_deref() != Some(ALGORITHM) {
            return Err(malformed(Malformed::Algorithm));
        }
        Ok(Fields {
            credential: field(CREDENTIAL, Part::Credential)?,
            signed_headers: field(SIGNED_HEADERS, Part::SignedHeaders)?,
            signature: field(SIGNATURE, Part::Signature)?,
            date: field(DATE, Part::Date)?,
            expires: Some(field(EXPIRES, Part::Expires)?),
        })
    }
}

/// Parameters of a presigned query (IAM User Guide, "Authentication methods").
pub(super) const QUERY_ALGORITHM: &str = "X-Amz-Algorithm";
pub(super) const CREDENTIAL: &str = "X-Amz-Credential";
pub(super) const DATE: &str = "X-Amz-Date";
pub(super) const EXPIRES: &str = "X-Amz-Expires";
pub(super) const SECURITY_TOKEN: &str = "X-Amz-Security-Token";
pub(super) const SIGNATURE: &str = "X-Amz-Signature";
pub(super) const SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";
