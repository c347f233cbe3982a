//! Registration and authentication, from "plug it in" to the key's answer.
//!
//! Each key has a thread of its own that runs the ceremony from top to bottom; the calling thread
//! talks to the person and decides which keys blink. A thread that its key never lets go of is left
//! behind: the deadline holds all the same.

mod authenticate;
mod find;
mod probe;
mod register;
mod runner;
mod selection;
mod session;
mod verdict;
mod verify;

use std::sync::Arc;

use super::authenticator::Authenticator;
use super::bus::Bus;
use super::deadline::Options;
use super::error::Error;
use super::fault::Fault;
use super::hidraw::Usb;
use super::person::Person;
use crate::webauthn::{
    AuthenticationResponse, CreationOptions, Descriptor, Origin, RegistrationResponse,
    RequestOptions,
};
use session::KeySession;

/// Makes a credential on a key that is plugged in, or will be before the deadline.
///
/// Blocks; call it from a thread that may wait.
///
/// # Errors
/// See [`Error`].
pub fn register(
    options: &Options,
    creation: &CreationOptions,
    origin: &Origin,
    person: &mut dyn Person,
) -> Result<RegistrationResponse, Error> {
    register_on(Arc::new(Usb), options, creation, origin, person)
}

/// [`register`], on another bus than this machine's.
///
/// # Errors
/// See [`Error`].
pub fn register_on(
    bus: Arc<dyn Bus>,
    options: &Options,
    creation: &CreationOptions,
    origin: &Origin,
    person: &mut dyn Person,
) -> Result<RegistrationResponse, Error> {
    let registration = register::Registration::new(creation, origin)?;
    selection::run(bus, options, registration, person)
}

/// Has a key that is plugged in, or will be before the deadline, sign with one of the credentials
/// that are named.
///
/// Blocks; call it from a thread that may wait.
///
/// # Errors
/// See [`Error`].
pub fn authenticate(
    options: &Options,
    request: &RequestOptions,
    origin: &Origin,
    person: &mut dyn Person,
) -> Result<AuthenticationResponse, Error> {
    authenticate_on(Arc::new(Usb), options, request, origin, person)
}

/// [`authenticate`], on another bus than this machine's.
///
/// # Errors
/// See [`Error`].
pub fn authenticate_on(
    bus: Arc<dyn Bus>,
    options: &Options,
    request: &RequestOptions,
    origin: &Origin,
    person: &mut dyn Person,
) -> Result<AuthenticationResponse, Error> {
    let authentication = authenticate::Authentication::new(request, origin)?;
    selection::run(bus, options, authentication, person)
}

/// A ceremony on one key, in two halves: a look without a touch, then the ceremony itself.
trait Ceremony: Send + Sync + 'static {
    type Found: Send;
    type Output: Send + 'static;

    /// Finds out whether this key is one that fits. It does not blink.
    fn look(
        &self,
        authenticator: &mut Authenticator,
        session: &mut KeySession,
    ) -> Result<Fit<Self::Found>, Fault>;

    /// Does it. [`KeySession::claim`] decides between keys.
    fn perform(
        &self,
        authenticator: &mut Authenticator,
        found: Self::Found,
        session: &mut KeySession,
    ) -> Result<Self::Output, Fault>;
}

/// The suitability of a key.
enum Fit<F> {
    /// The key fits.
    Yes(F),
    /// The key may hold a hidden credential, which it reveals after verification only.
    Perhaps(F),
    /// The key does not fit, for this reason.
    No(Error),
}

/// The ids of credentials that keys can hold.
fn ids(descriptors: &[Descriptor]) -> Vec<Vec<u8>> {
    let kind = descriptors.iter().filter(|descriptor| descriptor.kind == PUBLIC_KEY);
    kind.map(|descriptor| descriptor.id.clone())
        .filter(|id| !id.is_empty())
        .collect()
}

/// Claims the key after a command that waited for a touch. With any answer the person has chosen
/// this key; a key that was unplugged has not answered.
fn claim_unless_lost<T>(result: &Result<T, Fault>, session: &mut KeySession) -> Result<(), Fault> {
    match result {
        Ok(_) | Err(Fault::Status(_) | Fault::Word(_)) => session.claim(),
        Err(_) => Ok(()),
    }
}

const PUBLIC_KEY: &str = "public-key";
