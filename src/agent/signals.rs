//! Signals: SIGTERM and SIGINT end the agent, SIGHUP has it read its certificate and keys again.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::net::Tls;
use crate::agent::start::log_keys;
use crate::agent::state::{Shared, State};
use crate::agent::stop::Why;
use crate::agent::systemd;
use crate::store::Keyring;

/// The signals that the agent takes.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Taken so that a write beyond the file size limit fails instead of killing the process.
    _too_large: Signal,
}

impl Signals {
    pub(super) fn take() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _too_large: signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?,
        })
    }

    /// Obeys them until one of them ends the agent.
    pub(super) async fn obey(mut self, state: Shared, tls: Option<Arc<Tls>>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {
                    systemd::reloading();
                    // Resealing a large store takes long; it resumes at the next start.
                    tokio::select! {
                        () = reload(&state, tls.as_deref()) => systemd::ready(),
                        _ = self.terminate.recv() => break,
                        _ = self.interrupt.recv() => break,
                    }
                }
            }
        }
        tracing::info!("stopping");
        systemd::stopping();
        state.stop.now(Why::Asked);
    }
}

/// Reads the certificate and the sealing keys again. Unusable files change nothing.
async fn reload(state: &State, tls: Option<&Tls>) {
    if let Some(tls) = tls {
        match tls.reload() {
            Ok(()) => {
                state.metrics.estate.certificate(tls.validity());
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the old certificate stays"),
        }
    }
    let resealed = match Keyring::from_file(state.config.key_file()) {
        Ok(keyring) => {
            log_keys(&keyring);
            state.verifier.rotate_sealing_keys(keyring).await
        }
        Err(error) => Err(error.into()),
    };
    match resealed {
        Ok(resealed) => tracing::info!(resealed, "the sealing keys were read again"),
        Err(error) => tracing::error!(%error, "the old sealing keys stay"),
    }
}
