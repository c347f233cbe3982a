//! Faults that end the work on a change, by what they leave behind.

use super::fault::words;
use crate::store::{Conflict, Error};

/// The end of the work on one change, or on one batch of them.
#[derive(Debug)]
pub(super) enum Fault {
    /// A row that it was judged from has moved.
    Conflict(Conflict),
    /// The server has decided nothing, and the connection goes on.
    Undecided(Error),
    /// The connection is of no more use. The error says whether the result is known.
    Broken(Error),
}

/// The moment of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The server was not asked to decide yet.
    Before,
    /// The server was asked to decide.
    Deciding,
}

impl Moment {
    /// The fault of a connection on which nothing more is heard.
    pub(super) fn lost(self, reason: String) -> Fault {
        Fault::Broken(match self {
            Moment::Before => Error::Unavailable(reason),
            Moment::Deciding => Error::Unknown(reason),
        })
    }

    /// The fault of an error of the client library.
    pub(super) fn fault(self, error: &tokio_postgres::Error) -> Fault {
        match error.code() {
            Some(code) => self.answered(code.code(), words(error)),
            None => self.lost(words(error)),
        }
    }

    /// The fault of an answer with this SQLSTATE.
    ///
    /// The answer has ended the transaction, unless the connection or the server ends with it: then
    /// the change may be kept.
    fn answered(self, code: &str, text: String) -> Fault {
        if code == "40003" || ENDING.iter().any(|class| code.starts_with(class)) {
            return self.lost(text);
        }
        match code {
            "53100" => Fault::Undecided(Error::Full(text)),
            // The server was made a standby, has given up on this connection, or has another schema
            // than its statements were prepared for.
            "25006" | "25P03" | "0A000" => Fault::Broken(Error::Unavailable(text)),
            _ => Fault::Undecided(Error::Unavailable(text)),
        }
    }
}

/// A value that cannot be read, or not be written, decides nothing.
impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Undecided(error)
    }
}

/// The answer to those who wait for what failed.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Conflict(_) => Error::Unavailable("a read conflicted".to_owned()),
            Fault::Undecided(error) | Fault::Broken(error) => error,
        }
    }
}

/// Beginnings of SQLSTATEs: the connection ends, the server ends.
const ENDING: [&str; 2] = ["08", "57P"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix A of PostgreSQL's manual.
    #[test]
    fn an_answer_proves_that_nothing_was_decided_unless_the_connection_ends() {
        let answered = |code: &str| Moment::Deciding.answered(code, String::new());
        for code in ["55P03", "40001", "40P01", "57014", "23505", "22P02", "42P01", "XX000"] {
            let fault = answered(code);
            assert!(matches!(fault, Fault::Undecided(Error::Unavailable(_))), "{code} {fault:?}");
        }
        for code in ["08000", "08006", "08007", "57P01", "57P02", "57P03", "57P05", "40003"] {
            let fault = answered(code);
            assert!(matches!(fault, Fault::Broken(Error::Unknown(_))), "{code} {fault:?}");
        }
        for code in ["25006", "25P03", "0A000"] {
            let fault = answered(code);
            assert!(matches!(fault, Fault::Broken(Error::Unavailable(_))), "{code} {fault:?}");
        }
        assert!(matches!(answered("53100"), Fault::Undecided(Error::Full(_))));
    }

    #[test]
    fn a_connection_that_is_lost_before_the_decision_decided_nothing() {
        let fault = Moment::Before.answered("57P01", String::new());
        assert!(matches!(fault, Fault::Broken(Error::Unavailable(_))));
        let fault = Moment::Before.lost(String::new());
        assert!(matches!(fault, Fault::Broken(Error::Unavailable(_))));
    }
}
