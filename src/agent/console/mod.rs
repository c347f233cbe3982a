//! The console: pages on which people manage their devices and sign in, without a script wherever
//! no security key is needed.
//!
//! One more face of the agent beside its API, with a listener of its own. A page reads a form,
//! calls an operation and renders a template; who may do what is decided by
//! [`operations`](crate::agent::operations) alone. A session of the console is an item of the store
//! that holds a context of the agent: what ends the context ends the session.

mod activate;
mod activity;
mod add_key;
mod add_token;
mod assets;
mod browser;
mod card;
mod codes;
mod course;
mod device;
mod devices;
mod drift;
mod english;
mod form;
mod frame;
mod german;
mod happened;
mod histogram;
mod history;
mod kept;
mod language;
mod leave;
mod link;
mod login;
mod lost;
mod next;
mod operator_account;
mod operator_audit;
mod operator_device;
mod operator_find;
mod operator_fleet;
mod operator_links;
mod operator_pair;
mod operator_sign_in;
mod page;
mod proof;
mod prove;
mod qr;
mod recovery;
mod resync;
mod router;
mod ruler;
mod second_step;
mod secrets;
mod sign_in;
mod sign_ins;
mod state;
mod stop;
mod svg;
mod test;
mod visitor;
mod when;
mod words;

pub(super) use router::surrounded;
