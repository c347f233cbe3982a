//! Policies in the language of AWS: documents, decisions, simulations, lints.
//!
//! | to | use |
//! |---|---|
//! | read a document | [`IdentityPolicy`], [`SessionPolicy`], [`TrustPolicy`] |
//! | decide about a request | [`Policies::decide`], [`TrustPolicy::decide`] |
//! | explain a decision | [`Policies::simulate`] |
//! | find the traps of a document | `lint` of each kind of document |
//!
//! Specified by the *IAM User Guide* (JSON policy reference, evaluation logic). A document is
//! refused where AWS would accept a statement that can never mean what it says: a value of the
//! wrong type, a member twice, an unknown key of twostep.
//!
//! A key that the context lacks is *absent*, which is neither true nor false. Where AWS leaves a
//! result open (several values without a set operator, a value that is not of the operator's type,
//! `NotResource` with an absent variable), the statement is not known to apply: an `Allow` then
//! does not, and a `Deny` does.
//!
//! Evaluation is pure: the context holds the time, and a text is matched in linear time. Names of
//! roles and users are compared as text; a store that gives a name out twice keeps unique ids in
//! its trust policies.

mod action;
mod arn;
mod condition;
mod context;
mod date;
mod decision;
mod error;
mod glob;
mod json;
mod key;
mod keys;
mod kind;
mod lint;
mod network;
mod number;
mod operator;
mod principal;
mod read;
mod simulate;
mod statement;
mod template;

pub use action::{ActionName, BadAction};
pub use arn::{BadResource, ResourceName};
pub use context::{BadEntry, Context, Credentials, Facts, HypotheticalContext, Mfa};
pub use decision::{Decision, Grounds, Lacking, Matched, Policies, Source};
pub use error::{DocumentError, Fault, Position};
pub use key::{BadKeyName, KeyName};
pub use kind::{Holder, IdentityPolicy, SessionPolicy, TrustPolicy, counted_characters};
pub use lint::Trap;
pub use principal::Caller;
pub use simulate::{SimulatedOutcome, Simulation};
pub use statement::Asked;

#[cfg(test)]
mod generated;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
