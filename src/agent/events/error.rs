//! Failed deliveries.

/// An event was not delivered.
pub(super) enum DeliveryError {
    /// A later attempt may succeed.
    Failed(String),
    /// No attempt will succeed: the receiver does not understand the event.
    Rejected(String),
}
