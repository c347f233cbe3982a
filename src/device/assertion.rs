//! Judgement of a security key's assertion that the relying party has verified.

use crate::device::{Budget, Device, Factor, Judged, Refusal, Verdict};
use crate::time::UnixTime;
use crate::webauthn::Assertion;

impl Device {
    /// Judges a verified assertion; call `admit` first.
    ///
    /// The sign count must grow, unless the key keeps none and always reports 0 (WebAuthn L3 §7.2
    /// step 22). If it does not grow, a device-bound credential is refused, but not disabled: a
    /// copied key could otherwise lock its owner out. A credential that may be backed up has
    /// several devices with separate counts: it is accepted, and
    /// [`sign_count_fell`](Device::sign_count_fell) reports it. The reported count is stored (step
    /// 24).
    pub fn assert(&self, assertion: &Assertion, now: UnixTime) -> Judged {
        let mut device = self.clone();
        let verdict = match &mut device.factor {
            Factor::SecurityKey(key) if key.credential.id != assertion.credential_id => {
                Verdict::Refused(Refusal::KeyNotRegistered)
            }
            Factor::SecurityKey(key)
                if key.credential.backup_eligible
                    || grows(key.credential.sign_count, assertion.sign_count) =>
            {
                key.credential.sign_count = assertion.sign_count;
                key.credential.backed_up = assertion.backed_up;
                Verdict::Accepted
            }
            Factor::SecurityKey(_) => Verdict::Refused(Refusal::SignCount),
            Factor::Totp(_) | Factor::Hotp(_) | Factor::Recovery(_) => {
                Verdict::Refused(Refusal::KeyNotRegistered)
            }
        };
        match verdict {
            Verdict::Accepted => device.concluded(verdict, Budget::Own, now),
            // Failures of keys are not counted: guessing a signature is hopeless.
            Verdict::Refused(_) => Judged { device, verdict, reading: None },
        }
    }

    /// True if the sign count should have grown and did not: a signal, not a proof.
    pub fn sign_count_fell(&self, assertion: &Assertion) -> bool {
        self.credential()
            .is_some_and(|credential| !grows(credential.sign_count, assertion.sign_count))
    }
}

fn grows(seen: u32, shown: u32) -> bool {
    shown > seen || (shown, seen) == (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceState, KeyState, Leads, RecoveryState};
    use crate::webauthn::{Attestation, Credential, CredentialId};

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn key(sign_count: u32) -> Device {
        of(sign_count, false)
    }

    fn of(sign_count: u32, backup_eligible: bool) -> Device {
        let credential = Credential {
            id: CredentialId::new(vec![1; 16]).unwrap(),
            public_key: vec![],
            user_handle: vec![],
            sign_count,
            user_verified: false,
            backup_eligible,
            backed_up: false,
            aaguid: None,
            transports: vec![],
            attestation: Attestation::None,
            attestation_format: "none".to_owned(),
            by_app_id: false,
            discoverable: None,
        };
        let (serial, account) = ("key-00000001".parse().unwrap(), "alice".parse().unwrap());
        Device::new(serial, account, None, Factor::SecurityKey(KeyState { credential }), NOW)
    }

    fn assertion(sign_count: u32) -> Assertion {
        Assertion {
            credential_id: CredentialId::new(vec![1; 16]).unwrap(),
            sign_count,
            user_verified: true,
            backed_up: true,
        }
    }

    #[test]
    fn a_sign_count_grows_or_is_always_zero() {
        let later = NOW.plus(std::time::Duration::from_secs(60));
        for (seen, shown, grew) in [
            (0, 0, true),
            (0, 1, true),
            (7, 8, true),
            (7, u32::MAX, true),
            (7, 7, false),
            (7, 6, false),
            (7, 0, false),
            (u32::MAX, 0, false),
        ] {
            let before = key(seen);
            let Judged { device, verdict, .. } = before.assert(&assertion(shown), later);
            if grew {
                let is = device.credential().unwrap();
                assert_eq!(
                    (verdict, is.sign_count, is.backed_up, is.user_verified),
                    (Verdict::Accepted, shown, true, false),
                    "{seen} {shown}"
                );
                assert_eq!(device.last_used_at, Some(later));
            } else {
                assert_eq!(
                    (verdict, device),
                    (Verdict::Refused(Refusal::SignCount), before),
                    "{seen} {shown}: it changes nothing"
                );
            }
        }
    }

    #[test]
    fn a_falling_sign_count_of_a_synced_credential_is_a_signal() {
        for (seen, shown, fell) in [
            (0, 0, false),
            (7, 8, false),
            (7, 7, true),
            (7, 6, true),
            (7, 0, true),
            (u32::MAX, 1, true),
        ] {
            let (before, assertion) = (of(seen, true), assertion(shown));
            let Judged { device, verdict, .. } = before.assert(&assertion, NOW);
            let is = device.credential().unwrap().sign_count;
            assert_eq!(
                (verdict, is, before.sign_count_fell(&assertion)),
                (Verdict::Accepted, shown, fell),
                "{seen} {shown}"
            );
        }
    }

    #[test]
    fn an_assertion_is_of_its_own_key() {
        let other =
            Assertion { credential_id: CredentialId::new(vec![2; 16]).unwrap(), ..assertion(9) };
        assert_eq!(key(0).assert(&other, NOW).verdict, Verdict::Refused(Refusal::KeyNotRegistered));
        let sheet = Device { factor: Factor::Recovery(RecoveryState::default()), ..key(0) };
        assert_eq!(
            sheet.assert(&assertion(9), NOW).verdict,
            Verdict::Refused(Refusal::KeyNotRegistered)
        );
    }

    #[test]
    fn a_registered_key_is_active_and_a_returning_one_counts_on() {
        let device = key(3);
        assert_eq!(
            (device.state, device.activated_at, device.admit(Budget::Shared, NOW)),
            (DeviceState::Active, Some(NOW), Ok(()))
        );
        let removed = key(9).tombstone(NOW);
        assert_eq!(key(3).above(&removed, true).credential().unwrap().sign_count, 9);
        assert_eq!(key(3).above(&removed, false).credential().unwrap().sign_count, 3);
        let restored = device.restored(NOW, Leads::Unknown);
        assert_eq!((&restored.factor, restored.revoked_before), (&device.factor, Some(NOW)));
    }
}
