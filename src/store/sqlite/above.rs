//! Ends of ranges of texts.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// The end of a range of texts: below it is every text that begins with a prefix, or that is below
/// what follows the prefix.
pub(super) enum Above {
    Text(String),
    /// Above all texts: SQLite orders every blob after every text.
    All,
}

impl Above {
    pub(super) fn prefix(prefix: &str) -> Above {
        let mut chars: Vec<char> = prefix.chars().collect();
        // The next text of the same length; UTF-8 sorts as its characters do.
        while let Some(last) = chars.pop() {
            if let Some(next) = (last..=char::MAX).nth(1) {
                chars.push(next);
                return Above::Text(chars.into_iter().collect());
            }
        }
        Above::All
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
