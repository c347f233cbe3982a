//! Simulation: the decision of a policy about a hypothetical context. Uses the code that enforces,
//! and has no effect.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::policy::attributes::{Attributes, out_of_time};
use crate::policy::{Decision, Policy};
use crate::session::{Amr, MfaKind};
use crate::time::UnixTime;

/// A context in the agent's `Context` format, any part of which may be missing. Missing parts are
/// absent to conditions, and named by [`Decision::missing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypotheticalContext {
    pub(super) present: Option<bool>,
    pub(super) mfa_time: Option<UnixTime>,
    pub(super) age: Option<Duration>,
    pub(super) kind: Option<MfaKind>,
    pub(super) amr: Option<Vec<Amr>>,
    pub(super) user_verified: Option<bool>,
    pub(super) serial: Option<String>,
    pub(super) issued_at: Option<UnixTime>,
    pub(super) expires_at: Option<UnixTime>,
}

impl HypotheticalContext {
    /// Reads a JSON document in the format of `Context`.
    ///
    /// # Errors
    /// A sentence, if the document has another format or contradicts itself.
    pub fn from_json(text: &str) -> Result<HypotheticalContext, String> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| format!("this describes no context: {error}"))?;
        document.into_context()
    }
}

impl Policy {
    /// The decision of [`Policy::decide`] about such a context at `now`.
    pub fn simulate(&self, context: &HypotheticalContext, now: UnixTime) -> Decision {
        self.judge(&context.attributes(now))
    }
}

impl HypotheticalContext {
    fn attributes(&self, now: UnixTime) -> Attributes<'_> {
        if let Some(why) = out_of_time(self.issued_at, self.expires_at, now) {
            return Attributes { unusable: Some(why), ..Attributes::default() };
        }
        Attributes {
            unusable: None,
            present: self.present,
            age: self.mfa_time.map(|time| now.since(time)).or(self.age),
            kind: self.kind,
            amr: self.amr.as_deref(),
            user_verified: self.user_verified,
            serial: self.serial.as_deref(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, deserialize_with = "there")]
    mfa_present: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    mfa_time: Option<String>,
    #[serde(default, deserialize_with = "there")]
    mfa_age_seconds: Option<u64>,
    #[serde(default, deserialize_with = "there")]
    serial: Option<String>,
    #[serde(default, deserialize_with = "there")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "there")]
    amr: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    user_verified: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    phishing_resistant: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    hardware_bound: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    issued_at: Option<String>,
    #[serde(default, deserialize_with = "there")]
    expires_at: Option<String>,
    #[serde(default, rename = "account", deserialize_with = "there")]
    _account: Option<String>,
    #[serde(default, rename = "session_id", deserialize_with = "there")]
    _session_id: Option<String>,
    #[serde(default, rename = "audience", deserialize_with = "there")]
    _audience: Option<String>,
}

impl Document {
    fn into_context(self) -> Result<HypotheticalContext, String> {
        let proof = self.mfa_time.is_some()
            || self.mfa_age_seconds.is_some()
            || self.serial.is_some()
            || self.kind.is_some();
        let said = proof || self.amr.is_some() || self.user_verified.is_some();
        if said && self.mfa_present != Some(true) {
            return Err("only a context with mfa_present = true says how MFA was proved".to_owned());
        }
        let kind = self
            .kind
            .map(|name| name.parse::<MfaKind>().map_err(|_| format!("kind: {name} is not known")))
            .transpose()?;
        let methods = |names: Vec<String>| {
            names
                .iter()
                .map(|name| Amr::named(name).ok_or(format!("amr: {name} is not known")))
                .collect()
        };
        let amr: Option<Vec<Amr>> = self.amr.map(methods).transpose()?;
        follows(
            "phishing_resistant",
            self.phishing_resistant,
            "kind",
            kind.map(|kind| kind == MfaKind::SecurityKey),
        )?;
        follows(
            "hardware_bound",
            self.hardware_bound,
            "amr",
            amr.as_ref().map(|amr| amr.contains(&Amr::Hwk)),
        )?;
        Ok(HypotheticalContext {
            present: self.mfa_present,
            mfa_time: time("mfa_time", self.mfa_time)?,
            age: self.mfa_age_seconds.map(Duration::from_secs),
            kind,
            amr,
            user_verified: self.user_verified,
            serial: self.serial,
            issued_at: time("issued_at", self.issued_at)?,
            expires_at: time("expires_at", self.expires_at)?,
        })
    }
}

