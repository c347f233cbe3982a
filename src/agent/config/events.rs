//! Who is told what happens to devices.

use serde::Deserialize;

use crate::agent::events::EventKind;
use crate::agent::program::Program;

/// Who is told what happens to devices; nobody unless set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EventsConfig {
    /// A program that is run for each event, which it reads as JSON from its standard input.
    pub program: Option<Program>,
    /// The events that are told; all if there are none here.
    pub only: Vec<EventKind>,
}

impl EventsConfig {
    /// Whether an event of this kind is told.
    pub(crate) fn tells(&self, kind: EventKind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }
}
