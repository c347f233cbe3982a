//! Audit events and the reasons of refusals, as they are told to people.

use crate::agent::console::language::Language;
use crate::device::RefusalKind;
use crate::store::{Action, EventReason};

/// The action in words; its stored name where another version wrote it.
pub(crate) fn action(language: Language, action: &Action) -> &str {
    let words = &language.words().event;
    match action {
        Action::AccessKeyActivated => words.access_key_activated,
        Action::AccessKeyDeactivated => words.access_key_deactivated,
        Action::AccessKeyDeleted => words.access_key_deleted,
        Action::AccessKeyMade => words.access_key_made,
        Action::AccountAdded => words.account_added,
        Action::AccountRemoved => words.account_removed,
        Action::AccountThrottled => words.account_throttled,
        Action::ActivationRefused => words.activation_refused,
        Action::ApiKeyMade => words.api_key_made,
        Action::ApiKeyRevoked => words.api_key_revoked,
        Action::AuditBroken => words.audit_broken,
        Action::AuditCheckpoint => words.audit_checkpoint,
        Action::AuditClosed => words.audit_closed,
        Action::BypassAccepted => words.bypass_accepted,
        Action::BypassMade => words.bypass_made,
        Action::ClockAccepted => words.clock_accepted,
        Action::ClockStepped => words.clock_stepped,
        Action::CodeAccepted => words.code_accepted,
        Action::CodeNotJudged => words.code_not_judged,
        Action::CodeRefused => words.code_refused,
        Action::DeviceActivated => words.device_activated,
        Action::DeviceAdded => words.device_added,
        Action::DeviceAssigned => words.device_assigned,
        Action::DeviceDeactivated => words.device_deactivated,
        Action::DeviceDiagnosed => words.device_diagnosed,
        Action::DeviceExpired => words.device_expired,
        Action::DeviceGaveWay => words.device_gave_way,
        Action::DeviceLocked => words.device_locked,
        Action::DeviceRegistered => words.device_registered,
        Action::DeviceRemoved => words.device_removed,
        Action::DeviceRenamed => words.device_renamed,
        Action::DeviceResynced => words.device_resynced,
        Action::DeviceUnlocked => words.device_unlocked,
        Action::DeviceUnderAttack => words.device_under_attack,
        Action::DeviceWideResync => words.device_wide_resync,
        Action::DevicesExported => words.devices_exported,
        Action::DevicesImported => words.devices_imported,
        Action::KeyAccepted => words.key_accepted,
        Action::KeyRefused => words.key_refused,
        Action::KeySignCountFell => words.key_sign_count_fell,
        Action::RegistrationRefused => words.registration_refused,
        Action::RestoreAccepted => words.restore_accepted,
        Action::ResyncRefused => words.resync_refused,
        Action::SealingKeysResealed => words.sealing_keys_resealed,
        Action::ServerClockSuspect => words.server_clock_suspect,
        Action::ServerClockTrusted => words.server_clock_trusted,
        Action::SessionRevoked => words.session_revoked,
        Action::SessionReused => words.session_reused,
        Action::SessionWithoutMfa => words.session_without_mfa,
        Action::SessionsRevoked => words.sessions_revoked,
        Action::SigningKeyDropped => words.signing_key_dropped,
        Action::SigningKeyMade => words.signing_key_made,
        Action::StoreBackedUp => words.store_backed_up,
        Action::StoreRestored => words.store_restored,
        Action::UserPolicyDeleted => words.user_policy_deleted,
        Action::UserPolicyPut => words.user_policy_put,
        Action::LinkMade => words.link_made,
        Action::LinkOpened => words.link_opened,
        Action::LinkWithdrawn => words.link_withdrawn,
        Action::RecoveryLinkMade => words.recovery_link_made,
        other => other.name(),
    }
}

/// The reason of a refusal in words; none for another detail, which is not for people.
pub(crate) fn reason(language: Language, reason: &EventReason) -> Option<&'static str> {
    let words = &language.words().reason;
    let EventReason::Refused(kind) = reason else { return None };
    Some(match kind {
        RefusalKind::NoMatch => words.no_match,
        RefusalKind::Replayed => words.replayed,
        RefusalKind::Throttled => words.throttled,
        RefusalKind::Locked => words.locked,
        RefusalKind::OutOfSync => words.out_of_sync,
        RefusalKind::NotActive => words.not_active,
        RefusalKind::UnknownDevice => words.unknown_device,
        RefusalKind::SeveralDevices => words.several_devices,
        RefusalKind::ClockWentBack => words.clock_went_back,
        RefusalKind::KeyNotRegistered => words.key_not_registered,
        RefusalKind::NoCeremony => words.no_ceremony,
        RefusalKind::MfaRequired => words.mfa_required,
        RefusalKind::TooManyDevices => words.too_many_devices,
        RefusalKind::Unproved(_) => words.unproved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_this_version_has_words() {
        for known in Action::ALL {
            for language in Language::ALL {
                let told = action(language, known);
                assert!(told != known.name(), "{known} has no words in {language:?}");
            }
        }
        assert_eq!(action(Language::German, &Action::Other("x.y".to_owned())), "x.y");
    }

    #[test]
    fn a_detail_that_is_no_refusal_is_not_told() {
        let refused = EventReason::Refused(RefusalKind::NoMatch);
        assert_eq!(reason(Language::English, &refused), Some("wrong code"));
        assert_eq!(reason(Language::English, &EventReason::Other("+3 s".to_owned())), None);
    }
}
