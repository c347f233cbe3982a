//! Ends of ranges of texts.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use crate::store::columns::above_prefix;

/// The end of a range of texts: below it is every text that begins with a prefix, or that is below
/// what follows the prefix.
pub(super) enum Above {
    Text(String),
    /// Above all texts: SQLite orders every blob after every text.
    All,
}

impl Above {
    pub(super) fn prefix(prefix: &str) -> Above {
        above_prefix(prefix).map_or(Above::All, Above::Text)
    }
}

impl ToSql for Above {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Above::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Above::All => ToSqlOutput::Owned(Value::Blob(Vec::new())),
        })
    }
}
