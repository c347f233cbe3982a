//! Members of requests, parsed.

use std::fmt::Display;
use std::str::FromStr;

use crate::agent::problem::Problem;
use crate::id::OddCharacter;

/// Parses a member. The error never repeats the text.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::bad_input(error.to_string()))
}

/// Parses a typed code. The error names a character that is invisible or looks like another one.
pub(super) fn parse_code<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| {
        let found = OddCharacter::first_in(text)
            .map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        Problem::bad_input(format!("{error}{found}"))
    })
}
