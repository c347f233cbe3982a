//! The network: listeners, connections and their limits, and what surrounds the router on every
//! request.

mod admission;
mod error;
mod limits;
mod listen;
mod serve;
mod slices;
mod tls;
mod unix;
mod unread;

pub(crate) use admission::{Face, layered};
pub use error::ListenError;
pub(crate) use listen::Listeners;
pub(crate) use serve::{Routers, serve};
pub(crate) use tls::{Tls, server_config};
