//! Small files, read whole: JSON, and what is encrypted in one piece.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess,
    SeqAccess, Visitor,
};
use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::{Place, Problem, ProblemCode, Stop};

/// Bytes of the largest vault of one person.
pub(super) const VAULT: usize = 16 << 20;

/// Bytes of the largest export of a server.
pub(super) const SERVER: usize = 32 << 20;

/// The bytes of a file. Each buffer that was too small for them is wiped.
pub(super) fn bytes(
    input: &mut dyn BufRead,
    limit: usize,
    out: &mut Out<'_>,
) -> Result<Zeroizing<Vec<u8>>, Stop> {
    // One byte more than the limit tells that the file is too long.
    let most = limit.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(FIRST.min(most)));
    loop {
        let free = bytes.capacity().min(most).saturating_sub(bytes.len());
        let free = u64::try_from(free).unwrap_or(u64::MAX);
        if (&mut *input).take(free).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
        if bytes.len() > limit {
            let mib = limit >> 20;
            let detail = format!("the file has more than {mib} MiB: export it in parts");
            return Err(out.end(Problem::of_file(ProblemCode::TooLarge, detail)));
        }
        grow(&mut bytes, most);
    }
}

/// Makes room in a full buffer, for at most so many bytes, and wipes the smaller one.
pub(super) fn grow(bytes: &mut Zeroizing<Vec<u8>>, most: usize) {
    if bytes.len() == bytes.capacity() {
        let room = bytes.len().saturating_mul(4).max(64).min(most);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

/// The value of a JSON text, whose escapes are resolved in place as far as they can be. The problem
/// names its line, and none of its values.
pub(super) fn json<T: DeserializeOwned>(text: &mut Zeroizing<Vec<u8>>) -> Result<T, Problem> {
    resolve_escapes(text);
    serde_json::from_slice(json_text(text)?).map_err(|error| not_json(&error))
}

/// Hands on the elements of a list, or of the lists that these members of an object are.
pub(super) fn each<T: DeserializeOwned>(
    text: &mut Zeroizing<Vec<u8>>,
    members: &[&str],
    take: &mut dyn FnMut(T) -> Result<(), Stop>,
) -> Result<Result<(), Stop>, Problem> {
    resolve_escapes(text);
    let mut json = serde_json::Deserializer::from_slice(json_text(text)?);
    let mut stop = None;
    let read = Elements { members, take, stop: &mut stop }.deserialize(&mut json);
    match (stop, read.and_then(|()| json.end())) {
        (Some(stop), _) => Ok(Err(stop)),
        (None, Ok(())) => Ok(Ok(())),
        (None, Err(error)) => Err(not_json(&error)),
    }
}

/// Resolves escapes of characters that may stand in a JSON text as they are. The parser copies
/// texts with escapes to a buffer that is not wiped, and some writers escape each `/` and `&`.
fn resolve_escapes(text: &mut Zeroizing<Vec<u8>>) {
    let (mut from, mut to) = (0, 0);
    while let Some(byte) = text.get(from).copied() {
        let digits = text.get(from + 2..from + 6);
        let (length, resolved) = match (byte, text.get(from + 1)) {
            (b'\\', Some(b'/')) => (2, Some(b'/')),
            (b'\\', Some(b'u')) => match digits.and_then(plain_character) {
                None => (2, None),
                character => (6, character),
            },
            (b'\\', Some(_)) => (2, None),
            _ => (1, Some(byte)),
        };
        match (resolved, text.get_mut(to)) {
            (Some(resolved), Some(place)) => {
                *place = resolved;
                to += 1;
            }
            _ => {
                text.copy_within(from..from + length, to);
                to += length;
            }
        }
        from += length;
    }
    text.truncate(to);
}

/// The character of four hexadecimal digits, if a JSON text may hold it unescaped.
fn plain_character(digits: &[u8]) -> Option<u8> {
    let number = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let is_plain = (0x20..0x7f).contains(&number) && !matches!(number, b'"' | b'\\');
    is_plain.then_some(number)
}

/// The text of a JSON file, as UTF-8 without a byte order mark.
pub(super) fn json_text(text: &[u8]) -> Result<&[u8], Problem> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        let detail = "the file is UTF-16: save it as UTF-8";
        return Err(Problem::of_file(ProblemCode::Syntax, detail));
    }
    if text.contains(&0) {
        let detail = "the file has a NUL character: this is no JSON";
        return Err(Problem::of_file(ProblemCode::Hostile, detail));
    }
    Ok(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))
}

/// The problem of a JSON text. The error's own text is not used: it quotes values.
pub(super) fn not_json(error: &serde_json::Error) -> Problem {
    let detail = match error.classify() {
        serde_json::error::Category::Eof => "the JSON ends too early: the file is cut off",
        serde_json::error::Category::Data => {
            "a member is missing, repeated, or of another type than this format has: \
             export the file again"
        }
        _ => "this is no JSON: export the file again",
    };
    let place = u64::try_from(error.line()).ok().filter(|line| *line > 0).map(Place::Line);
    Problem { place, ..Problem::of_file(ProblemCode::Syntax, detail) }
}

/// The elements of lists, each taken as soon as it is read.
struct Elements<'a, T> {
    members: &'a [&'a str],
    take: &'a mut dyn FnMut(T) -> Result<(), Stop>,
    stop: &'a mut Option<Stop>,
}

impl<'t, T: DeserializeOwned> DeserializeSeed<'t> for Elements<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'t, T: DeserializeOwned> Visitor<'t> for Elements<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut list: S) -> Result<(), S::Error> {
        while let Some(element) = list.next_element()? {
            if let Err(stop) = (self.take)(element) {
                *self.stop = Some(stop);
                return Err(S::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.members.contains(&name.as_str()) {
                // The list itself: an object in its place has no members to look into.
                let (take, stop) = (&mut *self.take, &mut *self.stop);
                map.next_value_seed(Elements { members: &[], take, stop })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A whole number, also as a text. `None`: something else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole(Option<u64>);

impl Whole {
    /// The number that an entry has, if it has one.
    pub(super) fn of(
        number: Option<Whole>,
        name: &str,
        place: Place,
    ) -> Result<Option<u64>, Problem> {
        let malformed =
            || Problem::at(place, ProblemCode::Value, format!("{name} is no whole number"));
        number.map(|Whole(number)| number.ok_or_else(malformed)).transpose()
    }
}

impl<'t> Deserialize<'t> for Whole {
    fn deserialize<D: Deserializer<'t>>(value: D) -> Result<Whole, D::Error> {
        value.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        Ok(Whole(Some(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
        Ok(Whole(u64::try_from(number).ok()))
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<Whole, E> {
        Ok(Whole(None))
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<Whole, E> {
        Ok(Whole(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
        Ok(Whole(text.trim().parse().ok()))
    }
}

const FIRST: usize = 64 << 10;
