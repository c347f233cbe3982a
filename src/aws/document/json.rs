//! JSON as policies need it: each value with its place, no member twice, no recursion.
//!
//! A level is read when it is asked for, and the values below it stay text until then. Nesting
//! therefore costs no stack.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::aws::document::error::{Fault, Position, quoted};

/// One JSON value of a document.
#[derive(Clone, Debug)]
pub(super) struct Node<'t> {
    document: &'t str,
    at: usize,
    text: &'t str,
    element: String,
}

impl<'t> Node<'t> {
    /// The value that a document consists of.
    ///
    /// # Errors
    /// A fault for a text that is not JSON.
    pub(super) fn root(document: &'t str) -> Result<Node<'t>, Fault> {
        let raw: &RawValue = serde_json::from_str(document).map_err(|error| Fault {
            position: Position { line: error.line().max(1), column: error.column().max(1) },
            element: String::new(),
            message: format!("this is no JSON: {}", reason(&error)),
        })?;
        Ok(Node::within(document, raw, String::new()))
    }

    fn within(document: &'t str, raw: &'t RawValue, element: String) -> Node<'t> {
        let text = raw.get();
        let at = text.as_ptr().addr().saturating_sub(document.as_ptr().addr());
        Node { document, at, text, element }
    }

    /// The members of an object, in their order.
    ///
    /// # Errors
    /// A fault for another value, and for a member that is there twice.
    pub(super) fn members(&self) -> Result<Vec<(String, Node<'t>)>, Fault> {
        if !self.text.starts_with('{') {
            return Err(self.fault("an object is wanted here"));
        }
        let Members(members) = serde_json::from_str(self.text).map_err(|e| self.unread(&e))?;
        let mut names = BTreeSet::new();
        let mut nodes = Vec::with_capacity(members.len());
        for (name, raw) in members {
            let dot = if self.element.is_empty() { "" } else { "." };
            let node =
                Node::within(self.document, raw, format!("{}{dot}{}", self.element, short(&name)));
            if !names.insert(name.clone()) {
                return Err(node.fault(format!("the member {} is here twice", quoted(&name))));
            }
            nodes.push((name, node));
        }
        Ok(nodes)
    }

    /// The items of an array; any other value is one item.
    ///
    /// # Errors
    /// A fault for an array that is not JSON.
    pub(super) fn items(&self) -> Result<Vec<Node<'t>>, Fault> {
        if !self.text.starts_with('[') {
            return Ok(vec![self.clone()]);
        }
        let items: Vec<&RawValue> = serde_json::from_str(self.text).map_err(|e| self.unread(&e))?;
        let numbered = items.into_iter().enumerate();
        Ok(numbered
            .map(|(index, raw)| {
                Node::within(self.document, raw, format!("{}[{index}]", self.element))
            })
            .collect())
    }

    /// The text of a string.
    ///
    /// # Errors
    /// A fault for another value.
    pub(super) fn string(&self) -> Result<String, Fault> {
        if !self.text.starts_with('"') {
            return Err(self.fault("a string is wanted here"));
        }
        serde_json::from_str(self.text).map_err(|error| self.unread(&error))
    }

    /// The text of a string, a number, `true` or `false`: quotes are optional for them.
    ///
    /// # Errors
    /// A fault for another value.
    pub(super) fn scalar(&self) -> Result<String, Fault> {
        match self.text.chars().next() {
            Some('"') => self.string(),
            Some('{' | '[' | 'n') | None => {
                Err(self.fault("a string, a number, true or false is wanted here"))
            }
            Some(_) => Ok(self.text.to_owned()),
        }
    }

    /// A fault of this value.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            position: Position::of(self.document, self.at),
            element: self.element.clone(),
            message: message.into(),
        }
    }

    /// True if its text, as it is written, has this in it.
    pub(super) fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }

    /// The bytes of its first and its last character.
    pub(super) fn ends(&self) -> (usize, usize) {
        (self.at, self.at.saturating_add(self.text.len()).saturating_sub(1))
    }

    fn unread(&self, error: &serde_json::Error) -> Fault {
        self.fault(reason(error))
    }
}

/// The reason of an error, without the place: that is relative to the value.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split_once(" at line ")
        .map_or(said.clone(), |(reason, _)| reason.to_owned())
}

fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Members with their values unread, duplicates included: serde_json's own maps keep the last.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Members<'t>, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'t> Visitor<'t> for MembersVisitor {
    type Value = Members<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<String, &RawValue>()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Node<'_> {
        Node::root(text).unwrap()
    }

    #[test]
    fn values_know_their_place() {
        let text = " {\n  \"a\": [1,\n   {\"b\": \"c\"}]\n}";
        let members = root(text).members().unwrap();
        let items = members[0].1.items().unwrap();
        let fault = items[1].members().unwrap()[0].1.fault("x");
        assert_eq!(fault.to_string(), "line 3, column 10, a[1].b: x");
        let (first, last) = items[1].ends();
        assert_eq!(&text[first..=last], "{\"b\": \"c\"}");
    }

    #[test]
    fn a_member_twice_is_refused_in_any_spelling() {
        for text in [r#"{"a":1,"a":1}"#, "{\"a\":1,\n\"\\u0061\":2}"] {
            let fault = root(text).members().unwrap_err();
            assert_eq!(fault.message, "the member \"a\" is here twice");
        }
    }

    #[test]
    fn only_the_wanted_type_is_read() {
        assert!(root("1").string().is_err());
        assert!(root("null").scalar().is_err());
        assert!(root("[1]").scalar().is_err());
        assert!(root(r#""\ud800""#).string().is_err());
        assert!(root("[]").members().is_err());
        assert_eq!(root("true").scalar().unwrap(), "true");
        assert_eq!(root("1").items().unwrap().len(), 1);
    }

    #[test]
    fn broken_json_is_refused_where_it_breaks() {
        let fault = Node::root("{\n \"a\": }").unwrap_err();
        assert_eq!((fault.position.line, fault.position.column), (2, 7));
        for text in ["", "{}x", "{'a':1}", "{\"a\":1,}", "\u{feff}{}"] {
            assert!(Node::root(text).is_err(), "{text}");
        }
    }
}
