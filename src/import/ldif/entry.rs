//! Entries of a file: attributes with values, up to a blank line.

use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::lines::Lines;
use crate::import::{Place, Problem, ProblemCode, Stop};

/// The entries of a file.
pub(super) struct Entries<'a> {
    lines: Lines<'a>,
    /// The line that a folded one continues.
    open: Option<(Place, Zeroizing<String>)>,
}

/// An entry.
pub(super) struct Entry {
    /// First line of the entry.
    pub(super) place: Place,
    attributes: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(input: &'a mut dyn BufRead) -> Entries<'a> {
        Entries { lines: Lines::of(input), open: None }
    }

    /// The next entry; `None` at the end. An entry with a line that is none is told, and passed
    /// over.
    pub(super) fn next(&mut self, out: &mut Out<'_>) -> Result<Option<Entry>, Stop> {
        let mut entry: Option<Entry> = None;
        let mut is_sound = true;
        while let Some((place, line)) = self.unfolded(out)? {
            if line.starts_with('#') {
                continue;
            }
            if line.trim().is_empty() {
                match entry.take() {
                    Some(entry) if is_sound => return Ok(Some(entry)),
                    _ => is_sound = true,
                }
                continue;
            }
            let entry = entry.get_or_insert(Entry { place, attributes: Vec::new() });
            if entry.attributes.len() >= MOST_ATTRIBUTES {
                let detail = "an entry has more than 1000 attributes: this is no list of tokens";
                return Err(out.end(Problem::at(place, ProblemCode::TooLarge, detail)));
            }
            match attribute(&line) {
                Ok(attribute) => entry.attributes.push(attribute),
                Err(detail) => {
                    is_sound = false;
                    out.problem(Problem::at(place, ProblemCode::Syntax, detail))?;
                }
            }
        }
        Ok(entry.filter(|_| is_sound))
    }

    /// The next line with those that continue it, which begin with a blank.
    fn unfolded(&mut self, out: &mut Out<'_>) -> Result<Option<(Place, Zeroizing<String>)>, Stop> {
        let mut whole = self.open.take();
        loop {
            let Some((place, line)) = self.lines.next(out)? else { return Ok(whole) };
            let Some((begun, text)) = &mut whole else {
                whole = Some((place, Zeroizing::new(line.to_owned())));
                continue;
            };
            let Some(more) = line.strip_prefix(' ').filter(|_| !text.trim().is_empty()) else {
                self.open = Some((place, Zeroizing::new(line.to_owned())));
                return Ok(whole);
            };
            if text.len() + more.len() > LONGEST_VALUE {
                let detail = "a value has more than 64 KiB: this is no list of tokens";
                return Err(out.end(Problem::at(*begun, ProblemCode::TooLarge, detail)));
            }
            if text.len() + more.len() > text.capacity() {
                let mut longer = Zeroizing::new(String::with_capacity(2 * text.len() + more.len()));
                longer.push_str(text);
                *text = longer;
            }
            text.push_str(more);
        }
    }
}

impl Entry {
    /// The first value of an attribute as text without blanks around it; `None` for an empty one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(name)?).ok()?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// The first value of an attribute.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// True if the entry has this value of the attribute, in any case.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.values(name)
            .any(|other| other.trim_ascii().eq_ignore_ascii_case(value.as_bytes()))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The number of an attribute; `None` if the entry does not have it.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.bad(name, "is no number"))
    }

    /// A problem of the value of an attribute.
    pub(super) fn bad(&self, name: &str, detail: &str) -> Problem {
        let detail = format!("{name} {detail}: see what the entry should have");
        Problem::at(self.place, ProblemCode::Value, detail)
    }
}

/// The attribute of a line.
fn attribute(line: &str) -> Result<(String, Zeroizing<Vec<u8>>), &'static str> {
    let (name, value) = line.split_once(':').ok_or("the line is no `attribute: value` of LDIF")?;
    // Options such as `;binary` do not change the value.
    let name = name.split(';').next().unwrap_or(name).trim().to_owned();
    let bytes = match value.as_bytes().first() {
        Some(b'<') => return Err("the value is in another file: export the entry whole"),
        Some(b':') => STANDARD
            .decode(value.trim_start_matches(':').trim())
            .map_err(|_| "the value behind `::` is no base64")?,
        _ => value.trim().as_bytes().to_vec(),
    };
    Ok((name, Zeroizing::new(bytes)))
}

/// Attributes of an entry.
const MOST_ATTRIBUTES: usize = 1_000;

/// Bytes of the longest value.
const LONGEST_VALUE: usize = 64 << 10;
