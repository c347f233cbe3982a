//! Files of the book that are made from the program. `TWOSTEP_DOCS_WRITE=1 cargo test --test
//! program docs` writes them anew.

use std::fs;

use super::{read, root};

/// The first line of a generated page.
pub(super) const GENERATED: &str =
    "<!-- made by tests/docs: TWOSTEP_DOCS_WRITE=1 cargo test --test program docs -->\n";

/// Compares a file with what it should be, or writes it.
#[track_caller]
pub(super) fn assert_written(path: &str, text: &str) {
    assert_written_but(path, text, str::to_owned);
}

/// The same, in the eyes of `seen`, which leaves out what differs from run to run.
#[track_caller]
pub(super) fn assert_written_but(path: &str, text: &str, seen: impl Fn(&str) -> String) {
    if std::env::var_os("TWOSTEP_DOCS_WRITE").is_some() {
        let is_new = fs::read_to_string(root().join(path)).ok().map(|old| seen(&old));
        if is_new != Some(seen(text)) {
            fs::write(root().join(path), text).unwrap();
        }
    }
    let (have, want) = (seen(&read(path)), seen(text));
    let line = have.lines().zip(want.lines()).position(|(have, want)| have != want);
    assert!(
        have == want,
        "{path} is not what the program says, from line {}: write it by TWOSTEP_DOCS_WRITE=1",
        line.unwrap_or(have.lines().count().min(want.lines().count())) + 1
    );
}
