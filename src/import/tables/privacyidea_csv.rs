//! Tables that privacyIDEA exports: owner, serial number, secret in hexadecimal digits, kind,
//! digits, period. The counter of an event token is not in them.

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
    let secret = |text: &str| text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    cells.split(line, delimiter_of(line)) == Split::Whole
        && !cells.get(SERIAL).is_empty()
        && secret(cells.get(SECRET))
        && kind(cells.get(KIND)) != KindCell::Unknown
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    each(&mut Rows::of(input, settings.delimiter), out, token)
}

fn token(row: &Row<'_>, serials: &mut Serials) -> Result<Token, Problem> {
    if row.count() <= KIND || row.count() > PERIOD + 1 {
        return Err(row.of_columns("5 or 6: owner, serial number, secret, kind, digits, period"));
    }
    let serial = serials.take(row, SERIAL, SECRET)?;
    let of_serial = |problem: Problem| problem.of_serial(serial.as_deref());
    let kind = row.oath_kind(row.cell(KIND), "fourth").map_err(of_serial)?;
    let secret = row.secret_of_hex(SECRET).map_err(of_serial)?;
    let period = match kind {
        TokenKind::Totp => row.number(PERIOD, "the period").map_err(of_serial)?,
        TokenKind::Hotp => None,
    };
    Ok(Token {
        account: row.filled(OWNER).filter(|owner| *owner != NO_OWNER).map(str::to_owned),
        kind: Some(kind),
        algorithm: algorithm_by_length(&secret),
        digits: row.number(DIGITS, "the number of digits").map_err(of_serial)?,
        period,
        serial,
        ..Token::new(row.place, secret)
    })
}

/// The owner of a token that has none.
const NO_OWNER: &str = "n/a";

const OWNER: usize = 0;
const SERIAL: usize = 1;
const SECRET: usize = 2;
const KIND: usize = 3;
const DIGITS: usize = 4;
const PERIOD: usize = 5;
