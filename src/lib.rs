//! Multi-factor verification that other programs embed.
//!
//! twostep verifies one-time codes, recovery codes and security keys against a store, and turns
//! each proof into a signed session context, which any service validates offline. A program that
//! embeds it needs some of these:
//!
//! | to | use | feature |
//! |---|---|---|
//! | enrol devices and verify codes | [`verifier::Verifier`] | `verifier` |
//! | keep accounts and devices | [`store::SqliteStore`], [`store::Keyring`] | `sqlite` |
//! | issue contexts | [`session::Issuer`] | `session` |
//! | validate contexts | [`session::Validator`] | `validator` |
//! | demand MFA in axum and tower | [`guard::MfaGuard`], [`guard::MfaPresent`] | `guard` |
//! | say how strong and how recent a proof must be | [`policy::Policy`] | `policy` |
//! | evaluate policies in the language of AWS | [`aws::document`] | `aws-policy` |
//! | use an agent instead of a store | [`client::Client`] | `client` |
//!
//! Security keys take two more: [`verifier::SecurityKeys`] judges their answers (`webauthn`), and
//! [`usb`] talks to keys on this machine. The other modules carry these: [`otp`] and [`webauthn`]
//! are the protocols, [`device`] is the state of one device, [`testing`] has test doubles, and
//! [`agent`] and [`cli`] are the program. [`aws`] is the side of AWS's clients: it verifies and
//! makes the signatures of their requests (`sigv4`).
//!
//! A feature gates whole modules; none changes the behaviour of another. Without any feature the
//! crate contains one-time codes alone. README.md is the guide for operators and users.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(feature = "cli"), allow(rustdoc::broken_intra_doc_links))]

#[cfg(feature = "http")]
pub mod http;
pub mod id;
#[cfg(any(feature = "simulate", test))]
#[cfg_attr(not(feature = "simulate"), allow(dead_code, reason = "tests need a part of it"))]
mod random;
pub mod secret;
pub mod time;
#[cfg(any(feature = "import", feature = "simulate"))]
mod xml;

pub mod otp;

#[cfg(feature = "pam-stack")]
pub mod pam_stack;

pub mod webauthn;

pub mod device;

#[cfg(feature = "import")]
pub mod import;

#[cfg(feature = "simulate")]
pub mod simulate;

#[cfg(feature = "usb")]
pub mod usb;

#[cfg(feature = "wire")]
pub mod wire;

#[cfg(feature = "verifier")]
pub mod store;

#[cfg(feature = "verifier")]
pub mod verifier;

#[cfg(feature = "validator")]
pub mod session;

#[cfg(feature = "policy")]
pub mod policy;

#[cfg(any(feature = "aws-policy", feature = "sigv4"))]
pub mod aws;

#[cfg(feature = "agent")]
pub mod fleet;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "agent")]
pub mod agent;

#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "guard")]
pub mod guard;

#[cfg(feature = "cli")]
pub mod cli;

/// The examples of README.md, as tests.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../README.md")]
struct Readme;
