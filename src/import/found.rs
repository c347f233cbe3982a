//! Results of readers, and how they stop.

use std::io;

use crate::import::{Format, Place, Problem, ProblemCode, Token};

/// A thing that a reader found in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The format of the file: the first thing that is found.
    Format(Format),
    /// A token.
    Token(Box<Token>),
    /// A reason not to import the file.
    Problem(Problem),
    /// A part of the file, left out on purpose: emergency codes, a PIN key. One sentence.
    Note(Option<Place>, String),
}

/// The end of reading before the end of the file.
#[derive(Debug)]
pub enum Stop {
    /// The rest of the file cannot be read, or is not wanted. The problem was handed on.
    Ended,
    /// The file could not be read.
    Input(io::Error),
}

/// The receiver of what a reader finds.
pub(super) struct Out<'a>(pub(super) &'a mut dyn FnMut(Found) -> Result<(), Stop>);

impl Out<'_> {
    pub(super) fn format(&mut self, format: Format) -> Result<(), Stop> {
        (self.0)(Found::Format(format))
    }

    pub(super) fn token(&mut self, token: Token) -> Result<(), Stop> {
        (self.0)(Found::Token(Box::new(token)))
    }

    pub(super) fn note(&mut self, place: Option<Place>, text: &str) -> Result<(), Stop> {
        (self.0)(Found::Note(place, text.to_owned()))
    }

    /// A problem after which reading goes on.
    pub(super) fn problem(&mut self, problem: Problem) -> Result<(), Stop> {
        (self.0)(Found::Problem(problem))
    }

    /// A problem behind which nothing can be read.
    pub(super) fn end(&mut self, problem: Problem) -> Stop {
        match self.problem(problem) {
            Ok(()) => Stop::Ended,
            Err(stop) => stop,
        }
    }

    /// An entry that is well-formed, but no token that twostep verifies.
    pub(super) fn unsupported(
        &mut self,
        place: Place,
        serial: Option<&str>,
        what: &str,
    ) -> Result<(), Stop> {
        self.problem(Problem::at(place, ProblemCode::Unsupported, what).of_serial(serial))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Input(error)
    }
}
