//! The tokens of a table, row by row.

use crate::import::found::Out;
use crate::import::tables::damage::Serials;
use crate::import::tables::rows::{Row, Rows};
use crate::import::{Problem, Stop, Token};

/// Hands on the token of each row that is left, or the problem of the row.
pub(super) fn each(
    rows: &mut Rows<'_>,
    out: &mut Out<'_>,
    token: impl Fn(&Row<'_>, &mut Serials) -> Result<Token, Problem>,
) -> Result<(), Stop> {
    let mut serials = Serials::new();
    while let Some(row) = rows.next(out)? {
        match token(&row, &mut serials) {
            Ok(token) => out.token(token)?,
            Err(problem) => out.problem(problem)?,
        }
    }
    serials.end(out)
}
