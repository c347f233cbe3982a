//! Lists of `otpauth://` URIs, one a line, as password managers and servers export them.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::lines::Lines;
use crate::import::{Place, Settings, Stop, uri};

pub(super) fn recognises(head: &Head<'_>) -> bool {
    let line = head.first_line();
    line.get(..10).is_some_and(|scheme| scheme.eq_ignore_ascii_case("otpauth://"))
}

pub(super) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::of(input);
    while let Some((place, line)) = lines.next(out)? {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            one(place, line, out)?;
        }
    }
    Ok(())
}

fn one(place: Place, line: &str, out: &mut Out<'_>) -> Result<(), Stop> {
    match uri::token(place, line) {
        Ok(token) => out.token(token),
        Err(problem) => out.problem(problem),
    }
}
