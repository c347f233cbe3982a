//! The words of the audit log: what was decided, and why.
//!
//! Both are kept as text. Text that another version wrote stays readable as `Other`, and is written
//! again byte for byte.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::device::{Refusal, RefusalKind};

/// Declares [`Action`] once: each variant with its stored name.
macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The action that an audit event records.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Action {
            $($(#[doc = $doc])+ $variant,)+
            /// An action of another version.
            Other(String),
        }

        impl Action {
            /// All actions of this version.
            pub const ALL: &[Action] = &[$(Action::$variant),+];

            /// The action's stored name.
            pub fn name(&self) -> &str {
                match self {
                    $(Action::$variant => $name,)+
                    Action::Other(name) => name,
                }
            }
        }

        impl From<&str> for Action {
            fn from(name: &str) -> Action {
                match name {
                    $($name => Action::$variant,)+
                    other => Action::Other(other.to_owned()),
                }
            }
        }
    };
}

actions! {
    /// An access key was put into use again; the reason is its id.
    AccessKeyActivated = "access_key.activated",
    /// An access key was taken out of use; the reason is its id.
    AccessKeyDeactivated = "access_key.deactivated",
    /// An access key was deleted; the reason is its id.
    AccessKeyDeleted = "access_key.deleted",
    /// An access key was made; the reason is its id.
    AccessKeyMade = "access_key.made",
    /// An account was added without a device.
    AccountAdded = "account.added",
    /// An account was removed, with all its devices.
    AccountRemoved = "account.removed",
    /// Wrong codes used up the account's budget: its codes are refused for an hour.
    AccountThrottled = "account.throttled",
    /// A pair did not activate a device.
    ActivationRefused = "activation.refused",
    /// An API key was made.
    ApiKeyMade = "api_key.made",
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked",
    /// The audit log was changed by another hand than the store's, before this row.
    AuditBroken = "audit.broken",
    /// The agent signed where the chains of the audit log ended before this row; the reason is the
    /// checkpoint.
    AuditCheckpoint = "audit.checkpoint",
    /// The rows of a chain up to this one are from before its rows were authenticated; the row
    /// says up to which number and with which hash.
    AuditClosed = "audit.closed",
    /// A bypass code was accepted.
    BypassAccepted = "bypass.accepted",
    /// An administrator made a bypass code.
    BypassMade = "bypass.made",
    /// An administrator accepted the clock as it is.
    ClockAccepted = "clock.accepted",
    /// A jump of the clock was accepted because the operating system calls it synchronised.
    ClockStepped = "clock.stepped",
    /// A code was accepted.
    CodeAccepted = "code.accepted",
    /// Inputs were refused unjudged; the row counts those of one minute.
    CodeNotJudged = "code.not_judged",
    /// A code was refused.
    CodeRefused = "code.refused",
    /// Two consecutive codes activated a device.
    DeviceActivated = "device.activated",
    /// A device was added.
    DeviceAdded = "device.added",
    /// A device of no account was given to one.
    DeviceAssigned = "device.assigned",
    /// A device was taken out of use.
    DeviceDeactivated = "device.deactivated",
    /// An administrator had two codes of a device diagnosed; none was accepted.
    DeviceDiagnosed = "device.diagnosed",
    /// A pending device with a secret that was made here was dropped after a day.
    DeviceExpired = "device.expired",
    /// A pending device was dropped to make room for another one.
    DeviceGaveWay = "device.gave_way",
    /// Wrong codes locked a device.
    DeviceLocked = "device.locked",
    /// A security key was registered.
    DeviceRegistered = "device.registered",
    /// A device was removed.
    DeviceRemoved = "device.removed",
    /// A device was renamed.
    DeviceRenamed = "device.renamed",
    /// Two consecutive codes found a device again.
    DeviceResynced = "device.resynced",
    /// An administrator unlocked a device.
    DeviceUnlocked = "device.unlocked",
    /// Wrong codes of a device reached the longest wait.
    DeviceUnderAttack = "device.under_attack",
    /// A pair found a device beyond its owner's window.
    DeviceWideResync = "device.wide_resync",
    /// Devices were exported with their secrets, encrypted.
    DevicesExported = "devices.exported",
    /// A file of tokens was imported.
    DevicesImported = "devices.imported",
    /// A security key's assertion was accepted.
    KeyAccepted = "key.accepted",
    /// A security key's assertion was refused.
    KeyRefused = "key.refused",
    /// The sign count of a synced credential did not grow.
    KeySignCountFell = "key.sign_count_fell",
    /// A one-time link was made; the reason is its id.
    LinkMade = "link.made",
    /// A one-time link was opened; the reason is its id.
    LinkOpened = "link.opened",
    /// A one-time link was withdrawn; the reason is its id.
    LinkWithdrawn = "link.withdrawn",
    /// An administrator made a recovery link; the reason is its id.
    RecoveryLinkMade = "recovery_link.made",
    /// A security key was not enrolled.
    RegistrationRefused = "registration.refused",
    /// An administrator ended the state in which a restore leaves a store.
    RestoreAccepted = "store.accepted",
    /// A pair did not resynchronise a device.
    ResyncRefused = "resync.refused",
    /// Secrets were sealed again under a newer key; the row counts them.
    SealingKeysResealed = "sealing_keys.resealed",
    /// All tokens moved at once: the server's clock is suspect.
    ServerClockSuspect = "server_clock.suspect",
    /// A suspicion of the server's clock is over.
    ServerClockTrusted = "server_clock.trusted",
    /// One context was revoked.
    SessionRevoked = "session.revoked",
    /// A context stood in for a new proof.
    SessionReused = "session.reused",
    /// A context without MFA was issued.
    SessionWithoutMfa = "session.without_mfa",
    /// Contexts of an account, or of one of its devices, were revoked.
    SessionsRevoked = "sessions.revoked",
    /// A signing key was dropped.
    SigningKeyDropped = "signing_key.dropped",
    /// A signing key was made.
    SigningKeyMade = "signing_key.made",
    /// The store was backed up.
    StoreBackedUp = "store.backed_up",
    /// A backup was restored.
    StoreRestored = "store.restored",
    /// A policy of a user was deleted; the reason is its name.
    UserPolicyDeleted = "user_policy.deleted",
    /// A policy of a user was put; the reason is its name.
    UserPolicyPut = "user_policy.put",
}

