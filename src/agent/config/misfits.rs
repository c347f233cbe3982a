//! All that a configuration file says wrongly, each with its line and a correct form.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use super::Config;

/// A line of a configuration that says something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The line, from 1.
    pub line: usize,
    /// The text of the line.
    pub text: String,
    /// The fault, and a correct form.
    pub message: String,
}

impl Misfit {
    /// A fault of the line that this byte is in.
    pub(super) fn at(whole: &str, byte: usize, message: String) -> Misfit {
        Misfit::on(whole, line_of(whole, byte), message)
    }

    /// A fault of a line, counted from 1.
    pub(super) fn on(whole: &str, line: usize, message: String) -> Misfit {
        let text = whole.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned();
        Misfit { line, text, message }
    }
}

/// Reads a configuration. Behind each fault the rest is read without the entry that has it.
pub(super) fn parsed(text: &str) -> Result<Config, Vec<Misfit>> {
    let (mut rest, mut misfits) = (text.to_owned(), Vec::new());
    loop {
        let error = match toml::from_str(&rest) {
            Ok(config) if misfits.is_empty() => return Ok(config),
            Ok(_) => return Err(misfits),
            Err(error) => error,
        };
        let span = Error::span(&error).unwrap_or(0..0);
        let entry = entry_at(&rest, &span).map(|entry| whole(&rest, entry));
        // A table that an entry was taken out of may lack it now.
        let follows = entry.as_ref().is_some_and(|entry| {
            let lines = line_of(text, entry.start)..=line_of(text, entry.end.saturating_sub(1));
            lines.start() < lines.end() && misfits.iter().any(|had| lines.contains(&had.line))
        });
        if !follows {
            misfits.push(Misfit::at(text, span.start, in_words(error.message())));
        }
        let entry = entry.filter(|_| misfits.len() < MOST);
        let Some(removed) = entry.and_then(|entry| without(&rest, entry)) else {
            return Err(misfits);
        };
        rest = removed;
    }
}

/// The fault as a sentence with a correct form, where the parser speaks of its own types.
fn in_words(message: &str) -> String {
    let message = message.replace('\n', " ");
    if let Some((unknown, known)) = names_in(&message, "unknown field `") {
        let said = format!("there is no key `{unknown}` here");
        let slips = |known: &&str| strsim::osa_distance(unknown, known);
        let near = |known: &&str| slips(known) <= (unknown.len() / LETTERS_A_SLIP).max(1);
        let nearest = known.iter().copied().filter(near).min_by_key(slips);
        return match nearest {
            Some(nearest) => format!("{said}; did you mean `{nearest}`?"),
            None => format!("{said}; the keys are `{}`", known.join("`, `")),
        };
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|types| types.split_once(", expected "))
    {
        let expected = EXPECTED.iter().find(|(name, _)| *name == expected);
        if let Some((_, expected)) = expected {
            return format!("{expected} is expected, and this is {found}");
        }
    }
    message
}

/// The name that is not known, and those that are.
fn names_in<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (unknown, known) = message.strip_prefix(prefix)?.split_once('`')?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    (!known.is_empty()).then_some((unknown, known))
}

/// The place of the innermost entry that a fault is in: its key and its value, or the header of a
/// table and all that belongs to it.
fn entry_at(text: &str, fault: &Range<usize>) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    innermost(document.get_ref(), fault.start)
}

fn innermost(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    let inside = |range: &Range<usize>| range.contains(&at);
    for (key, value) in table {
        let within = match value.get_ref() {
            DeValue::Table(table) => innermost(table, at),
            DeValue::Array(items) => items.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(table) => {
                    innermost(table, at).or_else(|| Some(item.span()).filter(inside))
                }
                _ => None,
            }),
            _ => None,
        };
        let whole = key.span().start..value.span().end.max(key.span().end);
        if let Some(found) = within.or_else(|| Some(whole).filter(inside)) {
            return Some(found);
        }
    }
    None
}

/// An entry, or a whole table if it is the header of one.
fn whole(text: &str, entry: Range<usize>) -> Range<usize> {
    let before = text.get(..entry.start).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    match text.get(line..).is_some_and(|line| line.trim_start().starts_with('[')) {
        true => line..section_end(text, line),
        false => entry,
    }
}

/// The text with blanks in the place of an entry; all lines stay where they are. None if there was
/// nothing to take out.
fn without(text: &str, entry: Range<usize>) -> Option<String> {
    let taken = text.get(entry.clone())?;
    let blank: String = taken.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    let rest = [text.get(..entry.start)?, &blank, text.get(entry.end..)?].concat();
    (rest != text).then_some(rest)
}

/// The line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or_default().matches('\n').count().saturating_add(1)
}

/// The end of the table whose header is on this line: the beginning of the next header.
fn section_end(text: &str, line: usize) -> usize {
    let below = text.get(line..).unwrap_or_default();
    let mut end = line;
    for (number, line) in below.split_inclusive('\n').enumerate() {
        if number > 0 && line.trim_start().starts_with('[') {
            break;
        }
        end += line.len();
    }
    end
}

/// `line N: MESSAGE`, and the text of the line below.
impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}\n  {}", self.line, self.message, self.text)
    }
}

/// The parser's names of types, as people say them.
const EXPECTED: [(&str, &str); 9] = [
    ("a sequence", "a list in brackets, [\"…\"],"),
    ("a string", "text in quotes"),
    ("a boolean", "true or false"),
    ("u8", "a whole number"),
    ("u16", "a whole number"),
    ("u32", "a whole number"),
    ("u64", "a whole number"),
    ("usize", "a whole number"),
    ("f64", "a number"),
];

/// A name differs in one letter of so many, at most, from the one that is meant.
const LETTERS_A_SLIP: usize = 3;

/// The most faults of one run.
const MOST: usize = 50;
