//! Namespaces of elements (Namespaces in XML 1.0 §5, §6).

use zeroize::Zeroizing;

use crate::import::ProblemCode;
use crate::import::xml::{Flaw, flawed};

/// The declarations that hold, outermost first.
pub(super) struct Spaces {
    known: &'static [&'static str],
    declared: Vec<Declared>,
}

struct Declared {
    depth: usize,
    prefix: String,
    /// `None` for a namespace that is not known.
    namespace: Option<&'static str>,
}

impl Spaces {
    pub(super) fn of(known: &'static [&'static str]) -> Spaces {
        Spaces { known, declared: Vec::new() }
    }

    /// Takes the declarations of an element, whose attributes these are.
    pub(super) fn open(
        &mut self,
        depth: usize,
        attributes: &[(String, Zeroizing<String>)],
    ) -> Result<(), Flaw> {
        for (name, uri) in attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => match rest.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            if self.declared.len() == MOST {
                return flawed(ProblemCode::Hostile, "the file has more than 64 namespaces");
            }
            let uri = uri.trim();
            let known = self.known.iter().copied().find(|known| *known == uri);
            let namespace = if uri.is_empty() { Some("") } else { known };
            self.declared.push(Declared { depth, prefix: prefix.to_owned(), namespace });
        }
        Ok(())
    }

    /// Drops the declarations of the element of that depth.
    pub(super) fn close(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|declared| declared.depth >= depth) {
            self.declared.pop();
        }
    }

    /// The namespace of an element's prefix; `None` if it is not known.
    pub(super) fn of_prefix(&self, prefix: &str) -> Result<Option<&'static str>, Flaw> {
        let prefix = prefix.to_ascii_lowercase();
        match self.declared.iter().rev().find(|declared| declared.prefix == prefix) {
            Some(declared) => Ok(declared.namespace),
            None if prefix.is_empty() => Ok(Some("")),
            None => flawed(ProblemCode::Syntax, "a prefix names no namespace: this is no XML"),
        }
    }
}

const MOST: usize = 64;
