//! Security keys on the USB bus: the client of CTAP 2.1 and U2F over HID.
//!
//! [`register`] and [`authenticate`] find the key, let the person choose among several by touching
//! one, ask for its PIN only if it is needed, wait for the touch, and end at a deadline even if the
//! key hangs. [`list`] names the keys that are plugged in. The module prints nothing, and trusts no
//! answer of a key: the relying party judges it.
//!
//! ```no_run
//! use twostep::usb::{Options, Person, Pin, PinRequest, Progress, authenticate};
//! use twostep::webauthn::{RelyingParty, RelyingPartyConfig};
//!
//! struct Terminal;
//!
//! impl Person for Terminal {
//!     fn tell(&mut self, progress: Progress) {
//!         if let Progress::NeedTouch(_) = progress {
//!             eprintln!("touch the key that blinks");
//!         }
//!     }
//!
//!     fn pin(&mut self, _: &PinRequest) -> Option<Pin> {
//!         None // ends the ceremony; a real program asks
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let party = RelyingParty::new(RelyingPartyConfig::default())?;
//! // `party` is the relying party; the options name the credentials of an account.
//! let (request, state) = party.start_authentication(&[])?;
//! let origin = "https://login.example.org".parse()?;
//! let response = authenticate(&Options::default(), &request, &origin, &mut Terminal)?;
//! # Ok(())
//! # }
//! ```

mod authenticator;
mod bus;
mod ceremony;
mod ctap1;
mod ctap2;
mod deadline;
mod diagnose;
mod error;
mod fault;
mod found;
mod frame;
mod hid;
mod hidraw;
mod key;
mod link;
pub mod manage;
mod person;
mod status;
mod traffic;

pub use bus::{Bus, NotOpened, Transport, Unplugged};
pub use ceremony::{authenticate, authenticate_on, register, register_on};
pub use deadline::{Cancel, Options};
pub use diagnose::{holders, list, list_on};
pub use error::Error;
pub use found::{About, Access, Answer, Found, Holder, Holders, PinState};
pub use hidraw::Usb;
pub use key::{Key, Text};
pub use person::{Person, Pin, PinRequest, Progress};
