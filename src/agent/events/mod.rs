//! Events: what happens to devices is told to their owners, by a program or by a webhook.

mod error;
mod kind;
mod notice;
mod tell;
mod webhook;

pub use kind::EventKind;
pub(super) use tell::start;
pub use webhook::WebhookUrl;
