//! A connection that reads, with the statements it has prepared.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::dial::{Dial, Link};
use super::fault::error_of;
use super::tags::Tags;
use crate::store::Error;

/// A connection that only reads.
pub(super) struct Reader {
    link: Link,
    prepared: Mutex<HashMap<&'static str, Statement>>,
    /// A request was begun whose answer was not seen.
    asking: AtomicBool,
    /// A transaction is open.
    in_snapshot: AtomicBool,
    /// The longest time of a statement.
    deadline: Duration,
}

impl Reader {
    pub(super) async fn open(dial: &Dial) -> Result<Reader, Error> {
        let reader = Reader {
            link: dial.connect().await?,
            prepared: Mutex::default(),
            asking: AtomicBool::new(false),
            in_snapshot: AtomicBool::new(false),
            deadline: DEADLINE,
        };
        reader.set(SETTINGS).await?;
        Ok(reader)
    }

    /// The tags of the store.
    pub(super) fn tags(&self) -> &Tags {
        &self.link.tags
    }

    /// Gives statements more time, for reads of whole tables.
    pub(super) fn patient(self, deadline: Duration) -> Reader {
        Reader { deadline, ..self }
    }

    /// True if the next statement can be asked of it.
    pub(super) fn is_sound(&self) -> bool {
        let busy = [&self.asking, &self.in_snapshot];
        !self.link.client.is_closed() && busy.iter().all(|busy| !busy.load(Ordering::Acquire))
    }

    /// The rows of a statement, as of one moment.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.within(async {
            let known = self.prepared().get(sql).cloned();
            let statement = match known {
                Some(statement) => statement,
                None => {
                    let statement = self.link.client.prepare(sql).await?;
                    self.prepared().insert(sql, statement.clone());
                    statement
                }
            };
            self.link.client.query(&statement, values).await
        })
        .await
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn first(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// All statements until [`end_snapshot`](Reader::end_snapshot) see one moment.
    pub(super) async fn begin_snapshot(&self) -> Result<(), Error> {
        self.in_snapshot.store(true, Ordering::Release);
        self.set("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    pub(super) async fn end_snapshot(&self) -> Result<(), Error> {
        self.set("COMMIT").await?;
        self.in_snapshot.store(false, Ordering::Release);
        Ok(())
    }

    async fn set(&self, sql: &str) -> Result<(), Error> {
        self.within(self.link.client.batch_execute(sql)).await
    }

    /// The answer to a request, if it comes in time. A server that is frozen never answers, and the
    /// system's own deadlines do not see it.
    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let deadline = self.deadline;
        self.asking.store(true, Ordering::Release);
        match timeout(deadline, request).await {
            Ok(answer) => {
                self.asking.store(false, Ordering::Release);
                answer.map_err(error_of)
            }
            Err(_) => Err(Error::Unavailable(format!("no answer within {deadline:?}"))),
        }
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time for one statement.
const DEADLINE: Duration = Duration::from_millis(2_500);

/// Plans that are made once and look rows up in indexes: a plan from when a table was empty would
/// read all of it once it has grown.
const SETTINGS: &str = "SET default_transaction_read_only = on;
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
