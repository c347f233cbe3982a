//! Comparison of a store's audit log with where it ended once, without keys.

use super::check::{Alone, SEALED, quiet};
use super::vet::Found;
use super::{audit_check, migrations};
use crate::store::{AuditEnds, AuditReport, OpenError};

impl Alone {
    /// Recomputes the audit log without keys, and compares it with where it ended once.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read as a store.
    pub fn compare_audit(&self, then: &AuditEnds) -> Result<AuditReport, OpenError> {
        let compared = || -> Result<AuditReport, OpenError> {
            let found = Found::look(&self.path)?;
            let with_log = found.has_log() && found.unfit_to_restore().is_none();
            let conn = quiet(&self.path, with_log)?;
            if !migrations::recognises(&conn)? || migrations::verify(&conn)? < SEALED {
                return Err(OpenError::Foreign(String::new()));
            }
            Ok(audit_check::compare(&conn, then)?)
        };
        compared().map_err(|error| error.of(&self.path))
    }
}
