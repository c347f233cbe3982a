//! The schema and the steps that it takes.
//!
//! A step that older programs can live with says so: while programs are replaced one after the
//! other, those of the schema before go on.

use tokio_postgres::{Client, Transaction};

use super::connect_error::ConnectError;
use super::fault::words;
use crate::store::links::sha256_hex;

/// A step of the schema. One that was released never changes.
#[derive(Clone, Copy)]
struct Step {
    sql: &'static str,
    /// The earliest schema whose programs may serve from a store that has taken this step.
    serves: i64,
}

/// A step that a database has taken.
struct Taken {
    version: i64,
    checksum: String,
    serves: i64,
}

/// Brings the schema up to date, in one transaction. Programs that do so at once take turns.
///
/// A database that is up to date is only read: a role without the right to change the schema opens
/// it.
pub(super) async fn update(client: &mut Client, place: &str) -> Result<(), ConnectError> {
    let unusable = |error: tokio_postgres::Error| unusable(place, &error);
    let transaction = client.transaction().await.map_err(unusable)?;
    if missing(&transaction, place).await?.is_empty() {
        return Ok(());
    }
    // Ends with the transaction, also for a client that was cut off.
    transaction.batch_execute(TURN).await.map_err(unusable)?;
    for (version, step) in missing(&transaction, place).await? {
        if version == 1 {
            transaction.batch_execute(VERSION_TABLE).await.map_err(unusable)?;
        }
        transaction.batch_execute(step.sql).await.map_err(unusable)?;
        let row = "INSERT INTO schema_version (version, checksum, serves) VALUES ($1, $2, $3)";
        let checksum = sha256_hex(&[step.sql.as_bytes()]);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&version, &checksum, &step.serves];
        transaction.execute(row, &values).await.map_err(unusable)?;
    }
    transaction.commit().await.map_err(unusable)
}

/// Fails unless the database has taken every step that this program knows, and changes nothing.
pub(super) async fn is_current(client: &mut Client, place: &str) -> Result<(), ConnectError> {
    let transaction = client.transaction().await.map_err(|error| unusable(place, &error))?;
    match missing(&transaction, place).await?.is_empty() {
        true => Ok(()),
        false => Err(ConnectError::Schema {
            place: place.to_owned(),
            reason: "it is empty, or of an earlier version".to_owned(),
        }),
    }
}

/// The steps that the database has not taken, with their numbers.
async fn missing(
    transaction: &Transaction<'_>,
    place: &str,
) -> Result<Vec<(i64, Step)>, ConnectError> {
    let taken = taken(transaction).await.map_err(|error| unusable(place, &error))?;
    let mut number = 0_i64;
    for step in &taken {
        number += 1;
        let known = known_step(number);
        if step.version != number || known.is_some_and(|known| known != step.checksum) {
            let version = u32::try_from(number).unwrap_or(u32::MAX);
            return Err(ConnectError::Changed { place: place.to_owned(), version });
        }
    }
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if taken.iter().any(|step| step.version > known && step.serves > known) {
        return Err(ConnectError::Newer { place: place.to_owned(), known: STEPS.len() });
    }
    Ok((1..)
        .zip(STEPS.iter().copied())
        .filter(|(version, _)| *version > number)
        .collect())
}

/// The checksum of the step with this number.
fn known_step(number: i64) -> Option<String> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    STEPS.get(place).map(|step| sha256_hex(&[step.sql.as_bytes()]))
}

/// The steps that the database has taken, in their order.
async fn taken(transaction: &Transaction<'_>) -> Result<Vec<Taken>, tokio_postgres::Error> {
    if !transaction.query_one(THERE, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    let all = "SELECT version, checksum, serves FROM schema_version ORDER BY version";
    let mut taken = Vec::new();
    for row in transaction.query(all, &[]).await? {
        taken.push(Taken {
            version: row.try_get(0)?,
            checksum: row.try_get(1)?,
            serves: row.try_get(2)?,
        });
    }
    Ok(taken)
}

fn unusable(place: &str, error: &tokio_postgres::Error) -> ConnectError {
    ConnectError::Schema { place: place.to_owned(), reason: words(error) }
}

/// Every step, oldest first.
const STEPS: &[Step] = &[
    Step { sql: include_str!("../migrations/postgres_0001_initial.sql"), serves: 1 },
    Step { sql: include_str!("../migrations/postgres_0002_unassigned.sql"), serves: 1 },
    // Earlier programs leave the number as it is: their lists go by their dates.
    Step { sql: include_str!("../migrations/postgres_0003_revocations.sql"), serves: 1 },
    Step { sql: include_str!("../migrations/postgres_0004_spelling.sql"), serves: 1 },
    // Earlier programs write rows without tags, so they decide nothing any more.
    Step { sql: include_str!("../migrations/postgres_0005_authenticated.sql"), serves: 5 },
];

const VERSION_TABLE: &str = "CREATE TABLE schema_version (version bigint NOT NULL PRIMARY KEY, \
checksum text NOT NULL, serves bigint NOT NULL)";

/// A look into the catalog as of now. `to_regclass` answers from the session's cache, which does
/// not know of a table that another program has made since.
const THERE: &str = "SELECT EXISTS (SELECT FROM pg_class
    WHERE relname = 'schema_version' AND pg_table_is_visible(oid))";

/// The turn of one of the programs that change the schema.
const TURN: &str = "SELECT pg_advisory_xact_lock(7460, 1)";
