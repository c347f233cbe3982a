//! CBOR (RFC 8949) as CTAP2 uses it (CTAP 2.1 §8): one reader, one writer.
//!
//! The reader validates a whole item before it returns views into the input; it never allocates,
//! even if the input claims great lengths. [`Rules`] sets its strictness. Indefinite lengths, tags,
//! floating point numbers, duplicate keys and bytes after the item are always refused. Keys may
//! come in any order, because some authenticators do not sort them.
//!
//! [`skip_first`] passes over any well-formed CBOR.

mod head;
mod skip;
mod write;

pub(crate) use skip::skip_first;
pub(crate) use write::{Writer, written};

use head::{BYTES, FALSE, Head, LIST, MAP, NEGATIVE, NULL, SIMPLE, TEXT, TRUE, UNSIGNED, take};

/// The strictness of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The most levels of nested maps and lists.
    levels: usize,
    /// Lengths and numbers must be in their shortest form (RFC 8949 §4.2.1).
    shortest: bool,
}

/// Input that the rules do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A data item, as a view of the bytes that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Unsigned(u64),
    /// −1 − n.
    Negative(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Content<'a>),
    Map(Content<'a>),
    Bool(bool),
    Null,
}

/// The validated content of a list or a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    /// Entries of a list, pairs of a map.
    count: u64,
    bytes: &'a [u8],
}

/// Reads one item that is all of `bytes`, by the rules for stored and signed data.
pub(crate) fn parse(bytes: &[u8]) -> Result<Item<'_>, Malformed> {
    Rules::STRICT.parse(bytes)
}

/// Reads the first item, by the rules for stored and signed data, and returns what follows it.
pub(crate) fn parse_first(bytes: &[u8]) -> Result<(Item<'_>, &[u8]), Malformed> {
    Rules::STRICT.item(bytes, Rules::STRICT.levels, Keys::Unchecked)
}

/// Reads the head of a map: the number of its pairs, and what follows the head.
pub(crate) fn map_head(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (head, rest) = Head::read(bytes)?;
    if head.major == MAP && head.shortest { Ok((head.argument, rest)) } else { Err(Malformed) }
}

/// Progress of the check for duplicate keys. Checking once is enough: a repetition at each level
/// would take time exponential in the depth.
#[derive(Clone, Copy)]
enum Keys {
    Unchecked,
    Checked,
}

impl Rules {
    /// Stored and signed data: canonical CTAP2 (CTAP 2.1 §8), apart from the order of keys.
    pub(crate) const STRICT: Rules = Rules { levels: 4, shortest: true };

    /// Answers of authenticators: longer forms occur, and attestation statements nest deeper.
    pub(crate) const LENIENT: Rules = Rules { levels: 8, shortest: false };

    /// Reads one item that is all of `bytes`.
    pub(crate) fn parse(self, bytes: &[u8]) -> Result<Item<'_>, Malformed> {
        match self.item(bytes, self.levels, Keys::Unchecked)? {
            (item, []) => Ok(item),
            _ => Err(Malformed),
        }
    }

    /// Reads one item that may nest `levels` deep, and returns what follows it.
    fn item(self, bytes: &[u8], levels: usize, keys: Keys) -> Result<(Item<'_>, &[u8]), Malformed> {
        let (head, rest) = Head::read(bytes)?;
        if self.shortest && !head.shortest {
            return Err(Malformed);
        }
        match head.major {
            UNSIGNED => Ok((Item::Unsigned(head.argument), rest)),
            NEGATIVE => Ok((Item::Negative(head.argument), rest)),
            BYTES => take(rest, head.argument).map(|(bytes, rest)| (Item::Bytes(bytes), rest)),
            TEXT => {
                let (bytes, rest) = take(rest, head.argument)?;
                Ok((Item::Text(std::str::from_utf8(bytes).map_err(|_| Malformed)?), rest))
            }
            LIST | MAP => {
                let levels = levels.checked_sub(1).ok_or(Malformed)?;
                self.content(&head, rest, levels, keys)
            }
            SIMPLE => match head.short {
                FALSE => Ok((Item::Bool(false), rest)),
                TRUE => Ok((Item::Bool(true), rest)),
                NULL => Ok((Item::Null, rest)),
                _ => Err(Malformed),
            },
            _ => Err(Malformed),
        }
    }

    fn content<'a>(
        self,
        head: &Head,
        bytes: &'a [u8],
        levels: usize,
        keys: Keys,
    ) -> Result<(Item<'a>, &'a [u8]), Malformed> {
        let (count, map) = (head.argument, head.major == MAP);
        if map && count > MOST_PAIRS {
            return Err(Malformed);
        }
        let mut rest = bytes;
        for index in 0..count {
            let (first, after) = self.item(rest, levels, keys)?;
            rest = after;
            if map {
                let before = Content { count: index, bytes };
                if matches!(keys, Keys::Unchecked) && !before.allows_key(first) {
                    return Err(Malformed);
                }
                rest = self.item(rest, levels, keys)?.1;
            }
        }
        let bytes = bytes.get(..bytes.len().saturating_sub(rest.len())).ok_or(Malformed)?;
        let content = Content { count, bytes };
        Ok((if map { Item::Map(content) } else { Item::List(content) }, rest))
    }
}

