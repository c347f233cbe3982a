//! Several agents on one store, and what becomes of codes when processes and networks fail.

mod failover;
mod proxy;
