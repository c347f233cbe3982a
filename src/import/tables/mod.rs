//! Tables: a token a line, in columns.

pub(super) mod columns;
pub(super) mod entra;
pub(super) mod multiotp;
pub(super) mod oath;
pub(super) mod privacyidea_csv;
pub(super) mod yubico;

mod cells;
mod damage;
mod each;
mod rows;
mod split;
