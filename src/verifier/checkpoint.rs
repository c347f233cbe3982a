//! Checkpoints of the audit log, as the verifier's store has it.

use crate::store::{Action, AuditEnds, Change};
use crate::time::UnixTime;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// The time, and where the chains of the audit log end.
    pub(crate) async fn audit_ends(&self) -> Result<(UnixTime, AuditEnds), Error> {
        let now = self.now().await?;
        Ok((now, self.core.store.audit_ends().await?))
    }

    /// True if the newest row of the audit log is a checkpoint, or if there is no row.
    pub(crate) async fn ends_with_checkpoint(&self) -> Result<bool, Error> {
        let newest = self.core.store.newest_audit(1).await?;
        Ok(newest.iter().all(|row| row.event.action == Action::AuditCheckpoint))
    }

    /// Writes a signed checkpoint into the audit log.
    pub(crate) async fn record_checkpoint(&self, signed: &str) -> Result<(), Error> {
        let now = self.now().await?;
        let event = self.event(now, Action::AuditCheckpoint).reason(signed);
        let _ = self
            .write(Change { account: None, writes: Vec::new(), audit: vec![event] })
            .await?;
        Ok(())
    }
}
