//! Named policies, and the faults of a text that defines them.

use std::collections::BTreeMap;
use std::fmt;

use crate::policy::Policy;

/// Policies by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySet {
    pub(crate) policies: BTreeMap<String, Policy>,
}

/// The text defines no policies, or unsound ones: a fault of its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    pub(crate) faults: Vec<Fault>,
}

/// One fault of a policy text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The policy at fault, if the fault is inside one.
    pub policy: Option<String>,
    /// The line, counted from 1.
    pub line: usize,
    /// The fault, and the correction.
    pub message: String,
}

impl PolicySet {
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
    /// All faults, in the order of the lines.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// One line per fault.
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
