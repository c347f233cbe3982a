//! CTAP2 canonical CBOR (CTAP 2.1 §8): written as the canon has it; read strictly, in place.
//!
//! Reading checks the whole item first and then gives views of it: nothing is allocated, whatever
//! lengths are claimed. Refused are indefinite lengths, tags, floating point numbers, duplicate
//! keys, deep nesting and what follows the item.

/// Bytes that are no item that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// An item, as a view of the bytes it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
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

/// What is inside of a list or map whose every part has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content<'a> {
    /// Entries of a list, pairs of a map.
    count: u64,
    bytes: &'a [u8],
}

/// Reads one item that is all of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Item<'_>, Malformed> {
    match item(bytes, MOST_DEPTH, Keys::Compared)? {
        (item, []) => Ok(item),
        _ => Err(Malformed),
    }
}

/// Whether the keys of maps are compared with each other. Once is enough: doing it again at each
/// level would take a time that grows with the power of the depth.
#[derive(Clone, Copy)]
enum Keys {
    Compared,
    Known,
}

/// Reads one item and says what follows it.
fn item(bytes: &[u8], depth: usize, keys: Keys) -> Result<(Item<'_>, &[u8]), Malformed> {
    let (head, rest) = head(bytes)?;
    let (count, map) = match head {
        Head::Whole(item, length) => return Ok((item, rest.get(length..).ok_or(Malformed)?)),
        Head::List(count) => (count, false),
        Head::Map(count) => (count, true),
    };
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    if map && count > MOST_PAIRS {
        return Err(Malformed);
    }
    let mut after = rest;
    for index in 0..count {
        let (first, next) = item(after, depth, keys)?;
        after = next;
        if map {
            if matches!(keys, Keys::Compared)
                && !is_new_key(first, Content { count: index, bytes: rest })
            {
                return Err(Malformed);
            }
            after = item(after, depth, keys)?.1;
        }
    }
    let bytes = rest.get(..rest.len().saturating_sub(after.len())).ok_or(Malformed)?;
    let content = Content { count, bytes };
    Ok((if map { Item::Map(content) } else { Item::List(content) }, after))
}

fn is_new_key(key: Item<'_>, before: Content<'_>) -> bool {
    let simple =
        matches!(key, Item::Unsigned(_) | Item::Negative(_) | Item::Bytes(_) | Item::Text(_));
    simple && before.pairs().all(|(other, _)| other != key)
}

enum Head<'a> {
    /// The item, and how many bytes follow its head.
    Whole(Item<'a>, usize),
    List(u64),
    Map(u64),
}

fn head(bytes: &[u8]) -> Result<(Head<'_>, &[u8]), Malformed> {
    let (first, rest) = bytes.split_first().ok_or(Malformed)?;
    let width = match first & 0x1f {
        0..=23 => 0,
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return Err(Malformed),
    };
    let (argument, rest) = rest.split_at_checked(width).ok_or(Malformed)?;
    let number = match width {
        0 => u64::from(first & 0x1f),
        _ => argument.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    };
    let string = || {
        usize::try_from(number)
            .ok()
            .and_then(|length| rest.get(..length))
            .ok_or(Malformed)
    };
    let head = match (first >> 5, first & 0x1f) {
        (0, _) => Head::Whole(Item::Unsigned(number), 0),
        (1, _) => Head::Whole(Item::Negative(number), 0),
        (2, _) => Head::Whole(Item::Bytes(string()?), string()?.len()),
        (3, _) => Head::Whole(
            Item::Text(std::str::from_utf8(string()?).map_err(|_| Malformed)?),
            string()?.len(),
        ),
        (4, _) => Head::List(number),
        (5, _) => Head::Map(number),
        (7, 20) => Head::Whole(Item::Bool(false), 0),
        (7, 21) => Head::Whole(Item::Bool(true), 0),
        (7, 22) => Head::Whole(Item::Null, 0),
        _ => return Err(Malformed),
    };
    Ok((head, rest))
}

impl<'a> Content<'a> {
    fn items(self) -> impl Iterator<Item = (Item<'a>, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let before = rest;
            let (item, after) = item(before, MOST_DEPTH, Keys::Known).ok()?;
            rest = after;
            Some((item, before.get(..before.len().saturating_sub(after.len()))?))
        })
    }

    /// Key, and value with the bytes it came in.
    fn pairs(self) -> impl Iterator<Item = (Item<'a>, (Item<'a>, &'a [u8]))> {
        let mut items = self.items();
        (0..self.count).map_while(move |_| Some((items.next()?.0, items.next()?)))
    }
}