/// The reason of an audit event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EventReason {
    /// The input was refused.
    Refused(RefusalKind),
    /// Another detail, such as the id of a key or the length of a clock step; or a reason of
    /// another version.
    Other(String),
}

impl EventReason {
    /// The reason's stored text.
    pub fn name(&self) -> &str {
        match self {
            EventReason::Refused(kind) => kind.name(),
            EventReason::Other(text) => text,
        }
    }
}

impl From<String> for Action {
    fn from(name: String) -> Action {
        Action::from(name.as_str())
    }
}

impl From<Action> for String {
    fn from(action: Action) -> String {
        match action {
            Action::Other(name) => name,
            known => known.name().to_owned(),
        }
    }
}

impl From<&str> for EventReason {
    fn from(text: &str) -> EventReason {
        match text.parse() {
            Ok(kind) => EventReason::Refused(kind),
            Err(_) => EventReason::Other(text.to_owned()),
        }
    }
}

impl From<String> for EventReason {
    fn from(text: String) -> EventReason {
        EventReason::from(text.as_str())
    }
}

impl From<RefusalKind> for EventReason {
    fn from(kind: RefusalKind) -> EventReason {
        EventReason::Refused(kind)
    }
}

impl From<Refusal> for EventReason {
    fn from(refusal: Refusal) -> EventReason {
        EventReason::Refused(refusal.kind())
    }
}

impl From<EventReason> for String {
    fn from(reason: EventReason) -> String {
        reason.name().to_owned()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for EventReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_is_read_and_written_byte_for_byte() {
        for action in Action::ALL {
            assert_eq!(Action::from(action.name()), *action);
            assert!(!matches!(Action::from(action.name()), Action::Other(_)), "{action}");
        }
        for text in ["code.accepted", "device.teleported", "", "Code.Accepted"] {
            let json = serde_json::to_string(text).unwrap();
            let action: Action = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&action).unwrap(), json);
        }
        for text in ["no_match", "sign_count", "pairs_spent", "-86400 s", "QRC0K7ZP"] {
            let json = serde_json::to_string(text).unwrap();
            let reason: EventReason = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
        }
        assert_eq!(EventReason::from("locked"), RefusalKind::Locked.into());
        assert_eq!(EventReason::from("QRC0"), EventReason::Other("QRC0".to_owned()));
    }
}