/// Compares a derived member with the one it derives from.
fn follows(member: &str, said: Option<bool>, from: &str, is: Option<bool>) -> Result<(), String> {
    if said.is_some() && said != is {
        Err(format!("{member} follows from {from}, which says otherwise, or nothing"))
    } else {
        Ok(())
    }
}

fn time(member: &str, text: Option<String>) -> Result<Option<UnixTime>, String> {
    text.map(|text| text.parse().map_err(|error| format!("{member}: {error}")))
        .transpose()
}

/// Absent is `None`. A present member must have its type, so `null` is refused.
fn there<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::condition::Condition;
    use crate::policy::lint;
    use crate::policy::sample::{NOW, context, without_mfa};
    use crate::session::{AnyContext, SessionContext};

    #[test]
    fn contradictory_documents_are_refused() {
        for (document, said) in [
            (json!({"mfa_present": "true"}), "expected a boolean"),
            (json!({"mfa_present": null}), "expected a boolean"),
            (json!({"present": true}), "unknown field"),
            (
                json!({"mfa_present": false, "kind": "totp"}),
                "only a context with mfa_present = true",
            ),
            (json!({"user_verified": true}), "only a context with mfa_present = true"),
            (
                json!({"mfa_present": true, "kind": "totp", "phishing_resistant": true}),
                "follows from kind",
            ),
            (json!({"mfa_present": true, "hardware_bound": true}), "follows from amr"),
            (json!({"mfa_present": true, "mfa_time": "yesterday"}), "mfa_time: a time is written"),
            (json!({"mfa_present": true, "kind": "sms"}), "sms is not known"),
        ] {
            let error = HypotheticalContext::from_json(&document.to_string()).unwrap_err();
            assert!(error.contains(said), "{document}: {error}");
        }
        assert!(
            HypotheticalContext::from_json(r#"{"mfa_present":true,"mfa_present":false}"#).is_err()
        );
    }

    #[test]
    fn missing_attributes_are_absent_and_named() {
        let policy = Policy::max_age(Duration::from_secs(900)).phishing_resistant();
        let supposed =
            HypotheticalContext::from_json(r#"{"mfa_present":true,"kind":"security_key"}"#)
                .unwrap();
        let decision = policy.simulate(&supposed, NOW);
        assert!(!decision.is_allowed());
        assert_eq!(decision.missing(), ["mfa_time"]);
        assert_eq!(decision.reason().to_string(), "the context does not say mfa_time");
        let nothing = policy.simulate(&HypotheticalContext::default(), NOW);
        assert_eq!(nothing.missing(), ["kind", "mfa_time"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2_000)
        })]

        /// A context and its description by `twostep session show --json` lead to the same
        /// decision.
        #[test]
        fn a_simulation_decides_what_is_enforced(
            policy in policies(),
            context in contexts(),
            later in 0_u64..4_000,
        ) {
            let now = NOW.plus(Duration::from_secs(later));
            let document = described(context.as_ref()).to_string();
            let hypothetical = HypotheticalContext::from_json(&document).unwrap();
            let simulated = policy.simulate(&hypothetical, now);
            let enforced = policy.decide(context.as_ref(), now);
            prop_assert_eq!(format!("{simulated:?}"), format!("{enforced:?}"));
        }

        /// A linted policy allows requests without MFA only by a named exception.
        #[test]
        fn a_linted_policy_has_no_unnamed_exception(
            policy in policies(),
            context in contexts(),
        ) {
            let allowed = policy.decide(context.as_ref(), NOW).is_allowed();
            match context {
                None => prop_assert!(!allowed || policy.allow_absent),
                Some(AnyContext::WithoutMfa(_)) => {
                    prop_assert!(!allowed || policy.allow_without_mfa);
                }
                // No context meets a policy of which the linter says so.
                Some(AnyContext::Mfa(_)) => {
                    let never = |message: &String| message.contains("ever meet");
                    prop_assert!(!allowed || !lint::policy(&policy).iter().any(never));
                }
            }
        }

        /// The linter's enumeration misses no context.
        #[test]
        fn the_linter_reports_only_conditions_that_never_hold(
            policy in policies(),
            context in contexts(),
        ) {
            let never = lint::condition(&policy.condition)
                .is_some_and(|message| message.contains("can never hold"));
            prop_assert!(!never || !policy.decide(context.as_ref(), NOW).is_allowed());
        }
    }

    fn policies() -> impl Strategy<Value = Policy> {
        let leaf = prop_oneof![
            Just(Condition::Known),
            Just(Condition::Present),
            (0_u64..4_000).prop_map(|limit| Condition::MaxAge(Duration::from_secs(limit))),
            Just(Condition::PhishingResistant),
            Just(Condition::HardwareBound),
            Just(Condition::UserVerified),
            prop::sample::subsequence(METHODS.to_vec(), 0..3).prop_map(Condition::Amr),
            prop::sample::subsequence(KINDS.to_vec(), 0..3).prop_map(Condition::Kinds),
            prop::sample::subsequence(SERIALS.to_vec(), 0..3).prop_map(|serials| {
                Condition::Serials(
                    serials.iter().map(|serial| serial.parse().unwrap()).collect::<BTreeSet<_>>(),
                )
            }),
        ];
        let tree = leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::All),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::Any),
                inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
                inner.prop_map(|inner| Condition::IfExists(Box::new(inner))),
            ]
        });
        (tree, any::<bool>(), any::<bool>()).prop_map(
            |(condition, allow_without_mfa, allow_absent)| Policy {
                condition,
                allow_without_mfa,
                allow_absent,
            },
        )
    }

    /// No context, one without MFA, or one that some device can produce.
    fn contexts() -> impl Strategy<Value = Option<AnyContext>> {
        let coded = (0_u64..4_000, 0_usize..4, any::<bool>(), 0_usize..3).prop_map(
            |(age, kind, hardware, serial)| {
                let kind = [MfaKind::Totp, MfaKind::Hotp, MfaKind::Recovery, MfaKind::Bypass][kind];
                let hardware = hardware && matches!(kind, MfaKind::Totp | MfaKind::Hotp);
                let amr = if hardware { vec![Amr::Otp, Amr::Hwk] } else { vec![Amr::Otp] };
                SessionContext {
                    kind,
                    amr,
                    serial: SERIALS[serial].parse().unwrap(),
                    ..context(age)
                }
            },
        );
        let keyed = (0_u64..4_000, any::<bool>(), any::<bool>(), 0_usize..3).prop_map(
            |(age, hardware, user_verified, serial)| {
                let mut amr = vec![if hardware { Amr::Hwk } else { Amr::Pop }, Amr::User];
                amr.extend(user_verified.then_some(Amr::Mfa));
                let serial = SERIALS[serial].parse().unwrap();
                SessionContext {
                    kind: MfaKind::SecurityKey,
                    amr,
                    user_verified,
                    device_generation: 0,
                    serial,
                    ..context(age)
                }
            },
        );
        prop_oneof![
            1 => Just(None),
            1 => Just(Some(AnyContext::WithoutMfa(without_mfa()))),
            4 => coded.prop_map(|context| Some(AnyContext::Mfa(context))),
            4 => keyed.prop_map(|context| Some(AnyContext::Mfa(context))),
        ]
    }

    /// The agent's description of a context.
    fn described(context: Option<&AnyContext>) -> Value {
        let Some(context) = context else { return json!({}) };
        let common = match context {
            AnyContext::Mfa(context) => context.common(),
            AnyContext::WithoutMfa(context) => context.common(),
        };
        let mut document = json!({
            "account": common.account,
            "mfa_present": false,
            "session_id": common.session_id,
            "audience": common.audience,
            "issued_at": common.issued_at.to_string(),
            "expires_at": common.expires_at.to_string(),
        });
        if let AnyContext::Mfa(context) = context {
            let proof = json!({
                "mfa_present": true,
                "mfa_time": context.mfa_time().to_string(),
                "mfa_age_seconds": 0,
                "serial": context.serial(),
                "kind": context.kind().name(),
                "user_verified": context.user_verified(),
                "amr": context.amr().iter().map(|amr| amr.name()).collect::<Vec<_>>(),
                "phishing_resistant": context.phishing_resistant(),
                "hardware_bound": context.hardware_bound(),
            });
            document.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
        }
        document
    }

    const METHODS: [Amr; 4] = [Amr::Otp, Amr::Hwk, Amr::User, Amr::Mfa];
    const KINDS: [MfaKind; 3] = [MfaKind::Totp, MfaKind::SecurityKey, MfaKind::Recovery];
    const SERIALS: [&str; 3] = ["AAAAAAAAA", "BBBBBBBBB", "CCCCCCCCC"];
}
