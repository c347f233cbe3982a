//! Files of modules for PAM: what a host keeps of its users' second factors.

pub(super) mod google;
pub(super) mod u2f;
pub(super) mod users;

mod last;
