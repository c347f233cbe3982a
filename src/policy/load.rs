//! Policies as text: one table `[policy.NAME]` each, of TOML.
//!
//! ```toml
//! [policy.payments]
//! max_age = 900              # seconds
//! phishing_resistant = true
//! ```
//!
//! What stands in one table has to hold together. What cannot be meant is refused, with its line:
//! see [`Policy::lint`].

use std::collections::BTreeMap;
use std::fmt;

use crate::policy::Policy;
use crate::policy::read::Reader;

/// Policies by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySet {
    pub(crate) policies: BTreeMap<String, Policy>,
}

/// The text holds no policies, or some that are refused. Whoever wrote it must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    pub(crate) faults: Vec<Fault>,
}

/// One reason to refuse a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The policy, if it is about one.
    pub policy: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl PolicySet {
    /// Reads the text of a policy file: nothing but `[policy.NAME]` tables.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines.
    pub fn from_toml(text: &str) -> Result<PolicySet, PolicyError> {
        let mut reader = Reader::of(text);
        let document = reader.document()?;
        for key in document.keys().filter(|key| key.get_ref() != "policy") {
            reader.fault(
                key.span().start,
                format!(
                    "`{}` is not known here: a policy file has only [policy.NAME] tables",
                    key.get_ref()
                ),
            );
        }
        let policies = reader.policies(&document);
        if policies.is_empty() && reader.is_clean() {
            reader.fault(
                0,
                "there is no policy in it: write [policy.NAME], and below it what is demanded",
            );
        }
        reader.finish(policies)
    }

    /// Reads the `[policy.NAME]` tables of a text in which others stand, too: a program's own
    /// configuration, which judges the rest itself. There may be none.
    ///
    /// # Errors
    /// Everything that is wrong with them, in the order of the lines.
    pub fn among_others(text: &str) -> Result<PolicySet, PolicyError> {
        let mut reader = Reader::of(text);
        let document = reader.document()?;
        let policies = reader.policies(&document);
        reader.finish(policies)
    }

    /// The policy of this name.
    pub fn get(&self, name: &str) -> Option<&Policy> {
        self.policies.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }
}

impl PolicyError {
    /// Everything that is wrong, in the order of the lines.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// One fault a line.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            f.write_str(if index > 0 { "\n" } else { "" })?;
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        self.policy.as_ref().map_or(Ok(()), |name| write!(f, ", policy {name}"))?;
        write!(f, ": {}", self.message)
    }
}
