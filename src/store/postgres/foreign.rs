//! Rows that are not as twostep left them, found by a look at all of them.

use super::columns::column;
use super::pages::Pages;
use super::read;
use super::reader::Reader;
use super::table::TABLES;
use crate::store::Error;

/// Compares all rows with their tags, in the snapshot that is open, and names those that another
/// program wrote.
pub(super) async fn foreign(reader: &Reader, problems: &mut Vec<String>) -> Result<(), Error> {
    for table in TABLES {
        let size = reader.first(table.size, &[]).await?;
        let blocks: Option<i64> = size.map(|row| column(table.kind, &row, 0)).transpose()?;
        for (from, to) in Pages::of(blocks.unwrap_or_default()) {
            for row in reader.rows(table.page, &[&from, &to]).await? {
                problems.extend(reader.tags().see(table, &row).err().map(words));
            }
        }
    }
    let sets = reader.rows(read::SETS, &[]).await?;
    problems.extend(read::see_sets(reader.tags(), &sets).err().map(words));
    for row in reader.rows(ORPHANS, &[]).await? {
        let serial: &str = column("a device", &row, 0)?;
        problems.push(format!("the device {serial} is of an account that is not there"));
    }
    Ok(())
}

fn words(error: Error) -> String {
    match error {
        Error::Corrupt(words) => words,
        other => other.to_string(),
    }
}

const ORPHANS: &str = "SELECT serial FROM devices d WHERE account <> ''
    AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = d.account) LIMIT 100";
