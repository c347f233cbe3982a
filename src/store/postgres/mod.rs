//! A store that many agents share: PostgreSQL.
//!
//! Every decision is made on the primary. Changes go through lanes, each of which owns a connection
//! and an audit chain; reads have connections of their own, so that no read waits for a write.

mod acknowledged;
mod adopt;
mod apply;
mod audit;
mod audit_check;
mod batch;
mod chain;
mod check;
mod checks;
mod columns;
mod connect_error;
mod connection;
mod dial;
mod expire;
mod fault;
mod foreign;
mod imports;
mod insert;
mod keys;
mod known;
mod lane;
mod lanes;
mod lists;
mod loads;
mod locks;
mod optimistic;
mod options;
mod outcome;
mod pages;
mod read;
mod reader;
mod readers;
mod restore;
mod revocations;
mod roots;
mod schema;
mod secrets;
mod session;
mod settle;
mod sql;
mod store;
mod table;
mod tags;
mod tasks;
mod touched;
mod usual;
mod work;

pub use check::{CheckReport, check};
pub use connect_error::ConnectError;
pub use options::{BadAddress, PostgresOptions};
pub use restore::restore;
pub use table::authenticated;

use std::sync::Arc;

use self::dial::Dial;
use self::lanes::Lanes;
use self::loads::Loads;
use self::readers::Readers;
use self::tasks::Tasks;

/// A store in a PostgreSQL database. A handle is cheap to clone.
#[derive(Clone)]
pub struct PostgresStore {
    open: Arc<Open>,
}

/// The part that all handles share.
struct Open {
    lanes: Lanes,
    loads: Loads,
    readers: Readers,
    tasks: Tasks,
    tells_time: bool,
}

impl PostgresStore {
    /// Connects to the store, whose schema is made or brought up to date.
    ///
    /// # Errors
    /// [`ConnectError`]: no server was reached, none promises to keep what it is given, or the
    /// database is not of this version.
    pub async fn open(options: PostgresOptions) -> Result<PostgresStore, ConnectError> {
        let place = options.place();
        let failed = |cause| ConnectError::Server { place: place.clone(), cause };
        let dial = Dial::new(&options);
        schema::update(&mut dial.connect().await.map_err(failed)?.client, &place).await?;
        let dial = Arc::new(dial);
        let loads = Loads::new(Arc::clone(&dial), options.tells_time);
        let readers = Readers::new(Arc::clone(&dial));
        let tasks = Tasks::new(Arc::clone(&dial));
        let lanes = Lanes::new(dial, &options).map_err(failed)?;
        let tells_time = options.tells_time;
        Ok(PostgresStore { open: Arc::new(Open { lanes, loads, readers, tasks, tells_time }) })
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore(..)")
    }
}
