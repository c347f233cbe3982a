//! User verification: by fingerprint or by PIN (CTAP 2.1 §6.1.1, §6.5, WebAuthn L3 §5.8.6).

use super::session::KeySession;
use crate::usb::ctap2::{Info, Permission, PinEntry, Token, Verification};
use crate::usb::deadline::Deadline;
use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::hid::Channel;
use crate::usb::person::Progress;
use crate::usb::{ctap2, status};
use crate::webauthn::UserVerification;

/// The method by which a key will verify the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Not at all: a touch is enough.
    Touch,
    /// By a finger, for a token.
    Finger,
    /// By a finger, while it does the command.
    BuiltIn,
    Pin,
}

/// The result of verification.
pub(super) enum Proof {
    None,
    BuiltIn,
    Token(Token),
}

impl Plan {
    /// Chooses by the demands of the service, the key and the command.
    pub(super) fn new(
        policy: UserVerification,
        info: &Info,
        permission: Permission,
    ) -> Result<Plan, Error> {
        let options = &info.options;
        // With a PIN or fingerprint set up, most keys make no credential without it (§6.1.2 step
        // 5).
        let insists = match permission {
            Permission::MakeCredential => {
                info.can_verify() && options.make_credential_without_uv != Some(true)
            }
            Permission::GetAssertion => false,
        };
        let needed =
            policy == UserVerification::Required || options.always_uv == Some(true) || insists;
        match Plan::strongest(info) {
            Some(plan) if needed || policy == UserVerification::Preferred => Ok(plan),
            None if needed && (options.client_pin.is_some() || options.uv.is_some()) => {
                Err(Error::PinNotSet)
            }
            None if needed => {
                Err(Error::Unfit("the service asks for a PIN or fingerprint, which it cannot have"))
            }
            _ => Ok(Plan::Touch),
        }
    }

    /// The best that this key can do now.
    pub(super) fn strongest(info: &Info) -> Option<Plan> {
        match (info.options.uv, info.options.tokens, info.options.client_pin) {
            (Some(true), Some(true), _) => Some(Plan::Finger),
            (Some(true), ..) => Some(Plan::BuiltIn),
            (.., Some(true)) => Some(Plan::Pin),
            _ => None,
        }
    }

    /// Returns the method to use after this one has failed.
    pub(super) fn fallback(self, info: &Info) -> Option<Plan> {
        let pin = info.options.client_pin == Some(true) && self != Plan::Pin;
        pin.then_some(Plan::Pin)
    }
}

impl Proof {
    pub(super) fn verification(&self) -> Verification<'_> {
        match self {
            Proof::None => Verification::No,
            Proof::BuiltIn => Verification::BuiltIn,
            Proof::Token(token) => Verification::Token(token),
        }
    }
}

/// Carries a plan out. A PIN or a finger is asked for only once the key is known.
pub(super) fn prove(
    channel: &mut Channel,
    info: &Info,
    plan: Plan,
    scope: (Permission, &str),
    session: &mut KeySession,
) -> Result<Proof, Fault> {
    session.expect_finger(false);
    if matches!(plan, Plan::Finger | Plan::Pin) {
        choose(channel, info, session)?;
    }
    match plan {
        Plan::Touch => Ok(Proof::None),
        Plan::BuiltIn => {
            session.expect_finger(true);
            Ok(Proof::BuiltIn)
        }
        Plan::Finger => match by_finger(channel, info, scope, session)? {
            Some(token) => Ok(Proof::Token(token)),
            None => by_pin(channel, info, scope, session).map(Proof::Token),
        },
        Plan::Pin => by_pin(channel, info, scope, session).map(Proof::Token),
    }
}

/// Takes this key, after a touch if there are others.
pub(super) fn choose(
    channel: &mut Channel,
    info: &Info,
    session: &mut KeySession,
) -> Result<(), Fault> {
    if session.must_be_chosen() {
        until_touched(session, |session| ctap2::select(&mut session.link(channel), info))?;
    }
    session.claim()
}

/// Does a command again for as long as it ends only because the key itself would not wait longer.
pub(super) fn until_touched<T>(
    session: &mut KeySession,
    mut command: impl FnMut(&mut KeySession) -> Result<T, Fault>,
) -> Result<T, Fault> {
    loop {
        match command(session) {
            Err(Fault::Status(status::USER_ACTION_TIMEOUT | status::ACTION_TIMEOUT)) => {
                session.deadline().pause(Deadline::SLICE)?;
            }
            other => return other,
        }
    }
}

/// `None` if the key wants its PIN instead.
fn by_finger(
    channel: &mut Channel,
    info: &Info,
    scope: (Permission, &str),
    session: &mut KeySession,
) -> Result<Option<Token>, Fault> {
    for _ in 0..MOST_FINGERS {
        session.expect_finger(true);
        let token = until_touched(session, |session| {
            ctap2::token_by_fingerprint(&mut session.link(channel), info, scope)
        });
        session.expect_finger(false);
        match token {
            Ok(token) => return Ok(Some(token)),
            Err(Fault::Status(status::UV_INVALID)) => {
                let retries = ctap2::fingerprint_retries(&mut session.link(channel), info)?;
                session.tell(Progress::FingerprintWrong { key: session.key().clone(), retries });
                if retries == Some(0) {
                    break;
                }
            }
            Err(Fault::Status(status::UV_BLOCKED | status::PUAT_REQUIRED)) => break,
            Err(fault) => return Err(fault),
        }
    }
    match Plan::Finger.fallback(info) {
        Some(_) => Ok(None),
        None => Err(Fault::Status(status::UV_BLOCKED)),
    }
}

fn by_pin(
    channel: &mut Channel,
    info: &Info,
    scope: (Permission, &str),
    session: &mut KeySession,
) -> Result<Token, Fault> {
    if info.must_change_pin {
        return Err(Error::PinMustChange.into());
    }
    let mut before: Option<PinEntry> = None;
    loop {
        let attempt = ctap2::pin_retries(&mut session.link(channel), info)?;
        match attempt {
            ctap2::Attempt { retries: 0, .. } => return Err(Error::PinBlocked.into()),
            ctap2::Attempt { power_cycle: true, .. } => return Err(Error::PinAuthBlocked.into()),
            _ => {}
        }
        let typed = session.ask_pin(attempt.retries, before.is_some())?;
        let wrong = Error::PinWrong { retries: Some(attempt.retries) };
        // A text that cannot be a PIN costs no try; neither does the same PIN again.
        let pin = PinEntry::parse(&typed).ok_or(wrong.clone())?;
        if before.as_ref() == Some(&pin) {
            return Err(wrong.into());
        }
        match ctap2::token_by_pin(&mut session.link(channel), info, &pin, scope) {
            Err(Fault::Status(status::PIN_INVALID)) => before = Some(pin),
            other => return other,
        }
    }
}

/// The most wrong fingerprints before the PIN is asked for, if the key does not count them itself.
const MOST_FINGERS: u32 = 5;
