//! Token files of others: read as a stream, one format a reader.
//!
//! Readers are pure: they take bytes and hand on tokens, problems and notes. Everything after that
//! (checks, table, store) knows no format.

mod assumed;
mod fernet;
mod format;
mod found;
mod head;
mod hosts;
mod keycloak;
mod ldif;
mod lines;
mod migration;
mod names;
mod otpauth;
mod planned;
mod privacyidea;
mod problem;
mod pskc;
mod read;
mod readers;
mod refused;
mod safenet;
mod settings;
mod tables;
mod token;
mod uri;
mod vault;
mod whole;
mod xml;

pub use assumed::Assumed;
pub use format::{Format, UnknownFormat};
pub use found::{Found, Stop};
pub use planned::{Checks, Planned};
pub use problem::{Problem, ProblemCode};
pub use pskc::{Exported, ExportedFactor, PskcWriter};
pub use read::read;
pub use settings::Settings;
pub use token::{Place, Token, TokenDrift, TokenKind};
