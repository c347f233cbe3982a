//! Notifications to the service manager, if there is one.
//!
//! A thread of its own sends them: a manager that does not read its socket blocks nothing here.

use std::sync::LazyLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;

pub(crate) fn ready() {
    tell(vec![NotifyState::Ready]);
}

pub(crate) fn stopping() {
    tell(vec![NotifyState::Stopping]);
}

/// Notifies that the certificate and the keys are being read again; [`ready`] follows.
pub(crate) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(vec![NotifyState::Reloading, now]);
    }
}

/// Notifies the watchdog twice as often as required.
pub(crate) async fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        tell(vec![NotifyState::Watchdog]);
        tokio::time::sleep((limit / 2).max(Duration::from_millis(10))).await;
    }
}

/// Queues a notification. A full queue means that the manager does not read: drop it.
fn tell(state: Vec<NotifyState<'static>>) {
    static TELLER: LazyLock<SyncSender<Vec<NotifyState<'static>>>> = LazyLock::new(|| {
        let (queue, states) = sync_channel::<Vec<NotifyState<'static>>>(MOST_WAITING);
        let teller = move || {
            for state in states {
                if let Err(error) = sd_notify::notify(&state) {
                    tracing::warn!(%error, "the service manager cannot be told");
                }
            }
        };
        if let Err(error) =
            std::thread::Builder::new().name("twostep-notify".to_owned()).spawn(teller)
        {
            tracing::warn!(%error, "the service manager cannot be told");
        }
        queue
    });
    let _ = TELLER.try_send(state);
}

const MOST_WAITING: usize = 16;
