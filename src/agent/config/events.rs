//! Listeners for changes of devices.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use crate::agent::events::{EventKind, WebhookUrl};
use crate::agent::program::Program;
use crate::http::Endpoint;

/// Listeners for changes of devices; by default, there are no listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EventsConfig {
    /// A program that is run for each event, which it reads as JSON from its standard input.
    pub program: Option<Program>,
    /// The URL to which each event is sent, as a signed Security Event Token (RFC 8417, RFC 8935).
    pub webhook: Option<WebhookUrl>,
    /// The authorities of the webhook's certificate, in PEM. Default: the system's.
    pub webhook_trust: Option<PathBuf>,
    /// The events that are told; all if there are none here.
    pub only: Vec<EventKind>,
}

impl EventsConfig {
    /// Returns whether events of this kind are sent.
    pub(crate) fn tells(&self, kind: EventKind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// Returns the endpoint of the webhook, or the reason why it cannot be reached.
    pub(crate) fn receiver(&self, url: &WebhookUrl) -> Result<Endpoint, String> {
        let read = |path: &PathBuf| {
            fs::read(path)
                .map_err(|error| format!("events.webhook_trust: {}: {error}", path.display()))
        };
        let trusted = self.webhook_trust.as_ref().map(read).transpose()?;
        url.endpoint(trusted.as_deref())
            .map_err(|error| format!("events.webhook: {error}"))
    }

    /// Returns the faults that keep events from being sent.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let program = self.program.as_ref().and_then(|program| program.problem("events.program"));
        let webhook = self.webhook.as_ref().and_then(|url| self.receiver(url).err());
        program.into_iter().chain(webhook)
    }
}
