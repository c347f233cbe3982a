//! Tables of OATH hardware tokens for Microsoft Entra, which most vendors ship.

use std::io::BufRead;

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::tables::damage::Serials;
use crate::import::tables::each::each;
use crate::import::tables::rows::{Row, Rows};
use crate::import::tables::split::{Cells, Split, delimiter_of};
use crate::import::{Problem, ProblemCode, Settings, Stop, Token, TokenKind};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let line = head.first_line();
    let mut cells = Cells::new();
    // A quoted name may go on in the next line.
    if cells.split(line, delimiter_of(line)) == Split::Odd {
        return false;
    }
    let columns = Columns::of(|at| cells.get(at), cells.count());
    columns.is_some_and(|columns| columns.owner.is_some() || columns.interval.is_some())
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut rows = Rows::of(input, settings.delimiter);
    let Some(header) = rows.next(out)? else { return Ok(()) };
    let Some(columns) = Columns::of(|at| header.cell(at), header.count()) else {
        let detail = "the first line has no columns `serial number` and `secret key`: keep the \
                      line of names that the vendor wrote";
        return Err(out.end(header.problem(ProblemCode::Syntax, detail)));
    };
    each(&mut rows, out, |row, serials| columns.token(row, serials))
}

/// Positions of the columns.
struct Columns {
    count: usize,
    serial: usize,
    secret: usize,
    owner: Option<usize>,
    interval: Option<usize>,
    hash: Option<usize>,
}

impl Columns {
    /// The columns of a header; `None` if it lacks one that is needed.
    fn of<'a>(cell: impl Fn(usize) -> &'a str, count: usize) -> Option<Columns> {
        let names: Vec<Zeroizing<String>> = (0..count).map(|at| plain(cell(at))).collect();
        let at = |of: &[&str]| names.iter().position(|name| of.contains(&name.as_str()));
        Some(Columns {
            count,
            serial: at(&[SERIAL_NUMBER, "serial"])?,
            secret: at(&["secretkey"])?,
            owner: at(&["upn", "userprincipalname", "username"]),
            interval: at(&["timeinterval", "timeintervalinseconds"]),
            hash: at(&["hashfunction"]),
        })
    }

    fn token(&self, row: &Row<'_>, serials: &mut Serials) -> Result<Token, Problem> {
        let least = self.serial.max(self.secret) + 1;
        if row.count() < least || row.count() > self.count {
            return Err(row.of_columns(&format!("{} as the first line", self.count)));
        }
        if plain(row.cell(self.serial)).as_str() == SERIAL_NUMBER {
            let detail = "the line names the columns again, as in files that were joined: remove \
                          it";
            return Err(row.problem(ProblemCode::Syntax, detail));
        }
        let serial = serials.take(row, self.serial, self.secret)?;
        let account = self.owner.and_then(|at| row.filled(at));
        if account.is_none_or(|account| !account.contains('@'))
            && serial.as_ref().is_some_and(|serial| serial.contains('@'))
        {
            let detail = "the column of serial numbers has the name of a user in this line: \
                          exchange the columns";
            return Err(row.problem(ProblemCode::Serial, detail));
        }
        let of_serial = |problem: Problem| problem.of_serial(serial.as_deref());
        let secret = row.secret_of_base32(self.secret).map_err(of_serial)?;
        let period = match self.interval {
            None => None,
            Some(at) => row.number(at, "the time interval").map_err(of_serial)?,
        };
        let algorithm = match self.hash {
            None => None,
            Some(at) => row.algorithm(at).map_err(of_serial)?,
        };
        Ok(Token {
            account: account.map(str::to_owned),
            kind: Some(TokenKind::Totp),
            algorithm,
            period,
            hardware: Some(true),
            serial,
            ..Token::new(row.place, secret)
        })
    }
}

/// The name of a column in small letters and digits only. The first line of another format may have
/// a secret instead: it is wiped.
fn plain(name: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(name.len()));
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    plain.extend(kept.map(|c| c.to_ascii_lowercase()));
    plain
}

/// Plain name of the column of serial numbers.
const SERIAL_NUMBER: &str = "serialnumber";
