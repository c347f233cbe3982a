//! Objects of a file that would change rows by themselves: twostep makes none.
//!
//! Its own statements would run them, and its own triggers would tag what they wrote.

use rusqlite::Connection;

use super::row::first;

/// Triggers, views, computed columns and actions of foreign keys, each as a problem.
pub(super) fn foreign(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare(FOREIGN)?.query_map([], first)?.collect()
}

const FOREIGN: &str = "
    SELECT 'the ' || type || ' ' || name || ' was added by another program'
    FROM main.sqlite_schema WHERE type IN ('trigger', 'view')
    UNION ALL
    SELECT 'the column ' || of.name || '.' || it.name || ' was changed by another program'
    FROM main.sqlite_schema AS of, pragma_table_xinfo(of.name, 'main') AS it
    WHERE of.type = 'table' AND it.hidden <> 0
    UNION ALL
    SELECT 'the foreign key of ' || of.name || '.' || it.\"from\"
        || ' was changed by another program'
    FROM main.sqlite_schema AS of, pragma_foreign_key_list(of.name, 'main') AS it
    WHERE of.type = 'table'
        AND (it.on_update <> 'NO ACTION' OR it.on_delete <> 'NO ACTION')";
