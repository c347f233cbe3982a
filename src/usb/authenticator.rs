//! An open key, and which protocol it speaks.

use std::sync::Arc;
use std::time::Duration;

use super::bus::{Bus, NotOpened};
use super::ctap2::Info;
use super::deadline::Deadline;
use super::error::Error;
use super::fault::Fault;
use super::hid::Channel;
use super::key::{Key, Text};
use super::link::{Link, OnWait};
use super::{ctap1, ctap2};

/// A key that answers.
pub(super) struct Authenticator {
    pub(super) channel: Channel,
    pub(super) speaks: Speaks,
}

/// The protocol to use with it: the newer, where it knows both.
pub(super) enum Speaks {
    U2f,
    Fido2(Box<Info>),
}

/// Asks a FIDO2 key for its description, a second time if it fails. Silence may take half of the
/// time where the key may know U2F, so that some is left for that.
fn describe(link: &mut Link<'_>) -> Result<Box<Info>, Fault> {
    let whole = link.deadline.clone();
    let mut share =
        if link.channel.knows_u2f() { whole.within(whole.left() / 2) } else { whole.clone() };
    let mut failed = false;
    loop {
        match ctap2::get_info(&mut link.until(share.clone())) {
            Ok(info) if info.versions.iter().any(|version| version.starts_with("FIDO_2")) => {
                return Ok(Box::new(info));
            }
            Ok(_) => return Err(Fault::Content("it names no version of FIDO2")),
            Err(Fault::Busy | Fault::Slow) if !whole.left().is_zero() => share = whole.clone(),
            Err(Fault::Status(_) | Fault::Content(_) | Fault::Odd(_)) if !failed => failed = true,
            Err(why) => return Err(why),
        }
    }
}

impl Authenticator {
    /// Opens a key and asks what it is.
    pub(super) fn open(
        bus: &Arc<dyn Bus>,
        key: &Key,
        deadline: Deadline,
        on_wait: &mut dyn OnWait,
    ) -> Result<Authenticator, Fault> {
        let grace = deadline.within(UDEV);
        let transport = loop {
            match bus.open(&key.path) {
                Ok(transport) => break transport,
                Err(NotOpened::Gone) => return Err(Fault::Gone),
                Err(NotOpened::InUse) => return Err(Fault::Busy),
                Err(NotOpened::Other(why)) => return Err(Error::Bus(why).into()),
                Err(NotOpened::NotAllowed(path)) => {
                    grace.pause(UDEV / 10).map_err(|fault| match fault {
                        Fault::Late => Error::NotAllowed { path }.into(),
                        fault => fault,
                    })?;
                }
            }
        };
        let mut channel = Channel::new(transport)?;
        let mut link = Link { channel: &mut channel, deadline, on_wait };
        link.connect()?;
        let speaks = Speaks::find_out(&mut link)?;
        Ok(Authenticator { channel, speaks })
    }
}

impl Speaks {
    fn find_out(link: &mut Link<'_>) -> Result<Speaks, Fault> {
        let mut failure = None;
        if link.channel.knows_cbor() {
            let why = match describe(link) {
                Ok(info) => return Ok(Speaks::Fido2(info)),
                Err(why) => why,
            };
            // A key that is busy or slow is well: its credentials of FIDO2 would not be found by
            // U2F.
            if matches!(why, Fault::Gone | Fault::Stopped | Fault::Busy | Fault::Slow)
                || link.deadline.left().is_zero()
                || !link.channel.knows_u2f()
            {
                return Err(why);
            }
            // A description that comes late is not to be taken for an answer of U2F.
            link.reconnect()?;
            failure = Some(why);
        } else if !link.channel.knows_u2f() {
            return Err(Fault::Odd("it speaks neither FIDO2 nor U2F"));
        }
        match (ctap1::speaks_v2(link), failure) {
            (Ok(true), _) => Ok(Speaks::U2f),
            (
                Err(why @ (Fault::Gone | Fault::Stopped | Fault::Late | Fault::Busy | Fault::Slow)),
                _,
            ) => Err(why),
            (_, Some(why)) | (Err(why), None) => Err(why),
            (Ok(false), None) => Err(Fault::Odd("it speaks no known version of U2F")),
        }
    }

    /// The versions it names.
    pub(super) fn versions(&self) -> Vec<Text> {
        match self {
            Speaks::U2f => vec![Text::new("U2F_V2")],
            Speaks::Fido2(info) => info.versions.iter().map(|version| Text::new(version)).collect(),
        }
    }
}

/// Time for udevd to set the permissions of a new node.
const UDEV: Duration = Duration::from_secs(1);
