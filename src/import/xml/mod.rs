//! XML as a stream, bounded: no document type, no entity but the five of XML 1.0 §4.6, no deep
//! nesting, no long text.
//!
//! Names are told in small letters, without their prefix: writers differ in both.

mod bounded;
mod root;
mod spaces;

pub(super) use root::root_of;

use std::io::{self, BufRead};

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::{Place, Problem, ProblemCode, Stop};
use bounded::{Bounded, LONGEST};
use spaces::Spaces;

/// An XML document, read from tag to tag.
pub(super) struct Xml<'a> {
    reader: Reader<Bounded<'a>>,
    spaces: Spaces,
    /// The bytes of the last event. They may hold a secret: the buffer never grows.
    event: Zeroizing<Vec<u8>>,
    line: u64,
    depth: usize,
    has_root: bool,
    name: String,
    is_in_small_letters: bool,
    namespace: &'static str,
    attributes: Vec<(String, Zeroizing<String>)>,
    /// Never grows either; wiped at the end, for wiping it takes longer than to read a tag.
    text: Zeroizing<String>,
}

/// The end of reading.
#[derive(Debug)]
pub(super) enum Fault {
    /// A problem behind which nothing can be read.
    End(Problem),
    /// The receiver wants no more, or the file could not be read.
    Stop(Stop),
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Open,
    Close,
}

impl<'a> Xml<'a> {
    /// A document whose elements belong to these namespaces, or to none. Elements of another
    /// namespace have an empty name.
    pub(super) fn of(
        input: &'a mut dyn BufRead,
        namespaces: &'static [&'static str],
    ) -> Result<Xml<'a>, Fault> {
        if matches!(input.fill_buf()?, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            let detail = "the file is UTF-16: save it as UTF-8";
            return Err(Fault::End(Problem::of_file(ProblemCode::Hostile, detail)));
        }
        let mut reader = Reader::from_reader(Bounded::new(input));
        reader.config_mut().expand_empty_elements = true;
        Ok(Xml {
            reader,
            spaces: Spaces::of(namespaces),
            event: Zeroizing::new(Vec::with_capacity(2 * LONGEST)),
            line: 1,
            depth: 0,
            has_root: false,
            name: String::new(),
            is_in_small_letters: false,
            namespace: "",
            attributes: Vec::new(),
            text: Zeroizing::new(String::with_capacity(2 * LONGEST)),
        })
    }

    /// Name of the next child of the open element; `None` at its end. A child has to be read to its
    /// end, by [`Xml::text`], by [`Xml::skip`] or by asking for its children, before the next.
    pub(super) fn child(&mut self) -> Result<Option<&str>, Fault> {
        Ok((self.tag()? == Some(Tag::Open)).then_some(&*self.name))
    }

    /// The text of the open element, to its end, without white space around it.
    pub(super) fn text(&mut self) -> Result<&str, Fault> {
        match self.tag()? {
            Some(Tag::Open) => {
                let detail = format!("an element is in `{}` where a text should be", self.name);
                Err(self.fault(ProblemCode::Syntax, &detail))
            }
            _ => Ok(self.text.trim()),
        }
    }

    /// Reads the open element to its end.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        let depth = self.depth;
        while self.depth >= depth {
            self.tag()?;
        }
        Ok(())
    }

    /// An attribute of the element that was opened last, by its name in small letters.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(other, _)| other == name)?;
        Some(value.trim())
    }

    /// Names of the attributes of the element that was opened last.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| &**name)
    }

    /// Namespace of the element that was opened last; empty for none.
    pub(super) fn namespace(&self) -> &'static str {
        self.namespace
    }

    /// True if the document has the name of the element that was opened last in small letters.
    pub(super) fn is_in_small_letters(&self) -> bool {
        self.is_in_small_letters
    }

    /// The line that was read last.
    pub(super) fn place(&self) -> Place {
        Place::Line(self.line)
    }

    /// A problem of this place, behind which nothing can be read.
    pub(super) fn fault(&self, code: ProblemCode, detail: &str) -> Fault {
        Fault::End(Problem::at(self.place(), code, detail))
    }

    /// The next tag; `None` at the end of the document.
    fn tag(&mut self) -> Result<Option<Tag>, Fault> {
        let mut buffer = std::mem::take(&mut self.event);
        let found = loop {
            buffer.clear();
            let found = self.event(&mut buffer);
            let lines = buffer.iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
            if buffer.contains(&0) {
                break Err(Flaw::Of(ProblemCode::Hostile, "the file has a NUL: this is no XML"));
            }
            match found {
                Ok(Step::Inside) => {}
                Ok(Step::Tag(tag)) => break Ok(Some(tag)),
                Ok(Step::End) => break Ok(None),
                Err(flaw) => break Err(flaw),
            }
        };
        self.event = buffer;
        found.map_err(|flaw| match flaw {
            Flaw::Of(code, detail) => self.fault(code, detail),
            Flaw::Input(error) => Fault::Stop(Stop::Input(error)),
        })
    }

    fn event(&mut self, buffer: &mut Vec<u8>) -> Result<Step, Flaw> {
        self.reader.get_mut().begin_event();
        match self.reader.read_event_into(buffer) {
            Ok(Event::Start(start)) => self.open(&start),
            Ok(Event::End(_)) => {
                self.spaces.close(self.depth);
                self.depth = self.depth.saturating_sub(1);
                Ok(Step::Tag(Tag::Close))
            }
            Ok(Event::Text(text)) => self.push(&text),
            Ok(Event::CData(text)) => self.push(&text),
            Ok(Event::GeneralRef(reference)) => {
                let c = referenced(&reference)?;
                self.push(c.encode_utf8(&mut [0; 4]))
            }
            Ok(Event::Decl(declaration)) => match declaration.encoding() {
                Some(Ok(name)) if !ENCODINGS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) => {
                    flawed(ProblemCode::Syntax, "the file is not UTF-8: save it as UTF-8")
                }
                _ => Ok(Step::Inside),
            },
            Ok(Event::DocType(_)) => {
                flawed(ProblemCode::Hostile, "the file has a document type, and no token file has")
            }
            Ok(Event::Eof) if self.depth > 0 || !self.has_root => {
                flawed(ProblemCode::Syntax, "the file ends before its last tag: it was cut off")
            }
            Ok(Event::Eof) => Ok(Step::End),
            Ok(Event::Comment(_) | Event::PI(_) | Event::Empty(_)) => Ok(Step::Inside),
            Err(error) => Err(self.flaw(error)),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Step, Flaw> {
        if self.depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return flawed(ProblemCode::Syntax, "the file has two root elements: this is no XML");
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return flawed(ProblemCode::Hostile, "elements are nested deeper than 32");
        }
        self.text.clear();
        self.attributes.clear();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| NO_ATTRIBUTE)?;
            if self.attributes.len() == MOST_ATTRIBUTES {
                return flawed(ProblemCode::Hostile, "an element has more than 64 attributes");
            }
            let value =
                attribute.normalized_value(XmlVersion::Explicit1_0).map_err(
                    |error| match error {
                        Error::Escape(EscapeError::UnrecognizedEntity(..)) => FOREIGN_ENTITY,
                        _ => NO_ATTRIBUTE,
                    },
                )?;
            let name = attribute.key.as_ref().to_ascii_lowercase();
            if self.attributes.iter().any(|(other, _)| *other == name) {
                return Err(NO_ATTRIBUTE);
            }
            self.attributes.push((name, Zeroizing::new(value.into_owned())));
        }
        self.spaces.open(self.depth, &self.attributes)?;
        let name = start.name();
        let (prefix, local) = name.as_ref().split_once(':').unwrap_or(("", name.as_ref()));
        if !local.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return flawed(ProblemCode::Syntax, "an element has no name: this is no XML");
        }
        let space = self.spaces.of_prefix(prefix)?;
        self.name.clear();
        if let Some(namespace) = space {
            self.namespace = namespace;
            self.is_in_small_letters = !local.chars().any(|c| c.is_ascii_uppercase());
            self.name.extend(local.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            self.namespace = "";
        }
        Ok(Step::Tag(Tag::Open))
    }

    fn push(&mut self, text: &str) -> Result<Step, Flaw> {
        if self.depth == 0 {
            return if text.trim().is_empty() {
                Ok(Step::Inside)
            } else {
                flawed(ProblemCode::Syntax, "a text is outside of all elements: this is no XML")
            };
        }
        if self.text.len() + text.len() > LONGEST {
            return flawed(ProblemCode::TooLarge, "a text has more than 64 KiB");
        }
        self.text.push_str(text);
        Ok(Step::Inside)
    }

    fn flaw(&self, error: Error) -> Flaw {
        let detail = match error {
            Error::Io(_) if self.reader.get_ref().is_exceeded() => {
                return Flaw::Of(ProblemCode::TooLarge, "a text or a tag has more than 64 KiB");
            }
            Error::Io(error) => {
                return Flaw::Input(io::Error::new(error.kind(), error.to_string()));
            }
            Error::Encoding(_) => "the file is not UTF-8: save it as UTF-8",
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "the tags do not match",
            Error::Syntax(_) => "the file ends inside of a tag: it was cut off",
            _ => "this is no XML",
        };
        Flaw::Of(ProblemCode::Syntax, detail)
    }
}

