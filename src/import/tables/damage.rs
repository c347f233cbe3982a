//! Damage that spreadsheets do to serial numbers, and columns in a wrong order.

use crate::import::found::Out;
use crate::import::names::{secret_of_base32, secret_of_hex};
use crate::import::tables::rows::Row;
use crate::import::{Place, Problem, ProblemCode, Stop};
use crate::secret::Secret;

/// The serial numbers of a table, watched for lost zeros.
pub(super) struct Serials {
    /// By number of digits: how many there are, and what is known of them.
    lengths: Vec<Length>,
}

/// Serial numbers of one length, of digits only.
#[derive(Clone, Default)]
struct Length {
    count: u64,
    /// Of those, how many begin with 0.
    with_zeros: u64,
    /// The places of the first of them, and whether each begins with 9.
    first: Vec<(Place, bool)>,
}

impl Serials {
    pub(super) fn new() -> Serials {
        Serials { lengths: vec![Length::default(); MOST_DIGITS + 1] }
    }

    /// The serial number in a cell, if it is certainly none of what spreadsheets make of one;
    /// `None` if the cell is empty.
    pub(super) fn take(
        &mut self,
        row: &Row<'_>,
        serial: usize,
        secret: usize,
    ) -> Result<Option<String>, Problem> {
        let Some(cell) = row.filled(serial) else { return Ok(None) };
        if is_float(cell) || is_grouped(cell) {
            let detail = format!(
                "a spreadsheet has turned the serial number into {cell}: format the column as \
                 text, enter the number anew, and save the table again"
            );
            return Err(row.problem(ProblemCode::Serial, detail));
        }
        if is_secret(cell) && !is_secret(row.cell(secret)) {
            let detail = "the columns of serial number and secret seem to be exchanged in this \
                          line: exchange them";
            return Err(row.problem(ProblemCode::Serial, detail));
        }
        if cell.bytes().all(|byte| byte.is_ascii_digit())
            && let Some(length) = self.lengths.get_mut(cell.len())
        {
            length.count += 1;
            length.with_zeros += u64::from(cell.starts_with('0'));
            if length.first.len() < MOST_PLACES {
                length.first.push((row.place, cell.starts_with('9')));
            }
        }
        Ok(Some(cell.to_owned()))
    }

    /// Tells the serial numbers that are shorter than all others, at the end of the table.
    pub(super) fn end(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        let lengths = || self.lengths.iter().enumerate();
        let all: u64 = lengths().map(|(_, length)| length.count).sum();
        let Some((usual, most)) = lengths().max_by_key(|(_, length)| length.count) else {
            return Ok(());
        };
        let others = all - most.count;
        // A few among many: a table of several models has more of each.
        let is_rare = most.count >= LEAST_USUAL && others.saturating_mul(RARE) <= all;
        let is_padded = most.count >= LEAST_PADDED && most.with_zeros == most.count;
        if !(is_rare || is_padded && others < most.count) {
            return Ok(());
        }
        let mut short: Vec<(Place, usize)> = Vec::new();
        for (digits, length) in lengths().take(usual) {
            // The number before 10, 100, … is shorter without any damage.
            let is_lost = |nines: bool| most.with_zeros > 0 || !nines;
            let places = length
                .first
                .iter()
                .filter(|(_, nines)| usual - digits <= MOST_LOST && is_lost(*nines));
            short.extend(places.map(|(place, _)| (*place, digits)));
        }
        short.sort_unstable();
        for (place, digits) in short {
            let detail = format!(
                "the serial number has {digits} digits, and all others have {usual}: a \
                 spreadsheet may have dropped zeros in front; compare it with the token"
            );
            out.problem(Problem::at(place, ProblemCode::Serial, detail))?;
        }
        Ok(())
    }
}

/// True for what spreadsheets make of long numbers: `2.6E+12`, `2,6E+12`, `60234567.0`.
fn is_float(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = |text: &str| match text.split_once(['.', ',']) {
        None => digits(text),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    };
    match cell.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => {
            decimal(mantissa) && exponent.strip_prefix('+').is_some_and(digits)
        }
        None => cell.strip_suffix(".0").is_some_and(digits),
    }
}

/// True for digits in groups: `60,234,567`.
fn is_grouped(cell: &str) -> bool {
    let mut groups = cell.split(',');
    let is_group = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_first = |text: &str| (1..=3).contains(&text.len()) && is_group(text);
    groups.next().is_some_and(is_first)
        && cell.contains(',')
        && groups.all(|text| text.len() == 3 && is_group(text))
}

/// True for a text that has the form and length of a secret. The text may be a serial number all
/// the same.
fn is_secret(cell: &str) -> bool {
    let is_long = |secret: &Secret| secret.expose().len() >= LEAST_SECRET;
    let is_mixed = cell.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_mixed
        && cell.len() >= LEAST_CHARACTERS
        && (secret_of_base32(cell).as_ref().is_ok_and(is_long)
            || secret_of_hex(cell).as_ref().is_ok_and(is_long))
}

/// Digits of the longest serial number.
const MOST_DIGITS: usize = 256;

/// Places that are kept of each length.
const MOST_PLACES: usize = 100;

/// Serial numbers of one length from which another length is odd.
const LEAST_USUAL: u64 = 10;

/// One in so many is rare.
const RARE: u64 = 10;

/// Serial numbers of one length, each with a zero in front, from which one without is odd.
const LEAST_PADDED: u64 = 3;

/// Zeros that are lost at once.
const MOST_LOST: usize = 6;

/// Bytes of the shortest secret.
const LEAST_SECRET: usize = 10;

/// Characters of the shortest secret, in base32.
const LEAST_CHARACTERS: usize = 16;
