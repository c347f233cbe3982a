//! Policies in TOML: one table `[policy.NAME]` each.
//!
//! ```toml
//! [policy.payments]
//! max_age = 900              # seconds
//! phishing_resistant = true
//! ```
//!
//! All conditions of a table must hold. Unsound policies are refused with their line: see
//! [`Policy::lint`](crate::policy::Policy::lint).

use crate::policy::read::Reader;
use crate::policy::set::{PolicyError, PolicySet};

impl PolicySet {
    /// Reads a policy file, which holds `[policy.NAME]` tables only.
    ///
    /// # Errors
    /// [`PolicyError`] with all faults, in the order of the lines.
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

    /// Reads the `[policy.NAME]` tables, possibly none, of a larger configuration. Other tables are
    /// ignored.
    ///
    /// # Errors
    /// [`PolicyError`] with all faults, in the order of the lines.
    pub fn among_others(text: &str) -> Result<PolicySet, PolicyError> {
        let mut reader = Reader::of(text);
        let document = reader.document()?;
        let policies = reader.policies(&document);
        reader.finish(policies)
    }
}
