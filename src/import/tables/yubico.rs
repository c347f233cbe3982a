//! Logs of Yubico's programs for personalisation, in the traditional form, a line for each slot
//! that was written, and in the form that is configured for other vendors' servers.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::tables::rows::{Row, Rows};
use crate::import::tables::split::{Cells, Split};
use crate::import::{Problem, ProblemCode, Settings, Stop, Token, TokenKind};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let mut cells = Cells::new();
    if cells.split(head.first_line(), ',') != Split::Whole {
        return false;
    }
    let is_logged = Entry::of(cells.get(ENTRY)) != Entry::Other
        && cells.get(DATE).contains(|c: char| c.is_ascii_digit());
    let serial = cells.get(SERIAL);
    let is_configured = !serial.is_empty()
        && serial.bytes().all(|byte| byte.is_ascii_digit())
        && is_hex(cells.get(PRIVATE), 1)
        && is_hex(cells.get(KEY), LEAST_HEX)
        && cells.get(WRITTEN).contains(['-', '/', '.', ':', 'T']);
    is_logged || is_configured
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut rows = Rows::of(input, settings.delimiter.or(Some(',')));
    while let Some(row) = rows.next(out)? {
        let found = match Entry::of(row.cell(ENTRY)) {
            Entry::Log => continue,
            Entry::Hotp => logged(&row),
            Entry::Foreign => Err(foreign(&row)),
            Entry::Other => configured(&row),
        };
        match found {
            Err(problem) => out.problem(problem)?,
            Ok(token) => {
                out.token(token)?;
                if Entry::of(row.cell(ENTRY)) == Entry::Hotp && row.filled(PREFIX).is_some() {
                    let text = "the key types its identifier in front of each code: switch that \
                                off, or leave those characters out";
                    out.note(Some(row.place), text)?;
                }
            }
        }
    }
    Ok(())
}

/// Subject of a line of the traditional form.
#[derive(PartialEq)]
enum Entry {
    Hotp,
    /// A slot with another use.
    Foreign,
    /// The begin or end of the log.
    Log,
    /// A line of another form.
    Other,
}

impl Entry {
    fn of(cell: &str) -> Entry {
        let is_begun = |name: &&str| {
            cell.get(..name.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(name))
        };
        let begins = |names: &[&str]| names.iter().any(is_begun);
        if begins(&["oath-hotp", "oath hotp"]) {
            Entry::Hotp
        } else if begins(&["logging start", "logging stop"]) {
            Entry::Log
        } else if begins(&["yubico otp", "static password", "challenge-response"]) {
            Entry::Foreign
        } else {
            Entry::Other
        }
    }
}

/// A line of the traditional form.
fn logged(row: &Row<'_>) -> Result<Token, Problem> {
    if row.count() <= SECRET {
        return Err(row.of_columns("12 or more, with the secret in the sixth"));
    }
    Ok(Token {
        serial: row.filled(PREFIX).map(str::to_owned),
        kind: Some(TokenKind::Hotp),
        digits: row.number(DIGITS, "the number of digits in column 12")?,
        hardware: Some(true),
        ..Token::new(row.place, row.secret_of_hex(SECRET)?)
    })
}

/// A line of the form for other servers.
fn configured(row: &Row<'_>) -> Result<Token, Problem> {
    let serial = row.filled(SERIAL);
    let of_serial = |problem: Problem| problem.of_serial(serial);
    let is_serial = serial.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_serial || row.count() <= KEY {
        let detail = "the line is neither of the traditional form nor of the one with serial \
                      number, identities and key: see which columns the log has";
        return Err(row.problem(ProblemCode::Syntax, detail));
    }
    if row.cell(PRIVATE) != OATH {
        return Err(of_serial(foreign(row)));
    }
    Ok(Token {
        serial: serial.map(str::to_owned),
        kind: Some(TokenKind::Hotp),
        hardware: Some(true),
        ..Token::new(row.place, row.secret_of_hex(KEY).map_err(of_serial)?)
    })
}

fn foreign(row: &Row<'_>) -> Problem {
    let detail = "the slot has Yubico OTP, a challenge or a password, and not OATH: leave it out \
                  with --skip-unsupported";
    row.problem(ProblemCode::Unsupported, detail)
}

fn is_hex(text: &str, least: usize) -> bool {
    text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Hexadecimal digits of the shortest key that tells the form.
const LEAST_HEX: usize = 32;

/// Mark of OATH in the column of private identities.
const OATH: &str = "0";

// The traditional form.
const ENTRY: usize = 0;
const DATE: usize = 1;
const PREFIX: usize = 3;
const SECRET: usize = 5;
const DIGITS: usize = 11;

// The form for other servers.
const SERIAL: usize = 0;
const PRIVATE: usize = 2;
const KEY: usize = 3;
const WRITTEN: usize = 5;
