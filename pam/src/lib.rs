//! `pam_twostep.so`: the second factor at login, sudo, sshd and the screen lock.
//!
//! The module asks the person for a code or a touch, and the agent for the verdict, over the
//! agent's `verify.sock`. It stores nothing, starts no thread, handles no signal, prints nothing,
//! and reads neither the environment nor any file that a user could have written. `login` has the
//! order of the steps; `verified` is the only place that turns the agent's answer into a success.
//!
//! A crash of the host would unlock some screen lockers, so the module never causes one: panics end
//! in `entry`, and when memory runs out, `reserve` supplies it until the call is over.

mod agent;
mod deadline;
mod entry;
mod failure;
mod http;
mod key;
mod libpam;
mod login;
mod options;
mod peer;
mod place;
mod reserve;
mod typed;
mod verified;
