//! Members of requests, parsed.

use std::fmt::Display;
use std::str::FromStr;

use crate::agent::access::Caller;
use crate::agent::problem::Problem;
use crate::id::OddCharacter;
use crate::otp::Code;
use crate::wire::SecretText;

/// Parses a member. The error never repeats the text.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::bad_input(error.to_string()))
}

/// Parses a parameter of the query. The error names it, and never repeats the text.
pub(super) fn parameter<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::bad_input(format!("{name}: {error}")))
}

/// The caller, who vouches for this client.
pub(super) fn with_client(caller: Caller, client: Option<&SecretText>) -> Result<Caller, Problem> {
    let client = client.map(|client| parse(client.as_str())).transpose()?;
    Ok(Caller { client, ..caller })
}

/// Parses two consecutive codes, in the order in which the device showed them.
pub(super) fn two_codes([first, second]: &[SecretText; 2]) -> Result<[Code; 2], Problem> {
    Ok([parse_code(first.as_str())?, parse_code(second.as_str())?])
}

/// Parses a typed code. The error names a character that is invisible or looks like another one.
pub(super) fn parse_code<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| {
        let found = OddCharacter::first_in(text)
            .map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        Problem::bad_input(format!("{error}{found}"))
    })
}
