//! The cases, one file for each group.

mod doctor;
mod hostile;
mod login;
mod others;
mod pam;
mod pin;
mod plugging;
mod refused;
mod several;
mod spot;
mod tools;
mod webauthn;

use crate::guest::Case;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let groups = [
        tools::CASES,
        login::CASES,
        pin::CASES,
        refused::CASES,
        several::CASES,
        spot::CASES,
        plugging::CASES,
        others::CASES,
        pam::CASES,
        doctor::CASES,
        hostile::CASES,
    ];
    groups.into_iter().flatten()
}