impl<'a> Item<'a> {
    /// The value of a key in a map; `None` too if this is no map.
    pub(super) fn get(self, key: impl Into<Item<'a>>) -> Option<Item<'a>> {
        self.with_bytes(key).map(|(value, _)| value)
    }

    /// The same, as the bytes it came in.
    pub(super) fn raw(self, key: impl Into<Item<'a>>) -> Option<&'a [u8]> {
        self.with_bytes(key).map(|(_, bytes)| bytes)
    }

    fn with_bytes(self, key: impl Into<Item<'a>>) -> Option<(Item<'a>, &'a [u8])> {
        let Item::Map(content) = self else { return None };
        let key = key.into();
        content.pairs().find(|(have, _)| *have == key).map(|(_, value)| value)
    }

    /// The entries of a list; none if this is no list.
    pub(super) fn entries(self) -> impl Iterator<Item = Item<'a>> {
        let content = match self {
            Item::List(content) => content,
            _ => Content { count: 0, bytes: &[] },
        };
        content.items().map(|(item, _)| item)
    }

    pub(super) fn unsigned(self) -> Option<u64> {
        match self {
            Item::Unsigned(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bool(self) -> Option<bool> {
        match self {
            Item::Bool(bool) => Some(bool),
            _ => None,
        }
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

/// Writes items one after the other. Whoever writes a map keeps its keys in the order of the canon:
/// by length of what they are written as, then by value.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn map(&mut self, pairs: usize) -> &mut Writer {
        self.head(5, pairs)
    }

    pub(super) fn list(&mut self, entries: usize) -> &mut Writer {
        self.head(4, entries)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Writer {
        self.head(3, text.len());
        self.raw(text.as_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        self.head(2, bytes.len());
        self.raw(bytes)
    }

    pub(super) fn number(&mut self, number: i64) -> &mut Writer {
        let major = if number < 0 { 1 } else { 0 };
        let argument = if number < 0 { number.unsigned_abs() - 1 } else { number.unsigned_abs() };
        self.argument(major, argument)
    }

    pub(super) fn bool(&mut self, bool: bool) -> &mut Writer {
        self.raw(&[if bool { 0xf5 } else { 0xf4 }])
    }

    /// What is written already.
    pub(super) fn raw(&mut self, written: &[u8]) -> &mut Writer {
        self.0.extend_from_slice(written);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, length: usize) -> &mut Writer {
        self.argument(major, u64::try_from(length).unwrap_or(u64::MAX))
    }

    fn argument(&mut self, major: u8, argument: u64) -> &mut Writer {
        let bytes = argument.to_be_bytes();
        // The canon has the shortest of the five forms.
        let (form, width) = match argument {
            0..=23 => (bytes[7], 0),
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 8),
        };
        self.raw(&[major << 5 | form]);
        self.raw(&bytes[8 - width..])
    }
}

/// How deep maps and lists may lie in each other: CTAP allows four, attestation statements may
/// bring their own.
const MOST_DEPTH: usize = 8;

/// More entries than any message of CTAP has; keys are compared with each other.
const MOST_PAIRS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = Writer::default();
        writer
            .map(3)
            .number(1)
            .bytes(b"bytes")
            .number(-7)
            .list(3)
            .bool(true)
            .text("text")
            .number(70_000);
        writer.text("deep").map(1).text("id").raw(&[0xf6]);
        let bytes = writer.into_bytes();
        let item = parse(&bytes).unwrap();
        assert_eq!(item.get(1).and_then(Item::bytes), Some(&b"bytes"[..]));
        let list = item.get(-7).unwrap();
        assert_eq!(
            list.entries().collect::<Vec<_>>(),
            [Item::Bool(true), Item::Text("text"), Item::Unsigned(70_000)]
        );
        assert_eq!(item.get("deep").unwrap().get("id"), Some(Item::Null));
        assert_eq!(item.raw("deep"), Some(&[0xa1, 0x62, b'i', b'd', 0xf6][..]));
        assert_eq!(item.get(2), None);
    }

    #[test]
    fn numbers_take_the_shortest_form() {
        for (number, written) in [
            (0, &[0x00][..]),
            (23, &[0x17]),
            (24, &[0x18, 24]),
            (256, &[0x19, 1, 0]),
            (65_536, &[0x1a, 0, 1, 0, 0]),
            (1 << 32, &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]),
            (-1, &[0x20]),
            (-257, &[0x39, 1, 0]),
        ] {
            let mut writer = Writer::default();
            writer.number(number);
            assert_eq!(writer.into_bytes(), written, "{number}");
        }
    }

    #[test]
    fn maps_in_maps_take_no_longer_than_their_bytes() {
        let mut nested = vec![0xf6];
        for _ in 0..MOST_DEPTH {
            let keys: Vec<u8> = (1..60).flat_map(|key| [0x18, 100 + key, 0xf6]).collect();
            nested = [&[0xb8, 60, 0][..], &nested, &keys].concat();
        }
        let begun = std::time::Instant::now();
        assert!(parse(&nested).is_ok());
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
    }

    #[test]
    fn what_the_canon_forbids_is_refused() {
        let nine_lists = [0x81; 9];
        for (bytes, why) in [
            (&b""[..], "nothing"),
            (&[0xa1, 1][..], "a key without a value"),
            (&[0xa2, 1, 0, 1, 0][..], "a key twice"),
            (&[0xa2, 1, 0, 0x18, 1, 0][..], "a key twice, once in a longer form"),
            (&[0xa1, 0x80, 0][..], "a list as a key"),
            (&[0xbf, 0xff][..], "a map of no definite length"),
            (&[0x5f, 0x41, 0, 0xff][..], "bytes of no definite length"),
            (
                &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
                "a list longer than its bytes",
            ),
            (&[0xb9, 0xff, 0xff][..], "a map longer than any"),
            (&[0x5a, 0xff, 0xff, 0xff, 0xff][..], "bytes longer than there are"),
            (&[0x62, 0xc3, 0x28][..], "a text that is not UTF-8"),
            (&[0xc0, 0][..], "a tag"),
            (&[0xf9, 0, 0][..], "a floating point number"),
            (&[0, 0][..], "something behind"),
            (&nine_lists[..], "nesting without end"),
            (&[0x1c][..], "a form that is reserved"),
        ] {
            assert_eq!(parse(bytes), Err(Malformed), "{why}");
        }
        assert!(parse(&[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0]).is_ok(), "eight deep");
    }
}
