//! Tables of OATH tokens as LinOTP and privacyIDEA read them: serial number, secret in hexadecimal
//! digits, kind, digits, period or counter, hash function.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::tables::cells::{KindCell, algorithm_by_length, kind};
use crate::import::tables::damage::Serials;
use crate::import::tables::each::each;
use crate::import::tables::rows::{Row, Rows};
use crate::import::tables::split::{Cells, Split, delimiter_of};
use crate::import::{Problem, Settings, Stop, Token, TokenKind};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let line = head.first_line();
    let mut cells = Cells::new();
    cells.split(line, delimiter_of(line)) == Split::Whole
        && !cells.get(SERIAL).is_empty()
        && is_hex(cells.get(SECRET))
        && (cells.get(KIND).is_empty() || kind(cells.get(KIND)) != KindCell::Unknown)
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    each(&mut Rows::of(input, settings.delimiter), out, token)
}

fn token(row: &Row<'_>, serials: &mut Serials) -> Result<Token, Problem> {
    if row.count() <= SECRET || row.count() > HASH + 1 {
        return Err(row.of_columns("2 to 6: serial number, secret, kind, digits, period, hash"));
    }
    let serial = serials.take(row, SERIAL, SECRET)?;
    let of_serial = |problem: Problem| problem.of_serial(serial.as_deref());
    let secret = row.secret_of_hex(SECRET).map_err(of_serial)?;
    // The kind may be left out of an event token.
    let kind = match row.filled(KIND) {
        Some(text) => row.oath_kind(text, "third").map_err(of_serial)?,
        None => TokenKind::Hotp,
    };
    let algorithm = row.algorithm(HASH).map_err(of_serial)?;
    let factor = row.number(FACTOR, "the period or counter").map_err(of_serial)?;
    let token = Token {
        kind: Some(kind),
        algorithm: algorithm.or_else(|| algorithm_by_length(&secret)),
        digits: row.number(DIGITS, "the number of digits").map_err(of_serial)?,
        serial,
        ..Token::new(row.place, secret)
    };
    Ok(match kind {
        TokenKind::Totp => Token { period: factor, ..token },
        TokenKind::Hotp => Token { counter: factor, ..token },
    })
}

/// True for whole bytes in hexadecimal digits.
fn is_hex(text: &str) -> bool {
    (4..=128).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const SERIAL: usize = 0;
const SECRET: usize = 1;
const KIND: usize = 2;
const DIGITS: usize = 3;
const FACTOR: usize = 4;
const HASH: usize = 5;
