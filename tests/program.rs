//! The program `twostep`: its commands, and the torture of a store through them.

mod cli;
mod torture;
