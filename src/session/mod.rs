//! Session contexts: signed, short-lived statements that a verification took place.
//!
//! The issuer turns a `Verified` into a [`SignedContext`]. Services validate it offline, with the
//! issuer's public keys, and get a [`SessionContext`], or a [`ContextWithoutMfa`], which is another
//! type with another `typ`.

mod algorithm;
#[cfg(any(feature = "agent", feature = "guard"))]
pub(crate) mod carried;
mod checkpoint;
mod claims;
mod context;
#[cfg(feature = "session")]
mod event;
#[cfg(feature = "session")]
mod feed;
#[cfg(feature = "session")]
mod introspect;
mod invalid;
#[cfg(feature = "session")]
mod issuer;
mod jwks;
mod jws;
mod key_error;
mod key_file;
mod public_key;
#[cfg(feature = "jwks-http")]
mod remote;
mod revocations;
#[cfg(feature = "session")]
mod signing;
mod steady;
mod token;
mod token_cache;
mod validator;

pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use checkpoint::{CheckedChain, Checkpoint};
pub use claims::SignedContext;
pub use context::{Amr, AnyContext, Common, ContextWithoutMfa, SessionContext};
#[cfg(feature = "session")]
pub use event::SecurityEvent;
#[cfg(feature = "session")]
pub use feed::{PublishedList, RevocationFeed};
#[cfg(feature = "session")]
pub use introspect::Introspector;
pub use invalid::Invalid;
#[cfg(feature = "session")]
pub use issuer::{Issuer, Lifetime};
pub use jwks::{JwkSet, KeySource};
pub use key_error::KeyError;
pub use key_file::{JwksFile, JwksFileError};
pub use public_key::PublicKey;
#[cfg(feature = "jwks-http")]
pub use remote::{Following, RemoteFault, RemoteIssuer, Standing};
pub use revocations::{BadList, RevocationList, RevocationSource};
#[cfg(feature = "session")]
pub use signing::SigningKeyInfo;
pub use validator::Validator;

pub use crate::device::MfaKind;

use std::time::Duration;

/// The shortest lifetime of a context.
pub const SHORTEST_LIFETIME: Duration = Duration::from_secs(900);

/// The longest lifetime of a context: 36 hours.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(129_600);
