//! `pam_twostep.so`: the second factor at login, sudo, sshd and the screen lock.
//!
//! It asks the person for a code or a touch, and the agent for the verdict, over the agent's
//! `verify.sock`. It keeps nothing, starts no thread, handles no signal, prints nothing, and reads
//! neither the environment nor any file that a user could have written. What it does in which order
//! is in `login`; who may say yes is in `verified`: nobody but the agent.
//!
//! A host must never see a crash, which would unlock some screen lockers: panics end at `entry`,
//! and memory that has run out is replaced from `reserve` until the call is over.

mod agent;
mod deadline;
mod entry;
mod failure;
mod http;
mod key;
mod libpam;
mod login;
mod options;
mod place;
mod reserve;
mod typed;
mod verified;
