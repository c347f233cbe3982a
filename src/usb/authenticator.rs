//! An open key, and which protocol it speaks.

use std::sync::Arc;
use std::time::Duration;

use super::bus::{Bus, NotOpened};
use super::ctap2::Info;
use super::error::Error;
use super::fault::Fault;
use super::hid::{Channel, Waiting};
use super::key::{Key, Text};
use super::limit::Limit;
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
fn describe(
    channel: &mut Channel,
    limit: &Limit,
    say: &mut dyn FnMut(Waiting),
) -> Result<Box<Info>, Fault> {
    let mut share =
        if channel.knows_u2f() { limit.within(limit.left() / 2) } else { limit.clone() };
    let mut failed = false;
    loop {
        match ctap2::get_info(channel, &share, say) {
            Ok(info) if info.versions.iter().any(|version| version.starts_with("FIDO_2")) => {
                return Ok(Box::new(info));
            }
            Ok(_) => return Err(Fault::Content("it names no version of FIDO2")),
            Err(Fault::Busy | Fault::Slow) if !limit.left().is_zero() => share = limit.clone(),
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
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Authenticator, Fault> {
        let grace = limit.within(UDEV);
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
        let mut channel = Channel::open(transport, limit, say)?;
        let speaks = Speaks::find_out(&mut channel, limit, say)?;
        Ok(Authenticator { channel, speaks })
    }
}

impl Speaks {
    fn find_out(
        channel: &mut Channel,
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Speaks, Fault> {
        let mut failure = None;
        if channel.knows_cbor() {
            let why = match describe(channel, limit, say) {
                Ok(info) => return Ok(Speaks::Fido2(info)),
                Err(why) => why,
            };
            // A key that is busy or slow is well: its credentials of FIDO2 would not be found by
            // U2F.
            if matches!(why, Fault::Gone | Fault::Stopped | Fault::Busy | Fault::Slow)
                || limit.left().is_zero()
                || !channel.knows_u2f()
            {
                return Err(why);
            }
            // A description that comes late is not to be taken for an answer of U2F.
            channel.ask_for_another_channel(limit, say)?;
            failure = Some(why);
        } else if !channel.knows_u2f() {
            return Err(Fault::Odd("it speaks neither FIDO2 nor U2F"));
        }
        match (ctap1::speaks_v2(channel, limit, say), failure) {
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

/// How long a node may take to become ours: udevd sets its permission some time after the node is
/// there.
const UDEV: Duration = Duration::from_secs(1);
