//! Kinds of events, and the audit events that they come from.

use serde::Deserialize;

use crate::device::RefusalKind;
use crate::store::{Action, Event, EventReason};
use crate::webauthn::Criterion;

/// An event of an account's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A device was added; it may still be pending.
    DeviceAdded,
    /// A device became active.
    DeviceActivated,
    /// A device was taken out of use.
    DeviceDisabled,
    /// A device was removed.
    DeviceRemoved,
    /// An account was removed, with all its devices.
    AccountRemoved,
    /// Wrong codes locked a device.
    DeviceLocked,
    /// Wrong codes in quick succession: the device's codes are refused for an hour at a time.
    DeviceUnderAttack,
    /// Wrong codes for any devices of an account: its codes are refused for an hour.
    AccountUnderAttack,
    /// A pair resynchronised a device beyond the owner's window.
    WideResync,
    /// A code that had been accepted before was sent again.
    Replay,
    /// A security key's counter went back: it may have been copied.
    KeyCloned,
    /// The counter of a security key went back whose credential may be backed up; reported and not
    /// refused.
    SignCountFell,
    /// An administrator made a bypass code.
    BypassMade,
    /// A bypass code was used, or a recovery link.
    BypassUsed,
    /// An administrator made a recovery link.
    RecoveryLinkMade,
    /// The agent signed where the audit log ends; the reason is the checkpoint.
    AuditCheckpoint,
    /// The audit log was changed by another hand than the store's.
    AuditBroken,
    /// All tokens moved at once: the server's clock is suspect. The reason says since when and how
    /// far.
    ServerClockSuspect,
    /// A suspicion of the server's clock is over.
    ServerClockTrusted,
}

impl EventKind {
    /// The kind of an audit event; none for events that do not concern owners.
    pub(crate) fn of(event: &Event) -> Option<EventKind> {
        let reason = |kind| event.reason == Some(EventReason::Refused(kind));
        match &event.action {
            Action::DeviceAdded | Action::DeviceRegistered => Some(EventKind::DeviceAdded),
            Action::DeviceActivated => Some(EventKind::DeviceActivated),
            Action::DeviceDeactivated => Some(EventKind::DeviceDisabled),
            Action::DeviceRemoved => Some(EventKind::DeviceRemoved),
            Action::AccountRemoved => Some(EventKind::AccountRemoved),
            Action::DeviceLocked => Some(EventKind::DeviceLocked),
            Action::DeviceUnderAttack => Some(EventKind::DeviceUnderAttack),
            Action::AccountThrottled => Some(EventKind::AccountUnderAttack),
            Action::DeviceWideResync => Some(EventKind::WideResync),
            Action::CodeRefused | Action::ResyncRefused | Action::ActivationRefused => {
                reason(RefusalKind::Replayed).then_some(EventKind::Replay)
            }
            Action::KeyRefused => {
                reason(RefusalKind::Unproved(Criterion::SignCount)).then_some(EventKind::KeyCloned)
            }
            Action::KeySignCountFell => Some(EventKind::SignCountFell),
            Action::BypassMade => Some(EventKind::BypassMade),
            Action::BypassAccepted => Some(EventKind::BypassUsed),
            Action::RecoveryLinkMade => Some(EventKind::RecoveryLinkMade),
            Action::AuditCheckpoint => Some(EventKind::AuditCheckpoint),
            Action::AuditBroken => Some(EventKind::AuditBroken),
            Action::ServerClockSuspect => Some(EventKind::ServerClockSuspect),
            Action::ServerClockTrusted => Some(EventKind::ServerClockTrusted),
            Action::AccessKeyActivated
            | Action::AccessKeyDeactivated
            | Action::AccessKeyDeleted
            | Action::AccessKeyMade
            | Action::AccountAdded
            | Action::ApiKeyMade
            | Action::ApiKeyRevoked
            | Action::AuditClosed
            | Action::ClockAccepted
            | Action::ClockStepped
            | Action::CodeAccepted
            | Action::CodeNotJudged
            | Action::DeviceAssigned
            | Action::DeviceDiagnosed
            | Action::DeviceExpired
            | Action::DeviceGaveWay
            | Action::DeviceRenamed
            | Action::DeviceResynced
            | Action::DeviceUnlocked
            | Action::DevicesExported
            | Action::DevicesImported
            | Action::KeyAccepted
            | Action::LinkMade
            | Action::LinkOpened
            | Action::LinkWithdrawn
            | Action::RegistrationRefused
            | Action::RestoreAccepted
            | Action::SealingKeysResealed
            | Action::SessionRevoked
            | Action::SessionReused
            | Action::SessionWithoutMfa
            | Action::SessionsRevoked
            | Action::SigningKeyDropped
            | Action::SigningKeyMade
            | Action::StoreBackedUp
            | Action::StoreRestored
            | Action::UserPolicyDeleted
            | Action::UserPolicyPut
            | Action::Other(_) => None,
        }
    }

    /// The name in configuration and events.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::DeviceAdded => "device_added",
            EventKind::DeviceActivated => "device_activated",
            EventKind::DeviceDisabled => "device_disabled",
            EventKind::DeviceRemoved => "device_removed",
            EventKind::AccountRemoved => "account_removed",
            EventKind::DeviceLocked => "device_locked",
            EventKind::DeviceUnderAttack => "device_under_attack",
            EventKind::AccountUnderAttack => "account_under_attack",
            EventKind::WideResync => "wide_resync",
            EventKind::Replay => "replay",
            EventKind::KeyCloned => "key_cloned",
            EventKind::SignCountFell => "sign_count_fell",
            EventKind::BypassMade => "bypass_made",
            EventKind::BypassUsed => "bypass_used",
            EventKind::RecoveryLinkMade => "recovery_link_made",
            EventKind::AuditCheckpoint => "audit_checkpoint",
            EventKind::AuditBroken => "audit_broken",
            EventKind::ServerClockSuspect => "server_clock_suspect",
            EventKind::ServerClockTrusted => "server_clock_trusted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallerId;
    use crate::time::UnixTime;

    #[test]
    fn a_copied_key_and_a_count_that_fell_are_two_events() {
        let event = |action: &str, reason: Option<&str>| Event {
            at: UnixTime(1_800_000_000),
            action: action.into(),
            account: None,
            serial: None,
            caller: CallerId::new("uid:0".to_owned()),
            reason: reason.map(EventReason::from),
            count: 1,
        };
        for (action, reason, told) in [
            ("key.refused", Some("sign_count"), Some(EventKind::KeyCloned)),
            ("key.sign_count_fell", None, Some(EventKind::SignCountFell)),
            ("key.accepted", None, None),
            ("key.refused", Some("origin"), None),
        ] {
            assert_eq!(EventKind::of(&event(action, reason)), told, "{action} {reason:?}");
        }
    }
}
