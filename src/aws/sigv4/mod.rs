//! AWS Signature Version 4, verified and made.
//!
//! Specified in the IAM User Guide ("AWS Signature Version 4 for API requests") and, for S3, in the
//! S3 API Reference ("Authenticating Requests"). Both forms are known: the `Authorization` header,
//! and the presigned query. Pure functions: the caller brings the request, the time and the key.
//!
//! A verification has two steps. [`Rules::parse`] reads a [`Request`] and judges all that needs no
//! secret: form, scope, clock, signed headers, payload. The [`Claimed`] that it returns names the
//! access key; with its [`SigningKey`], [`Claimed::verify`] compares the signature and returns the
//! [`Signed`] request. A [`Refusal`] knows AWS's error code.
//!
//! Left to the caller: finding the key and its session token's meaning, permissions, and replays. A
//! request may be repeated until its time has passed, as retrying clients do; what must not happen
//! twice needs a proof of its own.
//!
//! ```
//! use twostep::aws::sigv4::{AccessKey, Body, Header, Request, Rules, Scope, Signer, SigningKey};
//! use twostep::secret::Secret;
//! use twostep::time::UnixTime;
//!
//! let now = UnixTime(1_767_225_600);
//! let rules = Rules::service("sts")?.regions(["us-east-1"]);
//! let secret = Secret::from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".as_slice());
//! let key = AccessKey::new("AKIDEXAMPLE".parse()?, secret)?;
//! let request = Request {
//!     method: "POST",
//!     path: "/",
//!     query: "",
//!     headers: vec![Header::new("host", "sts.example.com")],
//!     body: Body::Bytes(b"Action=GetCallerIdentity&Version=2011-06-15"),
//! };
//!
//! // A client signs, and sends the headers along.
//! let signing_key = SigningKey::derive(&key, Scope::new(now.into(), "us-east-1", "sts")?);
//! let added = Signer::new(&rules, &signing_key).sign(&request, now)?;
//! let mut sent = request.clone();
//! sent.headers.extend(added.iter().map(|(name, value)| Header::new(name, value)));
//!
//! // A server reads who claims to have signed, finds that key, and verifies.
//! let claimed = rules.parse(&sent, now)?;
//! assert_eq!(claimed.access_key_id().as_str(), "AKIDEXAMPLE");
//! let signing_key = SigningKey::derive(&key, claimed.scope().clone());
//! let signed = claimed.verify(&signing_key)?;
//! assert!(signed.covers("Host"));
//!
//! // Another body is another request.
//! sent.body = Body::Bytes(b"Action=GetSessionToken&Version=2011-06-15");
//! assert!(rules.parse(&sent, now)?.verify(&signing_key).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod canonical;
mod claimed;
mod code;
mod escape;
mod fields;
mod headers;
mod key;
mod moment;
mod parse;
mod payload;
mod query;
mod refusal;
mod request;
mod rules;
mod scope;
mod sign;
mod signature;
#[cfg(test)]
mod tests;
mod token;

pub use cache::KeyCache;
pub use claimed::{Claimed, Form, Signed};
pub use code::Code;
pub use key::{AccessKey, SigningKey};
pub use moment::Day;
pub use payload::{Payload, Streaming};
pub use refusal::{Malformed, Part, PayloadFault, Place, Refusal, ScopeFault, TokenFault};
pub use request::{Body, Header, Request};
pub use rules::{Paths, Rules, ServiceKind};
pub use scope::{AccessKeyId, Scope};
pub use sign::{CannotSign, Signer};
pub use signature::Signature;
pub use token::SessionToken;

/// A part of a credential that is out of its pattern. The text states the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPart(pub(super) &'static str);
