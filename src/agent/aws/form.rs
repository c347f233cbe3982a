//! The parameters of a request: its query and its body, read strictly.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use crate::agent::aws::fault::Fault;

/// Parameters that were not read yet. A handler takes those that it knows; one that is left over
/// is refused, since it could be meant as a restriction.
#[derive(Default)]
pub(super) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads `name=value&…` of the query and of the body. Parts of a presigned signature are no
    /// parameters.
    pub(super) fn read(query: &str, body: &[u8]) -> Result<Form, Fault> {
        let mut form = Form::default();
        for part in query.as_bytes().split(|byte| *byte == b'&') {
            form.add(part, Place::Query)?;
        }
        for part in body.split(|byte| *byte == b'&') {
            form.add(part, Place::Body)?;
        }
        Ok(form)
    }

    fn add(&mut self, part: &[u8], place: Place) -> Result<(), Fault> {
        if part.is_empty() {
            return Ok(());
        }
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at(at);
        let name = decoded(name)?;
        if place == Place::Query
            && name.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("X-Amz-"))
        {
            return Ok(());
        }
        let value = decoded(value.get(1..).unwrap_or_default())?;
        match self.0.insert(name.to_string(), value) {
            None => Ok(()),
            Some(_) => Err(Fault::malformed("a parameter comes more than once")),
        }
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name)
    }

    /// Takes a parameter that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<Zeroizing<String>, Fault> {
        self.take(name)
            .ok_or_else(|| Fault::invalid(format!("the request must contain the parameter {name}")))
    }

    /// Takes a parameter that has a type of its own.
    pub(super) fn parsed<T>(&mut self, name: &str) -> Result<Option<T>, Fault>
    where
        T: FromStr<Err: Display>,
    {
        let value = self.take(name);
        value.map(|value| parse(name, &value)).transpose()
    }

    /// Takes a parameter that has a type of its own and must be there.
    pub(super) fn required_as<T>(&mut self, name: &str) -> Result<T, Fault>
    where
        T: FromStr<Err: Display>,
    {
        parse(name, &self.required(name)?)
    }

    /// Takes a list out, which is counted from 1: `NAME.member.1`, `NAME.member.2`. An empty one
    /// may be there by its name alone.
    pub(super) fn list(&mut self, name: &str) -> Vec<Zeroizing<String>> {
        self.take_empty(name);
        (1..).map_while(|at: usize| self.take(&format!("{name}.member.{at}"))).collect()
    }

    /// Takes a list out that is there by its name alone.
    pub(super) fn take_empty(&mut self, name: &str) {
        if self.0.get(name).is_some_and(|value| value.is_empty()) {
            self.0.remove(name);
        }
    }

    /// Refuses what is left over.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
                Err(Fault::invalid(format!("the parameter {name} is not known to this action")))
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Body,
}

fn parse<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Fault> {
    value.parse().map_err(|error| Fault::invalid(format!("{name}: {error}")))
}

/// A name or a value, with its percent signs decoded; a plus sign is a space.
fn decoded(text: &[u8]) -> Result<Zeroizing<String>, Fault> {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_hexdigit);
    let whole = (0..text.len())
        .filter(|at| text.get(*at) == Some(&b'%'))
        .all(|at| is_digit(at + 1) && is_digit(at + 2));
    if !whole {
        return Err(Fault::malformed("a percent sign without two hexadecimal digits behind it"));
    }
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    let text =
        String::from_utf8(bytes).map_err(|_| Fault::malformed("a parameter is not UTF-8"))?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str, body: &str) -> Result<Vec<String>, &'static str> {
        let form = Form::read(query, body.as_bytes()).map_err(|fault| fault.code())?;
        Ok(form.0.iter().map(|(name, value)| format!("{name}={}", **value)).collect())
    }

    #[test]
    fn parameters_are_read_once_and_strictly() {
        assert_eq!(names("", "B=x%20y+z&A=&C").unwrap(), ["A=", "B=x y z", "C="]);
        assert_eq!(names("A=1&X-Amz-Date=2&x-amz-signature=3", "B=2").unwrap(), ["A=1", "B=2"]);
        assert_eq!(names("A=1&&B=2&", "").unwrap(), ["A=1", "B=2"]);
        for (query, body) in [
            ("A=1", "A=1"),
            ("A=1&A=2", ""),
            ("A=%", ""),
            ("A=%4", ""),
            ("A=%zz", ""),
            ("A=%ff", ""),
            ("%41=1&A=2", ""),
        ] {
            assert_eq!(names(query, body), Err("MalformedQueryString"), "{query} {body}");
        }
    }

    #[test]
    fn a_list_is_counted_from_one_without_gaps() {
        let mut form = Form::read("", b"L.member.2=b&L.member.1=a&L.member.4=d").unwrap();
        let list: Vec<String> = form.list("L").iter().map(|text| text.to_string()).collect();
        assert_eq!(list, ["a", "b"]);
        assert_eq!(form.finish().unwrap_err().code(), "ValidationError");
        assert!(form.list("M").is_empty());
        let mut form = Form::read("", b"L=&M=x").unwrap();
        assert!(form.list("L").is_empty() && form.list("M").is_empty());
        assert_eq!(form.finish().unwrap_err().code(), "ValidationError", "M is no list");
    }

    #[test]
    fn a_parameter_left_over_is_refused() {
        let mut form = Form::read("A=1&B=7", b"").unwrap();
        assert_eq!(form.parsed::<u32>("B").unwrap(), Some(7));
        assert!(form.parsed::<u32>("B").unwrap().is_none());
        assert_eq!(form.finish().unwrap_err().code(), "ValidationError");
        let mut form = Form::read("A=x", b"").unwrap();
        assert_eq!(form.required_as::<u32>("A").unwrap_err().code(), "ValidationError");
        assert_eq!(form.required("A").unwrap_err().code(), "ValidationError");
        form.finish().unwrap();
    }
}