impl<'a> Content<'a> {
    /// Returns whether a key that follows these pairs is a simple value and new.
    fn allows_key(self, key: Item<'_>) -> bool {
        let simple =
            matches!(key, Item::Unsigned(_) | Item::Negative(_) | Item::Bytes(_) | Item::Text(_));
        simple && self.pairs().all(|(other, _)| other != key)
    }

    fn items(self) -> impl Iterator<Item = (Item<'a>, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let before = rest;
            let levels = Rules::LENIENT.levels;
            let (item, after) = Rules::LENIENT.item(before, levels, Keys::Checked).ok()?;
            rest = after;
            Some((item, before.get(..before.len().saturating_sub(after.len()))?))
        })
    }

    /// Each key, and its value with the bytes that it was read from.
    fn pairs(self) -> impl Iterator<Item = (Item<'a>, (Item<'a>, &'a [u8]))> {
        let mut items = self.items();
        (0..self.count).map_while(move |_| Some((items.next()?.0, items.next()?)))
    }
}

impl<'a> Item<'a> {
    /// The value of a key in a map; `None` for other items as well.
    pub(crate) fn get(self, key: impl Into<Item<'a>>) -> Option<Item<'a>> {
        self.with_bytes(key).map(|(value, _)| value)
    }

    /// The bytes of the value of a key in a map.
    #[cfg_attr(not(feature = "usb"), allow(dead_code, reason = "commands to keys use it"))]
    pub(crate) fn raw(self, key: impl Into<Item<'a>>) -> Option<&'a [u8]> {
        self.with_bytes(key).map(|(_, bytes)| bytes)
    }

    fn with_bytes(self, key: impl Into<Item<'a>>) -> Option<(Item<'a>, &'a [u8])> {
        let Item::Map(content) = self else { return None };
        let key = key.into();
        content.pairs().find(|(have, _)| *have == key).map(|(_, value)| value)
    }

    /// The number of pairs of a map.
    pub(crate) fn pair_count(self) -> Option<u64> {
        if let Item::Map(content) = self { Some(content.count) } else { None }
    }

    /// The entries of a list; none for other items.
    pub(crate) fn entries(self) -> impl Iterator<Item = Item<'a>> {
        let content = match self {
            Item::List(content) => content,
            _ => Content { count: 0, bytes: &[] },
        };
        content.items().map(|(item, _)| item)
    }

    /// A number of either sign.
    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Item::Unsigned(number) => Some(i128::from(number)),
            Item::Negative(number) => Some(-1 - i128::from(number)),
            _ => None,
        }
    }

    #[cfg_attr(not(feature = "usb"), allow(dead_code, reason = "commands to keys use it"))]
    pub(crate) fn unsigned(self) -> Option<u64> {
        if let Item::Unsigned(number) = self { Some(number) } else { None }
    }

    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        if let Item::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        if let Item::Text(text) = self { Some(text) } else { None }
    }

    #[cfg_attr(not(feature = "usb"), allow(dead_code, reason = "commands to keys use it"))]
    pub(crate) fn bool(self) -> Option<bool> {
        if let Item::Bool(bool) = self { Some(bool) } else { None }
    }
}

impl From<i8> for Item<'_> {
    fn from(number: i8) -> Self {
        match u64::try_from(number) {
            Ok(number) => Item::Unsigned(number),
            Err(_) => Item::Negative(u64::from(number.unsigned_abs()) - 1),
        }
    }
}

impl<'a> From<&'a str> for Item<'a> {
    fn from(text: &'a str) -> Self {
        Item::Text(text)
    }
}

