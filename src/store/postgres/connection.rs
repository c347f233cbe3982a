//! A connection that writes, with the statements it has prepared.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Row, Statement};

use super::columns::column;
use super::dial::Link;
use super::outcome::{Fault, Moment};
use super::tags::Tags;
use crate::store::{Conflict, StoreKeys};

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection and its prepared statements.
pub(super) struct Connection {
    link: Link,
    prepared: Mutex<HashMap<&'static str, Statement>>,
    /// The server was asked to decide, and has not answered.
    deciding: AtomicBool,
}

impl Connection {
    /// A connection of a program that has these keys for itself: others of the same store do not
    /// have them yet.
    pub(super) fn alone(mut link: Link, keys: StoreKeys) -> Connection {
        link.tags = Arc::default();
        link.tags.take(keys);
        Connection::new(link)
    }

    pub(super) fn new(link: Link) -> Connection {
        Connection { link, prepared: Mutex::default(), deciding: AtomicBool::new(false) }
    }

    /// The tags of the store.
    pub(super) fn tags(&self) -> &Tags {
        &self.link.tags
    }

    /// True if the server, or the network, has ended the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.link.client.is_closed()
    }

    /// The moment at which an answer fails to come now.
    pub(super) fn moment(&self) -> Moment {
        match self.deciding.load(Ordering::Acquire) {
            true => Moment::Deciding,
            false => Moment::Before,
        }
    }

    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let statement = self.prepare(sql).await?;
        let rows = self.link.client.query(&statement, values).await;
        rows.map_err(|error| Moment::Before.fault(&error))
    }

    /// Rows of a statement that decides.
    pub(super) async fn decide(
        &self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let statement = self.prepare(sql).await?;
        self.decided(self.link.client.query(&statement, values)).await
    }

    pub(super) async fn run(&self, sql: &'static str, values: Values<'_>) -> Result<u64, Fault> {
        let statement = self.prepare(sql).await?;
        let rows = self.link.client.execute(&statement, values).await;
        rows.map_err(|error| Moment::Before.fault(&error))
    }

    /// A statement that changes one row, or the change conflicts.
    pub(super) async fn one(
        &self,
        conflict: Conflict,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<(), Fault> {
        match self.run(sql, values).await? {
            0 => Err(Fault::Conflict(conflict)),
            _ => Ok(()),
        }
    }

    /// The first column of the first row.
    pub(super) async fn first<T: FromSqlOwned>(
        &self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Option<T>, Fault> {
        let rows = self.rows(sql, values).await?;
        Ok(rows.first().map(|row| column("a row", row, 0)).transpose()?)
    }

    /// Changes settings of the connection.
    pub(super) async fn set(&self, settings: &str) -> Result<(), Fault> {
        let set = self.link.client.batch_execute(settings).await;
        set.map_err(|error| Moment::Before.fault(&error))
    }

    pub(super) async fn begin(&self) -> Result<(), Fault> {
        self.set("BEGIN").await
    }

    pub(super) async fn commit(&self) -> Result<(), Fault> {
        self.decided(self.link.client.batch_execute("COMMIT")).await
    }

    /// Ends a transaction of which nothing is to be kept.
    pub(super) async fn roll_back(&self) -> Result<(), Fault> {
        let gone = self.link.client.batch_execute("ROLLBACK").await;
        gone.map_err(|error| Moment::Before.lost(super::fault::words(&error)))
    }

    /// The answer of the server to a request that decides.
    ///
    /// A warning before it makes it worthless: a commit that stopped waiting for its standby is
    /// answered as a success.
    async fn decided<T>(
        &self,
        request: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let warnings = self.link.warnings();
        self.deciding.store(true, Ordering::Release);
        let answer = request.await;
        self.deciding.store(false, Ordering::Release);
        let answer = answer.map_err(|error| Moment::Deciding.fault(&error))?;
        match self.link.warnings() == warnings {
            true => Ok(answer),
            false => Err(Moment::Deciding.lost("the server warned before it answered".to_owned())),
        }
    }

    async fn prepare(&self, sql: &'static str) -> Result<Statement, Fault> {
        let known = self.prepared().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.link.client.prepare(sql).await;
        let statement = statement.map_err(|error| Moment::Before.fault(&error))?;
        self.prepared().insert(sql, statement.clone());
        Ok(statement)
    }

    fn prepared(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.prepared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
