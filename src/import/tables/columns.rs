//! Tables of any columns, which the operator names.

use std::io::BufRead;

use base64::engine::general_purpose::{GeneralPurposeConfig, NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use base64::{Engine, alphabet};

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::{secret_of_base32, secret_of_hex};
use crate::import::tables::damage::Serials;
use crate::import::tables::rows::{Row, Rows};
use crate::import::{Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::secret::Secret;

/// False: only the operator knows which column is which.
pub(in crate::import) fn recognises(_head: &Head<'_>) -> bool {
    false
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let layout = match Layout::of(settings.columns.as_deref()) {
        Ok(layout) => layout,
        Err(detail) => return Err(out.end(Problem::of_file(ProblemCode::Format, detail))),
    };
    let mut rows = Rows::of(input, settings.delimiter);
    let mut serials = Serials::new();
    let mut is_begun = false;
    while let Some(row) = rows.next(out)? {
        let is_first = !std::mem::replace(&mut is_begun, true);
        if is_first && settings.header {
            continue;
        }
        match layout.token(&row, &mut serials) {
            Ok(token) => out.token(token)?,
            Err(problem) if is_first => out.problem(of_header(problem))?,
            Err(problem) => out.problem(problem)?,
        }
    }
    serials.end(out)
}

/// The problem of a first line, which may be that of the names.
fn of_header(problem: Problem) -> Problem {
    let detail = format!("{}; if the first line names the columns, add --header", problem.detail);
    Problem { detail, ..problem }
}

/// Positions of the columns.
struct Layout {
    count: usize,
    secret: usize,
    decoded: fn(&str) -> Result<Secret, &'static str>,
    others: Vec<(Column, usize)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Column {
    Serial,
    Kind,
    Algorithm,
    Digits,
    Period,
    Counter,
    Account,
    Name,
}

impl Layout {
    /// The columns of a list such as `serial,secret:hex,digits,-`.
    fn of(columns: Option<&str>) -> Result<Layout, String> {
        let list = columns.ok_or_else(|| {
            format!("a table of format csv needs its columns: --columns {EXAMPLE}")
        })?;
        let mut secret = None;
        let mut others: Vec<(Column, usize)> = Vec::new();
        for (at, name) in list.split(',').map(str::trim).enumerate() {
            let column = match name.to_ascii_lowercase().as_str() {
                "-" => continue,
                "serial" => Column::Serial,
                "kind" => Column::Kind,
                "algorithm" => Column::Algorithm,
                "digits" => Column::Digits,
                "period" => Column::Period,
                "counter" => Column::Counter,
                "account" => Column::Account,
                "name" => Column::Name,
                other => {
                    let decoded = decoder(other)?;
                    if secret.replace((at, decoded)).is_some() {
                        return Err("--columns has two columns of secrets".to_owned());
                    }
                    continue;
                }
            };
            if others.iter().any(|(other, _)| *other == column) {
                return Err(format!("--columns has the column {name} twice"));
            }
            others.push((column, at));
        }
        let count = list.split(',').count();
        let (secret, decoded) = secret.ok_or_else(|| {
            format!("--columns has no column of secrets: name it as in {EXAMPLE}")
        })?;
        Ok(Layout { count, secret, decoded, others })
    }

    fn at(&self, column: Column) -> Option<usize> {
        self.others.iter().find(|(other, _)| *other == column).map(|(_, at)| *at)
    }

    fn token(&self, row: &Row<'_>, serials: &mut Serials) -> Result<Token, Problem> {
        if row.count() <= self.secret || row.count() > self.count {
            return Err(row.of_columns(&format!("{} as --columns says", self.count)));
        }
        let text = |column| self.at(column).and_then(|at| row.filled(at)).map(str::to_owned);
        let serial = match self.at(Column::Serial) {
            None => None,
            Some(at) => serials.take(row, at, self.secret)?,
        };
        let of_serial = |problem: Problem| problem.of_serial(serial.as_deref());
        let number = |column, what| match self.at(column) {
            None => Ok(None),
            Some(at) => row.number(at, what).map_err(of_serial),
        };
        let secret = row.secret(self.secret, self.decoded).map_err(of_serial)?;
        let algorithm = match self.at(Column::Algorithm) {
            None => None,
            Some(at) => row.algorithm(at).map_err(of_serial)?,
        };
        let token = Token {
            account: text(Column::Account),
            name: text(Column::Name),
            kind: self.kind(row).map_err(of_serial)?,
            algorithm,
            digits: number(Column::Digits, "the number of digits")?,
            period: number(Column::Period, "the period")?,
            counter: number(Column::Counter, "the counter")?,
            ..Token::new(row.place, secret)
        };
        Ok(Token { serial, ..token })
    }

    fn kind(&self, row: &Row<'_>) -> Result<Option<TokenKind>, Problem> {
        let Some(cell) = self.at(Column::Kind).and_then(|at| row.filled(at)) else {
            return Ok(None);
        };
        row.oath_kind(cell, "kind").map(Some)
    }
}

type Decoder = fn(&str) -> Result<Secret, &'static str>;

/// The decoder of a column that is named `secret:ENCODING`.
fn decoder(name: &str) -> Result<Decoder, String> {
    match name {
        "secret:hex" => Ok(secret_of_hex),
        "secret:base32" => Ok(secret_of_base32),
        "secret:base64" => Ok(secret_of_base64),
        "secret:ascii" => Ok(|text| Ok(Secret::from(text.as_bytes()))),
        "secret" => Err("--columns does not say how secrets are written: secret:hex, \
                         secret:base32, secret:base64 or secret:ascii"
            .to_owned()),
        other => Err(format!(
            "--columns has `{}`, and not one of serial, secret:ENCODING, kind, algorithm, digits, \
             period, counter, account, name, -",
            other.escape_debug()
        )),
    }
}

fn secret_of_base64(text: &str) -> Result<Secret, &'static str> {
    let engine = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    // The decoder returns no part of a text that is wrong.
    let bytes = engine.decode(text).map_err(|_| {
        "the secret is no base64: it has other characters than A-Z, a-z, 0-9, + and /, or an \
         impossible length"
    })?;
    Ok(Secret::new(bytes))
}

const LENIENT: GeneralPurposeConfig =
    NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);

const EXAMPLE: &str = "serial,secret:hex,digits,period";
