//! The heads of items: major type and argument.

use super::Malformed;

/// The head of an item of definite length (RFC 8949 §3).
pub(super) struct Head {
    pub(super) major: u8,
    /// The five low bits of the first byte.
    pub(super) short: u8,
    pub(super) argument: u64,
    /// No shorter form of the argument exists.
    pub(super) shortest: bool,
}

impl Head {
    pub(super) fn read(bytes: &[u8]) -> Result<(Head, &[u8]), Malformed> {
        let (first, rest) = bytes.split_first().ok_or(Malformed)?;
        let (major, short) = (first >> 5, first & 0x1f);
        let (width, least) = match short {
            0..24 => (0, 0),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(Malformed),
        };
        let (argument, rest) = rest.split_at_checked(width).ok_or(Malformed)?;
        let argument = match width {
            0 => u64::from(short),
            _ => argument.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        Ok((Head { major, short, argument, shortest: argument >= least }, rest))
    }
}

/// Splits off `length` bytes.
pub(super) fn take(bytes: &[u8], length: u64) -> Result<(&[u8], &[u8]), Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    bytes.split_at_checked(length).ok_or(Malformed)
}

/// The major types.
pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const LIST: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
pub(super) const SIMPLE: u8 = 7;

/// The simple values.
pub(super) const FALSE: u8 = 20;
pub(super) const TRUE: u8 = 21;
pub(super) const NULL: u8 = 22;