/// The character that a reference stands for.
fn referenced(reference: &BytesRef<'_>) -> Result<char, Flaw> {
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match reference.resolve_char_ref() {
            Ok(Some(c)) if !c.is_control() || c.is_whitespace() => Ok(c),
            Ok(None) => Err(FOREIGN_ENTITY),
            _ => flawed(ProblemCode::Syntax, "a character reference names no character of XML"),
        },
    }
}

/// Effect of an event.
enum Step {
    Tag(Tag),
    Inside,
    End,
}

/// A fault without its place.
enum Flaw {
    Of(ProblemCode, &'static str),
    Input(io::Error),
}

fn flawed<T>(code: ProblemCode, detail: &'static str) -> Result<T, Flaw> {
    Err(Flaw::Of(code, detail))
}

impl Fault {
    /// The end of a reader, told to its receiver.
    pub(super) fn end(self, out: &mut Out<'_>) -> Stop {
        match self {
            Fault::End(problem) => out.end(problem),
            Fault::Stop(stop) => stop,
        }
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Fault {
        Fault::Stop(stop)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Stop(Stop::Input(error))
    }
}

const DEEPEST: usize = 32;
const MOST_ATTRIBUTES: usize = 64;
const ENCODINGS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

const NO_ATTRIBUTE: Flaw = Flaw::Of(ProblemCode::Syntax, "the attributes of an element are no XML");
const FOREIGN_ENTITY: Flaw =
    Flaw::Of(ProblemCode::Hostile, "the file has an entity that XML does not define");
