//! Members of requests, parsed.

use std::fmt::Display;
use std::str::FromStr;

use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::id::{AccountId, OddCharacter};

/// Parses a member. The error never repeats the text.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::bad_input(error.to_string()))
}

/// The account that a member names, which need not exist yet.
pub(super) fn account(state: &Shared, name: &str) -> Result<AccountId, Problem> {
    state
        .accounts
        .named(name)
        .map_err(|error| Problem::bad_input(error.to_string()))
}

/// The account that a member names, among those that exist.
pub(super) fn existing_account(state: &Shared, name: &str) -> Result<AccountId, Problem> {
    state
        .accounts
        .existing(name)
        .map_err(|error| Problem::bad_input(error.to_string()))
}

/// Parses a typed code. The error names a character that is invisible or looks like another one.
pub(super) fn parse_code<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| {
        let found = OddCharacter::first_in(text)
            .map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        Problem::bad_input(format!("{error}{found}"))
    })
}

/// The number of rows of a page.
pub(super) fn limit(wanted: Option<u32>) -> Result<u32, Problem> {
    match wanted {
        None => Ok(100),
        Some(limit @ 1..=1_000) => Ok(limit),
        Some(_) => Err(Problem::bad_input("limit is 1 to 1000")),
    }
}
