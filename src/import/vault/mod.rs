//! Vaults of authenticator apps and password managers: small JSON files of one person.

pub(super) mod aegis;
pub(super) mod andotp;
pub(super) mod bitwarden;
mod cipher;
mod entry;
pub(super) mod freeotp_plus;
pub(super) mod onepassword;
pub(super) mod proton;
pub(super) mod raivo;
mod records;
pub(super) mod stratum;
pub(super) mod twofas;
