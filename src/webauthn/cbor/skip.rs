//! Skipping items without reading them.

use super::Malformed;
use super::head::{BYTES, Head, LIST, MAP, TAG, TEXT, take};

/// Splits off the first item, of any kind that is well formed (RFC 8949 §3).
pub(crate) fn skip_first(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let rest = skip(bytes, MOST_SKIPPED_LEVELS)?;
    bytes.split_at_checked(bytes.len().saturating_sub(rest.len())).ok_or(Malformed)
}

/// Returns the bytes after one item of any kind. A container of indefinite length ends with a
/// break, which is not an item.
fn skip(bytes: &[u8], levels: usize) -> Result<&[u8], Malformed> {
    let levels = levels.checked_sub(1).ok_or(Malformed)?;
    if let Some((first, rest)) = bytes.split_first()
        && first & 0x1f == INDEFINITE
    {
        return match first >> 5 {
            major @ (BYTES | TEXT | LIST | MAP) => skip_until_break(rest, major, levels),
            _ => Err(Malformed),
        };
    }
    let (head, rest) = Head::read(bytes)?;
    match head.major {
        BYTES | TEXT => take(rest, head.argument).map(|(_, rest)| rest),
        LIST => (0..head.argument).try_fold(rest, |rest, _| skip(rest, levels)),
        MAP => (0..head.argument).try_fold(rest, |rest, _| skip(skip(rest, levels)?, levels)),
        TAG => skip(rest, levels),
        _ => Ok(rest),
    }
}

fn skip_until_break(mut rest: &[u8], major: u8, levels: usize) -> Result<&[u8], Malformed> {
    loop {
        let (first, after) = rest.split_first().ok_or(Malformed)?;
        if *first == BREAK {
            return Ok(after);
        }
        // Chunks of a text are texts, and chunks of bytes are bytes.
        if matches!(major, BYTES | TEXT) && first >> 5 != major {
            return Err(Malformed);
        }
        rest = skip(rest, levels)?;
        if major == MAP {
            rest = skip(rest, levels)?;
        }
    }
}

/// The most levels of skipped items: compound statements and extensions bring their own.
const MOST_SKIPPED_LEVELS: usize = 16;

const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;
