//! CBOR (RFC 8949) as CTAP2 writes it, read strictly: no indefinite lengths, shortest forms, no
//! tags, no floating point, no key twice, at most [`DEPTH`] levels.
//!
//! Keys may come in any order, since authenticators exist that do not sort them. What is written is
//! in canonical order if the caller's maps are. What is not ours to read is passed over: any CBOR
//! that is well formed, at most [`PASSED`] levels.

use std::collections::BTreeSet;

/// One data item. Text and bytes are borrowed from what was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(i128),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    Bool(bool),
    Null,
}

/// Not CBOR, or not the strict kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The one item that `bytes` are.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let (value, rest) = parse_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(Malformed) }
}

/// The first item, and what follows it.
pub(crate) fn parse_first(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Malformed> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEPTH)?;
    Ok((value, reader.rest))
}

/// How many members the map at the start of `bytes` has, and what follows its head.
pub(crate) fn map_head(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let mut reader = Reader { rest: bytes };
    let first = reader.byte()?;
    let members = reader.argument(first & 0x1f)?;
    if first >> 5 == MAP { Ok((members, reader.rest)) } else { Err(Malformed) }
}

/// The bytes of the first item, of any kind that is well formed (RFC 8949 §3), and what follows
/// them.
pub(crate) fn skip_first(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut reader = Reader { rest: bytes };
    reader.skip(PASSED)?;
    let length = bytes.len().checked_sub(reader.rest.len()).ok_or(Malformed)?;
    bytes.split_at_checked(length).ok_or(Malformed)
}

impl<'a> Value<'a> {
    /// The member of a map with this key.
    pub(crate) fn member(&self, key: &Value<'_>) -> Option<&Value<'a>> {
        let Value::Map(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The member of a map whose key is this text.
    pub(crate) fn named(&self, key: &str) -> Option<&Value<'a>> {
        self.member(&Value::Text(key))
    }

    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn integer(&self) -> Option<i128> {
        if let Value::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// Writes the item in shortest form; maps in the order they have.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::Integer(integer) if *integer < 0 => {
                head(out, NEGATIVE, u64::try_from(-1 - integer).unwrap_or(u64::MAX))
            }
            Value::Integer(integer) => {
                head(out, UNSIGNED, u64::try_from(*integer).unwrap_or(u64::MAX))
            }
            Value::Bytes(bytes) => {
                head(out, BYTES, length(bytes));
                out.extend_from_slice(bytes);
            }
            Value::Text(text) => {
                head(out, TEXT, length(text.as_bytes()));
                out.extend_from_slice(text.as_bytes());
            }
            Value::Array(items) => {
                head(out, ARRAY, length(items));
                items.iter().for_each(|item| item.encode(out));
            }
            Value::Map(members) => {
                head(out, MAP, length(members));
                for (key, value) in members {
                    key.encode(out);
                    value.encode(out);
                }
            }
            Value::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
            Value::Null => out.push(NULL),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// One item that may hold `depth` more levels of arrays and maps.
    fn value(&mut self, depth: u8) -> Result<Value<'a>, Malformed> {
        let first = self.byte()?;
        match first {
            FALSE => return Ok(Value::Bool(false)),
            TRUE => return Ok(Value::Bool(true)),
            NULL => return Ok(Value::Null),
            _ => {}
        }
        let argument = self.argument(first & 0x1f)?;
        match first >> 5 {
            UNSIGNED => Ok(Value::Integer(i128::from(argument))),
            NEGATIVE => Ok(Value::Integer(-1 - i128::from(argument))),
            BYTES => self.take(argument).map(Value::Bytes),
            TEXT => std::str::from_utf8(self.take(argument)?)
                .map(Value::Text)
                .map_err(|_| Malformed),
            ARRAY => self.array(argument, depth.checked_sub(1).ok_or(Malformed)?),
            MAP => self.map(argument, depth.checked_sub(1).ok_or(Malformed)?),
            _ => Err(Malformed),
        }
    }

    /// The argument of a head, in its shortest form (RFC 8949 §4.2.1).
    fn argument(&mut self, short: u8) -> Result<u64, Malformed> {
        let width = match short {
            0..24 => return Ok(u64::from(short)),
            24..28 => 1 << (short - 24),
            _ => return Err(Malformed),
        };
        let argument = self.take(width)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let least = match short {
            24 => 24,
            25 => 1 << 8,
            26 => 1 << 16,
            _ => 1 << 32,
        };
        if argument < least { Err(Malformed) } else { Ok(argument) }
    }

    fn array(&mut self, items: u64, depth: u8) -> Result<Value<'a>, Malformed> {
        // Nothing is reserved: how many items there are is a claim until they have been read.
        let mut array = Vec::new();
        for _ in 0..items {
            array.push(self.value(depth)?);
        }
        Ok(Value::Array(array))
    }

