//! Refusals: what is wrong with a signature, and AWS's error code for it.

use std::time::Duration;

use crate::aws::sigv4::code::Code;
use crate::aws::sigv4::moment::{Day, compact};
use crate::aws::sigv4::rules::ServiceKind;
use crate::time::UnixTime;

/// A signature that is refused. Nothing was decided about the request itself.
///
/// `Display` is the text for AWS's `Message`; where AWS's own is known it has its words, since
/// clients show and compare them. It names no secret, no token and no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has no signature at all.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// The request has an `Authorization` header and a presigned query.
    #[error("Only one auth mechanism allowed: the Authorization header, or X-Amz- parameters")]
    TwoForms,
    /// A part of the signature is missing or out of its pattern.
    #[error("{}", .1.message(*.0))]
    Malformed(Place, Malformed),
    /// A header or parameter that may come once came twice, or in both places.
    #[error("The request has more than one '{0}'")]
    Repeated(&'static str),
    /// A method, or a header's name or value, has a character that HTTP does not allow there.
    #[error("The method or a header has a character that is not allowed")]
    BadCharacter,
    /// The path does not begin with a slash, or has a `%` without two digits behind it.
    #[error("The path is not a valid URI path")]
    MalformedPath,
    /// The query has a `%` without two digits behind it.
    #[error("The query string is malformed")]
    MalformedQuery,
    /// `host` or a present `x-amz-` header is not among the signed headers.
    #[error("'{0}' must be a 'SignedHeader' in the AWS Authorization.")]
    NotSigned(String),
    /// A signed header is not in the request.
    #[error("The signed header '{0}' is not in the request")]
    Absent(String),
    /// The credential scope is not that of the request or of the service.
    #[error("{1}")]
    Scope(Place, ScopeFault),
    /// The time of signing is too far from now.
    #[error("{}", skew(*.signed_at, *.now, *.allowance))]
    Skewed {
        /// Time of signing.
        signed_at: UnixTime,
        /// Time of the verification.
        now: UnixTime,
        /// Tolerated difference.
        allowance: Duration,
    },
    /// The lifetime of a presigned request is over.
    #[error(
        "Request has expired: {} is now earlier than {}",
        compact(*.expired_at),
        compact(*.now)
    )]
    Expired {
        /// End of the lifetime.
        expired_at: UnixTime,
        /// Time of the verification.
        now: UnixTime,
    },
    /// Session token and access key do not belong together.
    #[error("The security token included in the request is invalid")]
    Token(TokenFault),
    /// The body is not the one that was signed, or not signed as it must be.
    #[error("{0}")]
    Payload(PayloadFault),
    /// The signature is another one than that of the key.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details."
    )]
    Mismatch,
}

/// Place of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The `Authorization` header.
    Header,
    /// The parameters of a presigned query.
    Query,
}

/// Fault in the form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Another algorithm, or another scheme of authorization.
    Algorithm,
    /// A part is missing.
    Lacks(Part),
    /// A part is out of its pattern or range.
    Invalid(Part),
    /// A piece that is no part of a signature.
    Stray,
}

/// Part of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Access key id and scope.
    Credential,
    /// Names of the signed headers: small letters, in order, each once.
    SignedHeaders,
    /// The signature.
    Signature,
    /// Time of signing: `20150830T123600Z`.
    Date,
    /// Lifetime of a presigned request: 1 to 604,800 seconds.
    Expires,
    /// Session token.
    SecurityToken,
}

/// Fault of a credential scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// The day is not that of the request.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
         HTTP: '{scope}' != '{}', from '{}'.",
        Day::from(*.signed_at),
        compact(*.signed_at)
    )]
    Day {
        /// Day of the scope.
        scope: Day,
        /// Time of signing.
        signed_at: UnixTime,
    },
    /// The service is another one; here is the right one.
    #[error("Credential should be scoped to correct service: '{0}'.")]
    Service(String),
    /// The region is not among those allowed; here is the right one, if there is only one.
    #[error("Credential should be scoped to a valid region{}.", expected(.0.as_deref()))]
    Region(Option<String>),
    /// The scope does not end in `aws4_request`.
    #[error("Credential should be scoped with a valid terminator: 'aws4_request'.")]
    Terminator,
}

/// Fault of a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// A token along with a long-term key (`AKIA…`).
    Unexpected,
    /// A temporary key (`ASIA…`) without its token.
    Missing,
}

/// Fault of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadFault {
    /// The body has another digest than `x-amz-content-sha256` says.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Differs,
    /// The value is neither a digest nor one of the words that stand for one.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a \
         valid sha256 value."
    )]
    Malformed,
    /// The payload is not signed, and the service is not S3.
    #[error("The payload must be signed: x-amz-content-sha256 must be a sha256 value")]
    NotSigned,
    /// The body is not here, and `x-amz-content-sha256` is missing.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    Unknown,
}

impl Refusal {
    /// AWS's error code, in the dialect of a service.
    #[must_use]
    pub fn code(&self, kind: ServiceKind) -> Code {
        match kind {
            ServiceKind::S3 => self.code_of_s3(),
            ServiceKind::Other => self.code_of_others(),
        }
    }