/// The most pairs in one map, more than any message has; each key is compared with all others.
const MOST_PAIRS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_items_are_read_again() {
        let bytes = written(|writer| {
            writer.map(3).number(1).bytes(b"bytes").number(-7);
            writer.list(4).bool(true).text("text").number(70_000).number(-257);
            writer.text("deep").map(1).text("id").raw(&[0xf6])
        });
        for rules in [Rules::STRICT, Rules::LENIENT] {
            let item = rules.parse(&bytes).unwrap();
            assert_eq!(item.pair_count(), Some(3));
            assert_eq!(item.get(1).and_then(Item::bytes), Some(&b"bytes"[..]));
            assert_eq!(
                item.get(-7).unwrap().entries().collect::<Vec<_>>(),
                [Item::Bool(true), Item::Text("text"), Item::Unsigned(70_000), Item::Negative(256)]
            );
            assert_eq!(item.get("deep").unwrap().get("id"), Some(Item::Null));
            assert_eq!(item.raw("deep"), Some(&[0xa1, 0x62, b'i', b'd', 0xf6][..]));
            assert_eq!(item.get(2), None);
        }
    }

    #[test]
    fn integers_of_both_signs_keep_their_value() {
        for integer in [0, 23, 24, 255, 256, 65_536, i64::MAX, -1, -24, -25, -257, i64::MIN] {
            let bytes = written(|writer| writer.number(integer));
            assert_eq!(parse(&bytes).map(Item::integer), Ok(Some(i128::from(integer))));
        }
        let most = [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(parse(&most).map(Item::integer), Ok(Some(i128::from(u64::MAX))));
    }

    #[test]
    fn malformed_items_are_refused_by_both_rules() {
        for (bytes, why) in [
            (&b""[..], "no bytes"),
            (&[0xa1, 1], "a key without a value"),
            (&[0xa2, 1, 0, 1, 0], "a key twice"),
            (&[0xa2, 0x61, 0x61, 0, 0x61, 0x61, 1], "a text twice"),
            (&[0xa1, 0x80, 0], "a list as a key"),
            (&[0xbf, 0xff], "a map of indefinite length"),
            (&[0x9f, 0xff], "a list of indefinite length"),
            (&[0x5f, 0x41, 0, 0xff], "bytes of indefinite length"),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "a list beyond its bytes"),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "bytes beyond the end"),
            (&[0x5a, 0xff, 0xff, 0xff, 0xff], "bytes beyond the end"),
            (&[0xb9, 0xff, 0xff], "a map beyond the limit"),
            (&[0x62, 0xc3, 0x28], "a text that is not UTF-8"),
            (&[0xc0, 0], "a tag"),
            (&[0xf9, 0, 0], "a floating point number"),
            (&[0xf7], "undefined"),
            (&[0xf8, 20], "false in two bytes"),
            (&[0, 0], "a second item"),
            (&[0x1c], "a reserved form"),
        ] {
            for rules in [Rules::STRICT, Rules::LENIENT] {
                assert_eq!(rules.parse(bytes), Err(Malformed), "{why}, {rules:?}");
            }
        }
    }

    #[test]
    fn longer_forms_are_read_by_the_lenient_rules_only() {
        for (bytes, number) in [(&[0x18, 0x17][..], 23), (&[0x19, 0x00, 0xff], 255)] {
            assert_eq!(Rules::STRICT.parse(bytes), Err(Malformed));
            assert_eq!(Rules::LENIENT.parse(bytes), Ok(Item::Unsigned(number)));
        }
        let twice = [0xa2, 1, 0, 0x18, 1, 0];
        assert_eq!(Rules::LENIENT.parse(&twice), Err(Malformed), "one key in two forms");
    }

    #[test]
    fn each_rule_reads_its_own_levels_and_no_more() {
        for rules in [Rules::STRICT, Rules::LENIENT] {
            let levels = vec![0x81; rules.levels];
            assert!(rules.parse(&[&levels[..], &[0]].concat()).is_ok());
            assert_eq!(rules.parse(&[&levels[..], &[0x80]].concat()), Err(Malformed));
        }
        assert_eq!((Rules::STRICT.levels, Rules::LENIENT.levels), (4, 8));
    }

    #[test]
    fn nested_maps_take_time_linear_in_their_bytes() {
        let mut nested = vec![0xf6];
        for _ in 0..Rules::LENIENT.levels {
            let keys: Vec<u8> = (1..60).flat_map(|key| [0x18, 100 + key, 0xf6]).collect();
            nested = [&[0xb8, 60, 0][..], &nested, &keys].concat();
        }
        let begun = std::time::Instant::now();
        assert!(Rules::LENIENT.parse(&nested).is_ok());
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
    }
}
