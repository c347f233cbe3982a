//! Tables of multiOTP: serial number, maker, kind, secret in hexadecimal digits, digits, period or
//! counter.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::tables::cells::{KindCell, kind};
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
        && kind(cells.get(KIND)) != KindCell::Unknown
        && secret(cells.get(SECRET))
        && !secret(cells.get(MAKER))
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    each(&mut Rows::of(input, settings.delimiter), out, token)
}

fn token(row: &Row<'_>, serials: &mut Serials) -> Result<Token, Problem> {
    if row.count() <= SECRET || row.count() > FACTOR + 1 {
        return Err(row.of_columns("6: serial number, maker, kind, secret, digits, period"));
    }
    let serial = serials.take(row, SERIAL, SECRET)?;
    let of_serial = |problem: Problem| problem.of_serial(serial.as_deref());
    let kind = row.oath_kind(row.cell(KIND), "third").map_err(of_serial)?;
    let secret = row.secret_of_hex(SECRET).map_err(of_serial)?;
    let factor = row.number(FACTOR, "the period or counter").map_err(of_serial)?;
    let token = Token {
        kind: Some(kind),
        digits: row.number(DIGITS, "the number of digits").map_err(of_serial)?,
        serial,
        ..Token::new(row.place, secret)
    };
    Ok(match kind {
        TokenKind::Totp => Token { period: factor, ..token },
        TokenKind::Hotp => Token { counter: factor, ..token },
    })
}

const SERIAL: usize = 0;
const MAKER: usize = 1;
const KIND: usize = 2;
const SECRET: usize = 3;
const DIGITS: usize = 4;
const FACTOR: usize = 5;
