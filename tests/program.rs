//! The program `twostep`: its commands, its documents, and the torture of a store through them.

mod cli;
mod docs;
mod torture;
