//! A lane: it connects when there is work, and again after a failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::batch::Batch;
use super::outcome::Fault;
use super::session::{Session, Shared};
use super::usual::Rows;
use super::work::Job;
use crate::store::Error;

/// A lane, which dials when there is work.
pub(super) struct Lane {
    shared: Arc<Shared>,
    session: Option<Session>,
    /// The last failure to connect.
    failed: Option<(Instant, Error)>,
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>) -> Lane {
        Lane { shared, session: None, failed: None }
    }

    /// Connects unless the lane is connected. A failure stands for a moment.
    pub(super) async fn connect(&mut self) -> Result<(), Error> {
        let stands = self.shared.acknowledged.stands().is_ok();
        self.session.take_if(|session| !stands || session.conn.is_closed());
        if self.session.is_some() {
            return Ok(());
        }
        if let Some((at, error)) = &self.failed
            && at.elapsed() < AGAIN
        {
            return Err(error.clone());
        }
        let opened = match timeout(OPENING, Session::open(&self.shared)).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::Unavailable(format!("no connection within {OPENING:?}"))),
        };
        match opened {
            Ok(session) => {
                (self.session, self.failed) = (Some(session), None);
                Ok(())
            }
            Err(error) => {
                self.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Does jobs that were begun: usual changes together, or one of another kind. Returns the rows
    /// that moved.
    pub(super) async fn work(&mut self, jobs: Vec<Job>) -> Rows {
        let mut batch = Batch::new(jobs);
        let Some(session) = &mut self.session else {
            return batch.end(Error::Unavailable("the lane is not connected".to_owned()));
        };
        let fault = match timeout(DECIDING, batch.run(session)).await {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(fault),
            Err(_) => Some(session.conn.moment().lost(format!("no answer within {DECIDING:?}"))),
        };
        if matches!(fault, Some(Fault::Broken(_))) {
            self.session = None;
        }
        let acknowledged = &self.shared.acknowledged;
        if acknowledged.is_due() {
            let acknowledged = Arc::clone(acknowledged);
            tokio::task::spawn_blocking(move || acknowledged.keep());
        }
        batch.end(match fault {
            Some(fault) => fault.into(),
            None => Error::Unavailable("the lane left the work".to_owned()),
        })
    }
}

/// The time for connecting and taking a chain.
const OPENING: Duration = Duration::from_millis(1_500);

/// The time for a decision, longer than the wait for a lock.
const DECIDING: Duration = Duration::from_millis(1_500);

/// The time for which a failure to connect stands.
const AGAIN: Duration = Duration::from_millis(100);
