//! PAM stacks: their lines, and the ways through them past `pam_twostep.so`.
//!
//! An interpreter of libpam's configuration (pam.conf(5), `_pam_dispatch_aux` of Linux-PAM 1.5). It
//! reads files through a [`Source`] and changes nothing.

mod control;
mod line;
mod mend;
mod stack;
mod walk;

pub use control::{Action, Code, Control};
pub use line::Line;
pub use mend::{Fault, leaks, unreachable};
pub use stack::{Source, Stacks, Step};
