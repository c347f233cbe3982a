//! Token files of others, read by the library: each format, its surprises, and hostile files.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bulk;
mod heads;
mod hosts;
mod ldif;
mod migration;
mod mutations;
mod otpauth;
mod pam;
mod pskc;
mod safenet;
mod samples;
mod servers;
mod tables;
mod vaults;
mod xml;

use std::io::Cursor;

use twostep::import::{Format, Found, Place, Problem, ProblemCode, Settings, Token, read};
use twostep::time::UnixTime;

/// Tokens, problems and notes of a file.
struct Read {
    format: Option<Format>,
    tokens: Vec<Token>,
    problems: Vec<Problem>,
    notes: Vec<(Option<Place>, String)>,
}

/// 2026-10-14, a day on which the files of these tests are read.
const NOW: UnixTime = UnixTime(1_791_972_000);

fn settings() -> Settings {
    Settings::new(NOW)
}

/// Reads a file whose format is recognised.
fn recognised(file: impl AsRef<[u8]>) -> Read {
    read_with(None, file, &settings())
}

fn read_with(format: Option<Format>, file: impl AsRef<[u8]>, settings: &Settings) -> Read {
    let (mut tokens, mut problems, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut input = Cursor::new(file.as_ref());
    let mut is = None;
    let all = read(&mut input, format, settings, &mut |found| {
        match found {
            Found::Format(format) => is = Some(format),
            Found::Token(token) => tokens.push(*token),
            Found::Problem(problem) => problems.push(problem),
            Found::Note(place, note) => notes.push((place, note)),
        }
        Ok(())
    });
    all.unwrap();
    Read { format: is, tokens, problems, notes }
}

impl Read {
    /// The tokens of a file without problems.
    fn sound(self) -> Vec<Token> {
        assert_eq!(self.problems, [], "no problems");
        self.tokens
    }

    /// The kinds of problems, with their places.
    fn codes(&self) -> Vec<(Option<Place>, ProblemCode)> {
        self.problems.iter().map(|problem| (problem.place, problem.code)).collect()
    }
}
