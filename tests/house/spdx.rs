//! Licence expressions, SPDX 2.3 annex D: `AND` binds tighter than `OR`, `WITH` tighter than both.
//!
//! The older `MIT/Apache-2.0` means `MIT OR Apache-2.0`. A licence counts only when the list names
//! it as it is written, exception included.

/// True if the list allows the use of a package with this licence expression. `Err` says how the
/// expression is malformed.
pub(crate) fn allows(list: &[String], expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut rest = Rest { words: spaced.split_whitespace().collect(), list };
    rest.words.reverse();
    let allowed = rest.either();
    match rest.words.pop() {
        None => allowed,
        Some(word) => allowed.and(Err(format!("`{word}` is out of place"))),
    }
}

/// Words still to be read, the last one first.
struct Rest<'a> {
    words: Vec<&'a str>,
    list: &'a [String],
}

impl<'a> Rest<'a> {
    fn either(&mut self) -> Result<bool, String> {
        let mut allowed = self.both()?;
        while self.take("OR") {
            allowed |= self.both()?;
        }
        Ok(allowed)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Ok(allowed)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let allowed = self.either()?;
            return match self.take(")") {
                true => Ok(allowed),
                false => Err("`)` is missing".into()),
            };
        }
        let mut licence = self.name()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Ok(self.list.contains(&licence))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.words.pop() {
            None => Err("a licence is missing".into()),
            Some(word @ ("AND" | "OR" | "WITH" | "(" | ")")) => {
                Err(format!("`{word}` stands for a licence"))
            }
            Some(name) => Ok(name),
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = self.words.last() == Some(&word);
        if taken {
            self.words.pop();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    fn verdict(expression: &str) -> Result<bool, String> {
        let list = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
        allows(&list.map(String::from), expression)
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        for expression in [
            "MIT",
            "GPL-3.0-only OR MIT",
            "MIT/GPL-2.0",
            "GPL-2.0 / MIT",
            "(GPL-3.0-only AND ISC) OR (MIT AND ISC)",
            "GPL-3.0-only AND ISC OR MIT",
            "ISC AND (Apache-2.0 OR GPL-3.0-only)",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(verdict(expression), Ok(true), "{expression}");
        }
    }

    #[test]
    fn every_licence_of_an_and_must_be_allowed() {
        for expression in [
            "GPL-3.0-only",
            "GPL-3.0",
            "MIT AND GPL-3.0-only",
            "MIT AND (GPL-3.0-only OR AGPL-3.0-only)",
            "(MIT OR ISC) AND GPL-2.0-or-later",
            "MIT WITH Classpath-exception-2.0",
            "ISC+",
        ] {
            assert_eq!(verdict(expression), Ok(false), "{expression}");
        }
    }

    #[test]
    fn a_malformed_expression_is_no_licence() {
        for expression in
            ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH", "MIT or ISC", "()"]
        {
            assert!(verdict(expression).is_err(), "{expression}");
        }
    }
}
