//! The payload: what was signed of the body, and what is still to be compared.

use crate::aws::sigv4::key::sha256;
use crate::aws::sigv4::refusal::{PayloadFault, Place, Refusal};
use crate::aws::sigv4::request::Body;
use crate::aws::sigv4::rules::ServiceKind;
use crate::aws::sigv4::signature::{from_hex, to_hex};

/// Relation of a signature to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Payload {
    /// The digest that was signed is that of the body.
    Compared,
    /// The SHA-256 that was signed; the body was not here. The reader of the body compares it.
    Claimed([u8; 32]),
    /// The body is not signed (S3 only).
    Unsigned,
    /// The body comes in chunks (S3 only); the reader of the body verifies them.
    Streaming(Streaming),
}

/// Kinds of chunked bodies (S3 API Reference, "Authenticating Requests", transferring in chunks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// Each chunk has a signature.
    Signed,
    /// Each chunk and the trailer have a signature.
    SignedTrailer,
    /// No chunk has a signature; a trailer has the checksum.
    UnsignedTrailer,
}

/// The payload, and the text that stands for it in the canonical request.
pub(super) struct Said {
    pub(super) payload: Payload,
    pub(super) text: String,
}

/// Reads the declared digest, or takes that of the body.
pub(super) fn said(
    kind: ServiceKind,
    place: Place,
    declared: Option<&str>,
    body: Body<'_>,
) -> Result<Said, Refusal> {
    let known = match body {
        Body::Bytes(bytes) => Some(sha256(bytes)),
        Body::Digest(digest) => Some(digest),
        Body::NotHere => None,
    };
    let Some(text) = declared else {
        return match (kind, place, known) {
            // The client that presigns has no body yet.
            (ServiceKind::S3, Place::Query, _) => {
                Ok(Said { payload: Payload::Unsigned, text: UNSIGNED.to_owned() })
            }
            (_, _, Some(digest)) => Ok(Said { payload: Payload::Compared, text: to_hex(&digest) }),
            (_, _, None) => Err(Refusal::Payload(PayloadFault::Unknown)),
        };
    };
    let payload = match (from_hex(text), known) {
        (Some(digest), None) => Payload::Claimed(digest),
        (Some(digest), Some(known)) if digest == known => Payload::Compared,
        (Some(_), Some(_)) => return Err(Refusal::Payload(PayloadFault::Differs)),
        (None, _) => exempt(text).ok_or(Refusal::Payload(PayloadFault::Malformed))?,
    };
    let is_digest = matches!(payload, Payload::Compared | Payload::Claimed(_));
    if kind != ServiceKind::S3 && !is_digest {
        return Err(Refusal::Payload(PayloadFault::NotSigned));
    }
    Ok(Said { payload, text: text.to_owned() })
}

/// The values that are no digest.
fn exempt(text: &str) -> Option<Payload> {
    match text {
        UNSIGNED => Some(Payload::Unsigned),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Payload::Streaming(Streaming::Signed)),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Some(Payload::Streaming(Streaming::SignedTrailer))
        }
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => {
            Some(Payload::Streaming(Streaming::UnsignedTrailer))
        }
        _ => None,
    }
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
