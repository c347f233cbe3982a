//! Pre-flight: asks a key whether it holds a credential, without a touch (CTAP 2.1 §6.2).

use std::collections::VecDeque;

use super::session::KeySession;
use crate::usb::authenticator::{Authenticator, Speaks};
use crate::usb::ctap1::Hash;
use crate::usb::ctap2::{AssertionRequest, Info, Verification};
use crate::usb::fault::Fault;
use crate::usb::hid::Channel;
use crate::usb::{ctap1, ctap2, status};

/// The credentials that a key is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) rp_id: &'a str,
    pub(super) rp_id_hash: &'a Hash,
    /// The hash of an AppID, for registrations that were made with U2F.
    pub(super) app_id_hash: Option<&'a Hash>,
    pub(super) ids: &'a [Vec<u8>],
}

/// The credential that a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Fido2(Vec<u8>),
    /// By this application parameter, which is that of an AppID or not.
    U2f {
        handle: Vec<u8>,
        application: Hash,
        app_id: bool,
    },
}

/// The result of asking.
pub(super) enum Look {
    Found(Found),
    /// The key holds none of the credentials.
    Nothing,
    /// The key does not say.
    Unknown,
}

pub(super) fn look(
    authenticator: &mut Authenticator,
    wanted: Wanted<'_>,
    session: &mut KeySession,
) -> Result<Look, Fault> {
    let channel = &mut authenticator.channel;
    let look = match &authenticator.speaks {
        Speaks::U2f => by_u2f(channel, wanted, (wanted.rp_id_hash, false), session)?,
        Speaks::Fido2(info) => by_fido2(channel, info, wanted, Verification::No, session)?,
    };
    // Only the older protocol finds what was registered for an AppID.
    match (look, wanted.app_id_hash) {
        (Look::Found(found), _) => Ok(Look::Found(found)),
        (look, Some(application)) if channel.knows_u2f() => {
            match by_u2f(channel, wanted, (application, true), session)? {
                Look::Found(found) => Ok(Look::Found(found)),
                _ => Ok(look),
            }
        }
        (look, _) => Ok(look),
    }
}

fn by_u2f(
    channel: &mut Channel,
    wanted: Wanted<'_>,
    (application, app_id): (&Hash, bool),
    session: &mut KeySession,
) -> Result<Look, Fault> {
    for id in wanted.ids {
        if ctap1::knows(&mut session.link(channel), application, id)? {
            return Ok(Look::Found(Found::U2f {
                handle: id.clone(),
                application: *application,
                app_id,
            }));
        }
    }
    Ok(Look::Nothing)
}

/// Asks in portions that the key can take.
pub(super) fn by_fido2(
    channel: &mut Channel,
    info: &Info,
    wanted: Wanted<'_>,
    verification: Verification<'_>,
    session: &mut KeySession,
) -> Result<Look, Fault> {
    let mut portions = VecDeque::from(portions(info, wanted.ids));
    let mut odd = false;
    while let Some(allow) = portions.pop_front() {
        // The hash is no client data, so this signature is worthless.
        let request = AssertionRequest {
            client_data_hash: &[0; 32],
            rp_id: wanted.rp_id,
            allow: &allow,
            touch: false,
        };
        match ctap2::get_assertion(&mut session.link(channel), &request, verification) {
            Ok(assertion) => return Ok(Look::Found(Found::Fido2(assertion.credential_id))),
            Err(Fault::Status(status::NO_CREDENTIALS)) => {}
            // The key refuses the command, not a credential.
            Err(Fault::Status(status::PUAT_REQUIRED)) => return Ok(Look::Unknown),
            // One of these upsets it: it is asked for each alone.
            Err(Fault::Status(_) | Fault::Content(_)) if allow.len() > 1 => {
                allow.iter().rev().for_each(|id| portions.push_front(vec![*id]));
            }
            Err(Fault::Status(_) | Fault::Content(_)) => odd = true,
            Err(fault) => return Err(fault),
        }
    }
    Ok(if odd { Look::Unknown } else { Look::Nothing })
}

/// The ids that the key can have made, as many at once as it takes.
pub(super) fn portions<'a>(info: &Info, ids: &'a [Vec<u8>]) -> Vec<Vec<&'a [u8]>> {
    let mut portions: Vec<Vec<&[u8]>> = Vec::new();
    let mut room = 0;
    for id in ids.iter().filter(|id| id.len() <= info.longest_id) {
        let length = id.len() + AROUND_ID;
        match portions.last_mut() {
            Some(last) if length <= room && last.len() < info.most_in_list => {
                last.push(id);
                room -= length;
            }
            _ => {
                portions.push(vec![id]);
                room = info.longest_message.saturating_sub(AROUND_LIST + length);
            }
        }
    }
    portions
}

/// Space in a message for all but the list of credentials, and around each of these.
const AROUND_LIST: usize = 512;
const AROUND_ID: usize = 32;
