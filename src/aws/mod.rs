//! Parts of AWS's wire, without HTTP and XML.
//!
//! [`sigv4`] and [`document`] are pure. Names, access keys and temporary credentials stand on the
//! verifier and its store.

#[cfg(feature = "aws")]
mod access_key;
#[cfg(feature = "aws")]
mod credentials;
#[cfg(feature = "aws-policy")]
pub mod document;
#[cfg(feature = "aws")]
mod names;
#[cfg(feature = "aws")]
mod principal;
#[cfg(feature = "aws")]
mod secret;
#[cfg(feature = "sigv4")]
pub mod sigv4;
#[cfg(feature = "aws")]
mod unique_id;
#[cfg(feature = "aws")]
mod user_policies;

#[cfg(feature = "aws")]
pub use access_key::{
    AccessKeyRecord, AccessKeys, FoundKey, KeyOwner, KeyUse, MadeAccessKey, TooManyKeys,
};
#[cfg(feature = "aws")]
pub use credentials::{Credentials, Grant, OpenedToken};
#[cfg(feature = "aws")]
pub use names::{AccountNumber, NotAName, PolicyName, UserName};
#[cfg(feature = "aws")]
pub use principal::Principal;
#[cfg(feature = "aws")]
pub use unique_id::user_id;
#[cfg(feature = "aws")]
pub use user_policies::UserPolicies;
