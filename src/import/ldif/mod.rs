//! Entries of directories in LDIF (RFC 2849).

pub(super) mod freeipa;
pub(super) mod safeword;

mod entry;
