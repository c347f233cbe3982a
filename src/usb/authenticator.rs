//! An open key, and which protocol it speaks.

use std::sync::Arc;
use std::time::Duration;

use super::bus::Bus;
use super::bus::NotOpened;
use super::ctap1;
use super::ctap2;
use super::ctap2::Info;
use super::error::Error;
use super::fault::Fault;
use super::hid::Channel;
use super::hid::Waiting;
use super::key::Key;
use super::key::Text;
use super::limit::Limit;
use super::status;

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

/// How long a node may take to become ours: udevd sets its permission some time after the node is there.
const UDEV: Duration = Duration::from_secs(1);

impl Authenticator {
    /// Opens a key and asks what it is.
    pub(super) fn open(bus: &Arc<dyn Bus>, key: &Key, limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<Authenticator, Fault> {
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
    fn find_out(channel: &mut Channel, limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<Speaks, Fault> {
        if channel.knows_cbor() {
            match ctap2::get_info(channel, limit, say) {
                // A key without FIDO2, whatever it claimed.
                Err(Fault::Status(status::INVALID_COMMAND)) if channel.knows_u2f() => {}
                other => return other.map(|info| Speaks::Fido2(Box::new(info))),
            }
        } else if !channel.knows_u2f() {
            return Err(Fault::Odd("it speaks neither FIDO2 nor U2F"));
        }
        match ctap1::speaks_v2(channel, limit, say)? {
            true => Ok(Speaks::U2f),
            false => Err(Fault::Odd("it speaks no known version of U2F")),
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
