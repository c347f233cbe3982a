//! The SQLite store: its contract, its files, its size, and its disk when the power fails.

mod power_cut;
mod scale;
mod store;
