//! The end of the agent: on request, or because it must not go on.

use std::sync::Arc;

use tokio::sync::watch;

/// A signal to all parts of the agent to end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<watch::Sender<Option<Why>>>);

/// The reason for which the agent ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A signal asked for it.
    Asked,
    /// The agent must not go on, for the reason in the text.
    Failed(String),
}

impl Stop {
    pub(crate) fn new() -> Stop {
        Stop(Arc::new(watch::Sender::new(None)))
    }

    /// Ends the agent. The first reason stays.
    pub(crate) fn now(&self, why: Why) {
        self.0.send_if_modified(|stopped| {
            let first = stopped.is_none();
            if first {
                *stopped = Some(why);
            }
            first
        });
    }

    /// Waits until the agent is to end.
    pub(crate) async fn wait(&self) -> Why {
        let mut stopped = self.0.subscribe();
        // The sender lives as long as `self`.
        match stopped.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or(Why::Asked),
            Err(_) => Why::Asked,
        }
    }
}
