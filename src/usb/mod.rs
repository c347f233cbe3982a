//! Security keys on the USB bus: the client of CTAP 2.1 and U2F over HID.
//!
//! [`register`] and [`authenticate`] find the key, let the person choose among several by touching one, ask for its PIN only
//! if it is needed, wait for the touch, and end at a deadline whatever the key does. [`list`] says what is plugged in.
//! Nothing here prints, and nothing a key sends is believed: the relying party judges the answer.

mod authenticator;
mod bus;
mod cbor;
mod ceremony;
mod ctap1;
mod ctap2;
mod diagnose;
mod error;
mod fault;
mod found;
mod frame;
mod hid;
mod hidraw;
mod key;
mod limit;
pub mod manage;
mod person;
mod status;
mod traffic;

pub use bus::Bus;
pub use bus::NotOpened;
pub use bus::Transport;
pub use bus::Unplugged;
pub use ceremony::authenticate;
pub use ceremony::authenticate_on;
pub use ceremony::register;
pub use ceremony::register_on;
pub use diagnose::holders;
pub use diagnose::list;
pub use diagnose::list_on;
pub use error::Error;
pub use found::About;
pub use found::Access;
pub use found::Answer;
pub use found::Found;
pub use found::Holder;
pub use found::Holders;
pub use found::PinState;
pub use hidraw::Usb;
pub use key::Key;
pub use key::Text;
pub use limit::Cancel;
pub use limit::Options;
pub use person::Person;
pub use person::Pin;
pub use person::PinRequest;
pub use person::Progress;
