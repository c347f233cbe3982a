//! One-time addresses of the console: links that operators make, and sign-ins that services start.
//!
//! The store keeps a keyed digest of each code and no code.

mod code;
mod link;
mod sign_in;

pub use code::{BadLinkCode, LinkCode};
pub use link::{Link, LinkPurpose, MadeLink, OpenedLink};
pub use sign_in::{SignIn, StartedSignIn};