    fn map(&mut self, members: u64, depth: u8) -> Result<Value<'a>, Malformed> {
        let (mut map, mut keys) = (Vec::new(), BTreeSet::new());
        for _ in 0..members {
            let before = self.rest;
            let key = self.value(depth)?;
            let encoded = before
                .len()
                .checked_sub(self.rest.len())
                .and_then(|length| before.get(..length));
            // In shortest form, equal keys are equal bytes.
            if !keys.insert(encoded.ok_or(Malformed)?) {
                return Err(Malformed);
            }
            map.push((key, self.value(depth)?));
        }
        Ok(Value::Map(map))
    }

    /// Passes over one item of any kind; one of a container with no length ends with a break, which
    /// is none.
    fn skip(&mut self, depth: u8) -> Result<(), Malformed> {
        let first = self.byte()?;
        let (major, short) = (first >> 5, first & 0x1f);
        let inside = depth.checked_sub(1).ok_or(Malformed)?;
        if short == INDEFINITE {
            return match major {
                BYTES | TEXT | ARRAY | MAP => self.skip_until_break(major, inside),
                _ => Err(Malformed),
            };
        }
        let width = match short {
            0..24 => 0,
            24..28 => 1 << (short - 24),
            _ => return Err(Malformed),
        };
        let argument = self.take(width)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let argument = if width == 0 { u64::from(short) } else { argument };
        match major {
            BYTES | TEXT => self.take(argument).map(|_| ()),
            ARRAY => (0..argument).try_for_each(|_| self.skip(inside)),
            MAP => {
                (0..argument).try_for_each(|_| self.skip(inside).and_then(|()| self.skip(inside)))
            }
            TAG => self.skip(inside),
            _ => Ok(()),
        }
    }

    fn skip_until_break(&mut self, major: u8, inside: u8) -> Result<(), Malformed> {
        while self.rest.first() != Some(&BREAK) {
            let piece = self.rest.first().map(|first| first >> 5);
            // Pieces of a text are texts, those of bytes are bytes.
            if matches!(major, BYTES | TEXT) && piece != Some(major) {
                return Err(Malformed);
            }
            self.skip(inside)?;
            if major == MAP {
                self.skip(inside)?;
            }
        }
        self.byte().map(|_| ())
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    let (short, width) = match argument {
        0..24 => (bytes[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major | short);
    out.extend(bytes.iter().skip(8 - width));
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// CTAP2 nests at most four levels deep (CTAP 2.1 §8).
const DEPTH: u8 = 4;

/// How many levels of what is only passed over may lie in each other: compound statements and
/// extensions bring their own.
const PASSED: u8 = 16;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        value.encode(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        for integer in [
            0,
            23,
            24,
            255,
            256,
            65_535,
            65_536,
            0xffff_ffff,
            0x1_0000_0000,
            i128::from(u64::MAX),
            -1,
            -24,
            -25,
            -257,
        ] {
            let value = Value::Integer(integer);
            assert_eq!(parse(&encoded(&value)), Ok(value));
        }
        let map = Value::Map(vec![
            (
                Value::Text("a"),
                Value::Array(vec![Value::Bytes(&[1, 2]), Value::Bool(true), Value::Null]),
            ),
            (Value::Integer(-3), Value::Map(vec![])),
        ]);
        assert_eq!(parse(&encoded(&map)), Ok(map));
    }

    #[test]
    fn what_is_not_the_strict_kind_is_refused() {
        let refused: &[&[u8]] = &[
            &[],
            &[0x00, 0x00],                         // a second item
            &[0x18, 0x17],                         // 23 in two bytes
            &[0x19, 0x00, 0xff],                   // 255 in three
            &[0x5f, 0x41, 0x00, 0xff],             // bytes of indefinite length
            &[0xa1, 0x01],                         // a key without a value
            &[0xa2, 0x01, 0x00, 0x01, 0x01],       // a key twice
            &[0xa2, 0x61, 0x61, 0, 0x61, 0x61, 1], // a text twice
            &[0xc0, 0x00],                         // a tag
            &[0xf9, 0x00, 0x00],                   // floating point
            &[0xf7],                               // undefined
            &[0x62, 0xff, 0xff],                   // not UTF-8
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ];
        for bytes in refused {
            assert_eq!(parse(bytes), Err(Malformed), "{bytes:02x?}");
        }
    }

    #[test]
    fn four_levels_are_read_and_five_are_not() {
        assert!(parse(&[0x81, 0x81, 0x81, 0x81, 0x00]).is_ok());
        assert_eq!(parse(&[0x81, 0x81, 0x81, 0x81, 0x80]), Err(Malformed));
    }
}
