//! Work that one of the agents of a store does for all of them.

/// A piece of background work. See [`Store::hold`](crate::store::Store::hold).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Task {
    /// Removal of what is over, and signed ends of the audit log.
    Chores,
    /// Events told to a program.
    Program,
    /// Events told to a webhook.
    Webhook,
}

impl Task {
    /// The task's name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Task::Chores => "chores",
            Task::Program => "program",
            Task::Webhook => "webhook",
        }
    }
}