    fn code_of_others(&self) -> Code {
        match self {
            Refusal::Missing => Code::MissingAuthenticationToken,
            Refusal::TwoForms
            | Refusal::Malformed(..)
            | Refusal::Repeated(_)
            | Refusal::BadCharacter
            | Refusal::MalformedPath
            | Refusal::Payload(
                PayloadFault::Malformed | PayloadFault::NotSigned | PayloadFault::Unknown,
            ) => Code::IncompleteSignature,
            Refusal::MalformedQuery => Code::MalformedQueryString,
            Refusal::Token(_) => Code::InvalidClientTokenId,
            Refusal::NotSigned(_)
            | Refusal::Absent(_)
            | Refusal::Scope(..)
            | Refusal::Skewed { .. }
            | Refusal::Expired { .. }
            | Refusal::Payload(PayloadFault::Differs)
            | Refusal::Mismatch => Code::SignatureDoesNotMatch,
        }
    }

    fn code_of_s3(&self) -> Code {
        match self {
            // A region that is wrong is told with the right one; clients follow it.
            Refusal::Malformed(place, _) | Refusal::Scope(place, _) => match place {
                Place::Header => Code::AuthorizationHeaderMalformed,
                Place::Query => Code::AuthorizationQueryParametersError,
            },
            Refusal::Missing | Refusal::NotSigned(_) | Refusal::Expired { .. } => {
                Code::AccessDenied
            }
            Refusal::TwoForms
            | Refusal::Payload(PayloadFault::Malformed | PayloadFault::NotSigned) => {
                Code::InvalidArgument
            }
            Refusal::Repeated(_)
            | Refusal::BadCharacter
            | Refusal::Payload(PayloadFault::Unknown) => Code::InvalidRequest,
            Refusal::MalformedPath | Refusal::MalformedQuery => Code::InvalidUri,
            Refusal::Skewed { .. } => Code::RequestTimeTooSkewed,
            Refusal::Token(TokenFault::Unexpected) => Code::InvalidToken,
            Refusal::Token(TokenFault::Missing) => Code::InvalidAccessKeyId,
            Refusal::Payload(PayloadFault::Differs) => Code::XAmzContentSha256Mismatch,
            Refusal::Absent(_) | Refusal::Mismatch => Code::SignatureDoesNotMatch,
        }
    }
}

impl Malformed {
    fn message(self, place: Place) -> String {
        match (self, place) {
            (Malformed::Algorithm, _) => {
                "Unsupported AWS 'algorithm' (only AWS4-HMAC-SHA256 for now).".to_owned()
            }
            (Malformed::Lacks(part), Place::Header) => {
                format!("Authorization header requires '{}' parameter.", part.name(place))
            }
            (Malformed::Lacks(part), Place::Query) => {
                format!("AWS query-string parameters must include '{}'.", part.name(place))
            }
            (Malformed::Invalid(part), _) => {
                format!("'{}' must be {}", part.name(place), part.pattern())
            }
            (Malformed::Stray, _) => "Authorization header has an unknown part".to_owned(),
        }
    }
}

impl Part {
    fn name(self, place: Place) -> &'static str {
        match (self, place) {
            (Part::Credential, Place::Header) => "Credential",
            (Part::SignedHeaders, Place::Header) => "SignedHeaders",
            (Part::Signature, Place::Header) => "Signature",
            (Part::Credential, Place::Query) => "X-Amz-Credential",
            (Part::SignedHeaders, Place::Query) => "X-Amz-SignedHeaders",
            (Part::Signature, Place::Query) => "X-Amz-Signature",
            (Part::Date, _) => "X-Amz-Date",
            (Part::Expires, _) => "X-Amz-Expires",
            (Part::SecurityToken, _) => "X-Amz-Security-Token",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Part::Credential => {
                "5 slash-delimited elements, e.g. keyid/20150830/us-east-1/iam/aws4_request"
            }
            Part::SignedHeaders => "names in lower case, in order, separated by semicolons",
            Part::Signature => "64 lower-case hexadecimal digits",
            Part::Date => "in ISO 8601 basic format, e.g. 20150830T123600Z",
            Part::Expires => "a number of seconds from 1 to 604800",
            Part::SecurityToken => "not empty",
        }
    }
}

/// AWS's sentence on clocks, with both times and the edge between.
fn skew(signed_at: UnixTime, now: UnixTime, allowance: Duration) -> String {
    let minutes = allowance.as_secs() / 60;
    let (signed, server) = (compact(signed_at), compact(now));
    if signed_at < now {
        let edge = compact(now.minus(allowance));
        format!(
            "Signature expired: {signed} is now earlier than {edge} ({server} - {minutes} min.)"
        )
    } else {
        let edge = compact(now.plus(allowance));
        format!(
            "Signature not yet current: {signed} is still later than {edge} \
             ({server} + {minutes} min.)"
        )
    }
}

fn expected(region: Option<&str>) -> String {
    region.map_or(String::new(), |region| format!(": '{region}'"))
}
