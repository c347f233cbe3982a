//! The schema: the steps that it took, and what the tags of its rows cover after each of them.

use super::rows::{TABLES, Table};

/// The schema of one version of twostep.
pub(super) struct Schema {
    pub(super) steps: Vec<Step>,
    /// The tables whose rows carry tags, after the last step.
    pub(super) tables: Vec<Table>,
}

/// A step of the schema. One that was released never changes.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) sql: &'static str,
    /// The tables with tags that it changes.
    pub(super) before: &'static [Before],
}

/// A table with tags before a step that changes it: its name and what its tags covered; nothing for
/// a table that the step makes.
pub(super) type Before = (&'static str, Option<&'static str>);

/// The tags of a store whose schema has come to a step.
pub(super) struct Encoding {
    pub(super) version: usize,
    pub(super) tables: Vec<Table>,
}

impl Schema {
    /// The schema of this program.
    pub(super) fn released() -> Schema {
        Schema { steps: STEPS.to_vec(), tables: TABLES.to_vec() }
    }

    /// The tags of a store that has seen so many steps.
    pub(super) fn after(&self, version: usize) -> Encoding {
        let later = || self.steps.iter().skip(version).flat_map(|step| step.before);
        let tables = self.tables.iter().filter_map(|table| {
            match later().find(|(name, _)| *name == table.name) {
                Some((_, None)) => None,
                Some((_, Some(covers))) => Some(Table { covers, ..*table }),
                None => Some(*table),
            }
        });
        Encoding { version, tables: tables.collect() }
    }

    /// The tags after the last step.
    pub(super) fn current(&self) -> Encoding {
        self.after(self.steps.len())
    }
}

/// Every step, oldest first.
const STEPS: &[Step] = &[
    Step { sql: include_str!("../migrations/0001_initial.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0002_security_keys.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0003_revocations.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0004_identity.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0005_many.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0006_keys_of_hmac.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0007_revocations_by_account.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0008_audit_keyed.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0009_authenticated.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0010_unassigned.sql"), before: &[] },
    Step { sql: include_str!("../migrations/0011_spelling.sql"), before: &[] },
];

/// The step since which a store has an identity.
pub(super) const IDENTITY: usize = 4;

/// The step since which rows carry tags.
pub(super) const TAGGED: usize = 9;
