//! A reason not to import an entry, without its place.

use std::borrow::Cow;

use crate::import::ProblemCode;

/// A reason, and its sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ProblemCode,
    pub(super) detail: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, detail: detail.into() }
    }

    /// Encrypted in a way that is not supported, or that does not authenticate.
    pub(super) fn encryption(detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(ProblemCode::Encryption, detail)
    }

    /// The one answer to a wrong key and to an altered file.
    pub(super) fn key_wrong() -> Refusal {
        let detail = "the key or passphrase is wrong, or the file was altered";
        Refusal::new(ProblemCode::KeyWrong, detail)
    }

    /// True if the reason holds for the whole file.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.code, ProblemCode::KeyNeeded | ProblemCode::KeyWrong)
    }
}

/// The last part of an algorithm's URI, in small letters, fit for a message: what could be a secret
/// in a wrong place is `another`.
pub(super) fn algorithm_name(uri: &str) -> String {
    let name = uri.rsplit(['#', ':', '/']).next().unwrap_or(uri).to_ascii_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_word = |part: &str| part.len() < LONGEST_WORD;
    if name.len() < LONGEST_NAME
        && name.split(['-', '_']).all(is_word)
        && name.chars().all(is_plain)
    {
        name
    } else {
        "another".to_owned()
    }
}

const LONGEST_NAME: usize = 32;

/// Characters of a word, less than those of the shortest secret.
const LONGEST_WORD: usize = 14;
