//! Requests of this machine: a key that is plugged in here opens a session; a recent proof at the
//! same terminal replaces a new one.

use serde::{Deserialize, Serialize};

use crate::wire::{Context, Problem, SecretText};

/// Begins to open a session with a security key that is plugged in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BeginKeyCeremony {
    /// The account of the session.
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: String,
    /// The program that asks, as PAM calls it.
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9._+@-]{1,64}$"))]
    pub service: String,
    /// The audience of the context; the issuer itself if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub audience: Option<String>,
    /// Seconds to wait for a key and its touch, and for its PIN: 1 to 120; 30 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 1, maximum = 120))]
    pub wait_seconds: Option<u64>,
    /// The session lasts only as long as the key stays plugged in. Only where the configuration
    /// allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_to_key: Option<bool>,
}

/// The PIN that a ceremony asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivePin {
    /// The PIN of the key that asks for it.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub pin: SecretText,
}

/// A line of the answer to a key ceremony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum KeyCeremonyEvent {
    /// The ceremony begins. The PIN is sent to `ceremony_id`.
    Begun {
        /// The ceremony.
        ceremony_id: String,
    },
    /// No key is plugged in.
    WaitingForKey,
    /// The key blinks.
    NeedTouch,
    /// So many keys blink; the one that is touched is taken.
    ChooseByTouch {
        /// The number of keys.
        keys: usize,
    },
    /// The key wants its PIN.
    NeedPin {
        /// The tries that are left, where the key says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        retries: Option<u8>,
        /// The one before was wrong.
        wrong_before: bool,
    },
    /// The session is open.
    Done {
        /// The signed context.
        #[cfg_attr(feature = "agent", schema(value_type = String))]
        token: SecretText,
        /// The context in it.
        context: Box<Context>,
    },
    /// The key answered, and the session was refused.
    Refused {
        /// The cause.
        problem: Box<Problem>,
    },
    /// No key answered.
    Failed {
        /// The cause.
        code: FailureCode,
        /// The fault, and what to do.
        detail: String,
        /// The key that could not be asked, as it calls itself, where it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

/// The reason why no key answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// No key is plugged in, or it was unplugged.
    NoKey,
    /// No key that is plugged in is enrolled for the account.
    NotEnrolled,
    /// No key was touched in time.
    NotTouched,
    /// The key's PIN is blocked.
    PinBlocked,
    /// Another program used the key all the time, or another ceremony does.
    Busy,
    /// A key that may be the right one did not answer in time, or could not be opened.
    NotAsked,
    /// The ceremony was ended.
    Cancelled,
    /// Security keys cannot be used now.
    Unavailable,
}

/// Declares requests that name a terminal, each with members of its own.
macro_rules! at_a_terminal {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The account of the context.
            #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
            pub account: String,
            /// The user on whose behalf it is asked.
            pub uid: u32,
            /// The program that asks, as PAM calls it.
            #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9._+@-]{1,64}$"))]
            pub service: String,
            /// The terminal.
            #[cfg_attr(feature = "agent", schema(pattern = "^[!-~]{1,64}$"))]
            pub tty: String,
            /// The leader of the session.
            pub leader_pid: u32,
            /// The start of the leader, in clock ticks since boot.
            pub leader_started: u64,
            /// `/proc/sys/kernel/random/boot_id`.
            #[cfg_attr(feature = "agent", schema(pattern = "^[0-9a-f-]{36}$"))]
            pub boot_id: String,
            $($(#[$doc])* pub $field: $kind,)*
        }
    )*};
}

at_a_terminal! {
    /// Asks for an earlier proof at this terminal.
    AskFresh {}
    /// Keeps a proof that was given at this terminal.
    KeepFresh {
        /// A context for the agent itself.
        #[cfg_attr(feature = "agent", schema(value_type = String))]
        token: SecretText,
    }
}

impl AskFresh {
    /// The same place, with a proof to be kept.
    pub fn keep(self, token: SecretText) -> KeepFresh {
        let AskFresh { account, uid, service, tty, leader_pid, leader_started, boot_id } = self;
        KeepFresh { account, uid, service, tty, leader_pid, leader_started, boot_id, token }
    }
}

impl KeepFresh {
    /// The place and the proof.
    pub fn into_parts(self) -> (AskFresh, SecretText) {
        let KeepFresh { account, uid, service, tty, .. } = self;
        let KeepFresh { leader_pid, leader_started, boot_id, token, .. } = self;
        (AskFresh { account, uid, service, tty, leader_pid, leader_started, boot_id }, token)
    }
}

/// The answer on an earlier proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FreshAnswer {
    /// An earlier proof replaces a new one.
    pub fresh: bool,
    /// The context of the earlier proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}
