//! Connections to the server.

use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::fault::error_of;
use crate::store::Error;

/// The way to the servers.
pub(super) struct Dial {
    config: Config,
}

/// A connection, which ends when it is dropped.
pub(super) struct Link {
    pub(super) client: Client,
    task: AbortHandle,
}

impl Dial {
    pub(super) fn new(config: Config, _single: bool) -> Result<Dial, Error> {
        Ok(Dial { config })
    }

    /// Connects to the server that takes writes.
    pub(super) async fn connect(&self) -> Result<Link, Error> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(error_of)?;
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Link { client, task: task.abort_handle() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}
