//! Answers in XML, as the Query protocol has them.

use std::fmt::{Display, Write};

use crate::xml::escaped;

/// Elements of an answer, in order.
#[derive(Default)]
pub(super) struct Xml(String);

impl Xml {
    /// Adds an element with a text.
    pub(super) fn text(mut self, name: &str, value: impl Display) -> Xml {
        let _ = write!(self.0, "<{name}>{}</{name}>", escaped(&value.to_string()));
        self
    }

    /// Adds an element with a text, if there is one.
    pub(super) fn optional(self, name: &str, value: Option<impl Display>) -> Xml {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an element with elements in it.
    pub(super) fn group(mut self, name: &str, inside: Xml) -> Xml {
        let _ = write!(self.0, "<{name}>{}</{name}>", inside.0);
        self
    }

    /// Adds a list, each of its entries in a `member`.
    pub(super) fn list(self, name: &str, entries: impl Iterator<Item = Xml>) -> Xml {
        self.group(name, entries.fold(Xml::default(), |list, entry| list.group("member", entry)))
    }

    /// Adds a list of texts, each in a `member`.
    pub(super) fn texts(self, name: &str, texts: impl Iterator<Item = impl Display>) -> Xml {
        self.group(name, texts.fold(Xml::default(), |list, text| list.text("member", text)))
    }

    /// The elements inside of one that has a namespace.
    pub(super) fn document(self, name: &str, namespace: &str) -> String {
        format!("<{name} xmlns=\"{namespace}\">{}</{name}>\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_have_members() {
        let list = ["a<b", "\"c\" & 'd'"].map(|text| Xml::default().text("Name", text));
        let answer = Xml::default().list("Names", list.into_iter()).optional("None", None::<u8>);
        assert_eq!(
            answer.document("Answer", "urn:x"),
            "<Answer xmlns=\"urn:x\"><Names><member><Name>a&lt;b</Name></member><member><Name>\
             &quot;c&quot; &amp; &apos;d&apos;</Name></member></Names></Answer>\n"
        );
    }
}
