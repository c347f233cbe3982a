//! The verifier, the contexts it leads to and the guard that reads them, in one process and in
//! several.

mod guard;
mod race;
mod restart;
mod session;
mod simulate;
mod verifier;
