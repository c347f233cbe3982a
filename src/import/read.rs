//! A file, of a format that is told or recognised.

use std::io::{BufRead, Chain, Cursor, Read};

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::head::{self, Head};
use crate::import::readers::{READERS, Reader};
use crate::import::{Format, Found, Problem, ProblemCode, Settings, Stop, refused};

/// Reads a file, and hands on its format and what is in it, in the order of the file.
///
/// `sink` may stop by [`Stop::Ended`].
///
/// # Errors
/// [`Stop::Input`] if the file could not be read; what was handed on before may be incomplete.
pub fn read(
    input: &mut dyn BufRead,
    format: Option<Format>,
    settings: &Settings,
    sink: &mut dyn FnMut(Found) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut out = Out(sink);
    let mut begun = Zeroizing::new(Vec::with_capacity(HEAD));
    (&mut *input)
        .take(u64::try_from(HEAD).unwrap_or(u64::MAX))
        .read_to_end(&mut begun)?;
    // Columns that are named belong to a table of any columns.
    let format = format.or(settings.columns.as_ref().map(|_| Format::Columns));
    let reader = match chosen(&begun, format) {
        Ok(reader) => reader,
        Err(problem) => return ended(Err(out.end(problem))),
    };
    let mut whole: Chain<Cursor<&[u8]>, &mut dyn BufRead> = Cursor::new(&begun[..]).chain(input);
    let all = out
        .format(reader.format)
        .and_then(|()| (reader.read)(&mut whole, settings, &mut out));
    ended(all)
}

/// The reader of a file that begins so.
fn chosen(begun: &[u8], format: Option<Format>) -> Result<&'static Reader, Problem> {
    let of_file = |code, detail: &str| Err(Problem::of_file(code, detail));
    if let Some((_, kind)) = COMPRESSED.iter().find(|(magic, _)| begun.starts_with(magic)) {
        let detail = format!("this is a {kind} file: unpack it first");
        return of_file(ProblemCode::Hostile, &detail);
    }
    if let Some(format) = format {
        let reader = READERS.iter().find(|reader| reader.format == format);
        return reader.ok_or_else(|| Problem::of_file(ProblemCode::Format, "no such format"));
    }
    let text = head::text(begun);
    let head = Head(&text);
    let fitting: Vec<&Reader> = READERS.iter().filter(|r| (r.recognises)(&head)).collect();
    match fitting.as_slice() {
        [reader] => Ok(reader),
        // A table of tokens may name a maker whose own files are refused.
        [] => Err(refused::recognised(&head).unwrap_or_else(|| {
            let detail = "the format is not recognised: name it with --format";
            Problem::of_file(ProblemCode::Format, detail)
        })),
        several => {
            let names: Vec<&str> = several.iter().map(|reader| reader.format.name()).collect();
            let detail = format!("the file may be {}: say which with --format", names.join(" or "));
            of_file(ProblemCode::Format, &detail)
        }
    }
}

/// The end that a reader said is no error.
fn ended(end: Result<(), Stop>) -> Result<(), Stop> {
    match end {
        Err(Stop::Ended) => Ok(()),
        end => end,
    }
}

const HEAD: usize = 4_096;

/// The first bytes of compressed files.
const COMPRESSED: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf", "7z"),
];
