//! Contexts for Cedar (<https://www.cedarpolicy.com>), for those whose policies are written in it.
//!
//! What a session context does not say is no attribute of Cedar's context. Validate policies with
//! [`SCHEMA`], strictly: Cedar skips a `forbid` that reads an attribute that is not there, and the
//! validator refuses it.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema,
};
use serde_json::{Map, Value, json};

use crate::policy::Presented;
use crate::policy::facts::Facts;
use crate::session::{Amr, MfaKind};
use crate::time::UnixTime;

/// `Twostep::Context` in Cedar's schema language, to be put together with a schema of one's own.
pub const SCHEMA: &str = include_str!("twostep.cedarschema");

/// Who wants to do what, in the caller's own entities.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub principal: EntityUid,
    /// What.
    pub action: EntityUid,
    /// To what.
    pub resource: EntityUid,
}

/// The request does not fit the schema. Whoever wrote the program must act.
#[derive(Debug, thiserror::Error)]
#[error("Cedar does not take the request: {0}")]
pub struct BadRequest(String);

/// What was presented, as Cedar's context. A context that is over at `now`, or dated in the future,
/// says nothing.
///
/// # Errors
/// When Cedar takes no such context; the attributes alone are no reason.
pub fn context<'a>(
    presented: impl Into<Presented<'a>>,
    now: UnixTime,
) -> Result<Context, BadRequest> {
    let facts = Facts::of(presented.into(), now);
    Context::from_json_value(Value::Object(attributes(&facts)), None)
        .map_err(|error| BadRequest(error.to_string()))
}

/// Whether the caller's policies allow it. With a schema, the question and the context have to fit
/// it.
///
/// It is refused when a policy cannot be evaluated: Cedar skips such a one, though it may be a
/// `forbid`.
///
/// # Errors
/// [`BadRequest`], when the question does not fit the schema.
pub fn is_allowed<'a>(
    presented: impl Into<Presented<'a>>,
    now: UnixTime,
    question: Question,
    policies: &PolicySet,
    entities: &Entities,
    schema: Option<&Schema>,
) -> Result<bool, BadRequest> {
    let Question { principal, action, resource } = question;
    let request = Request::new(principal, action, resource, context(presented, now)?, schema);
    let request = request.map_err(|error| BadRequest(error.to_string()))?;
    let response = Authorizer::new().is_authorized(&request, policies, entities);
    Ok(response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none())
}

fn attributes(facts: &Facts<'_>) -> Map<String, Value> {
    let amr = facts.amr.map(|amr| amr.iter().map(|method| method.name()).collect::<Vec<_>>());
    let attributes = [
        ("mfa_present", facts.present.map(Value::from)),
        // Cedar's numbers are signed; an age that is too great for them is no age that a policy
        // allows.
        (
            "mfa_age_seconds",
            facts.age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX).into()),
        ),
        ("serial", facts.serial.map(Value::from)),
        ("kind", facts.kind.map(|kind| kind.name().into())),
        ("amr", amr.map(|amr| json!(amr))),
        ("user_verified", facts.user_verified.map(Value::from)),
        ("phishing_resistant", facts.kind.map(|kind| (kind == MfaKind::SecurityKey).into())),
        ("hardware_bound", facts.amr.map(|amr| amr.contains(&Amr::Hwk).into())),
    ];
    attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use cedar_policy::{SchemaFragment, ValidationMode, Validator};

    use super::*;
    use crate::policy::sample::{NOW, context as mfa, key_context, without_mfa};

    const OWN: &str = "entity User; entity Page; action view appliesTo { principal: User, resource: Page, context: Twostep::Context };";

    /// The five statements of AWS, as policies that the validator passes.
    #[test]
    fn the_statements_of_aws_have_their_truth_tables() {
        let everybody = "permit(principal, action, resource);";
        for (statement, text, table) in [
            (
                "Deny + Bool false",
                format!(
                    "{everybody} forbid(principal, action, resource) when {{ context has mfa_present && !context.mfa_present }};"
                ),
                [true, false, true],
            ),
            (
                "Deny + BoolIfExists false",
                format!(
                    "{everybody} forbid(principal, action, resource) unless {{ context has mfa_present && context.mfa_present }};"
                ),
                [false, false, true],
            ),
            (
                "Allow + BoolIfExists true",
                permit("if context has mfa_present then context.mfa_present else true"),
                [true, false, true],
            ),
            (
                "Allow + Bool true",
                permit("context has mfa_present && context.mfa_present"),
                [false, false, true],
            ),
            ("Allow + Null false", permit("context has mfa_present"), [false, true, true]),
        ] {
            assert!(passes(&text), "{statement}");
            let (absent, without, with) = (Presented::Absent, without_mfa(), mfa(60));
            let decided = [absent, (&without).into(), (&with).into()]
                .map(|presented| decided(presented, &text));
            assert_eq!(decided, table, "{statement}");
        }
    }

    #[test]
    fn the_validator_refuses_what_reads_an_attribute_that_may_be_absent() {
        let forbid = "permit(principal, action, resource); forbid(principal, action, resource) when { context.mfa_present == false };";
        assert!(!passes(forbid));
        assert!(!passes(&permit("context.mfa_age_seconds <= 900")));
        assert!(!passes(&permit("context has mfa_present && context.mfa_age_seconds <= 900")));
        // Who does not validate is refused, where Cedar itself would skip the `forbid` and allow.
        assert!(!decided(Presented::Absent, forbid));
    }

    #[test]
    fn conditions_are_those_of_the_session_context() {
        let fresh = permit("context has mfa_age_seconds && context.mfa_age_seconds <= 900");
        for (age, allowed) in [(899, true), (900, true), (901, false)] {
            assert_eq!(decided((&mfa(age)).into(), &fresh), allowed, "{age}");
        }
        let over = mfa(900).common.expires_at;
        assert!(!allowed((&mfa(0)).into(), over, &permit("context has mfa_present")));
        for (condition, [code, key]) in [
            ("context has kind && context.kind == \"totp\"", [true, false]),
            ("context has phishing_resistant && context.phishing_resistant", [false, true]),
            ("context has hardware_bound && context.hardware_bound", [false, true]),
            ("context has amr && context.amr.contains(\"otp\")", [true, false]),
            ("context has serial && context.serial like \"KEY-*\"", [false, true]),
            ("context has user_verified && context.user_verified", [false, false]),
        ] {
            let text = permit(condition);
            assert!(passes(&text), "{condition}");
            assert_eq!(
                [decided((&mfa(1)).into(), &text), decided((&key_context(1, true)).into(), &text)],
                [code, key],
                "{condition}"
            );
        }
    }

    fn permit(condition: &str) -> String {
        format!("permit(principal, action, resource) when {{ {condition} }};")
    }

    fn decided(presented: Presented<'_>, policies: &str) -> bool {
        allowed(presented, NOW, policies)
    }

    fn allowed(presented: Presented<'_>, now: UnixTime, policies: &str) -> bool {
        let question = Question {
            principal: "User::\"alice\"".parse().unwrap(),
            action: "Action::\"view\"".parse().unwrap(),
            resource: "Page::\"front\"".parse().unwrap(),
        };
        is_allowed(
            presented,
            now,
            question,
            &policies.parse().unwrap(),
            &Entities::empty(),
            Some(&schema()),
        )
        .unwrap()
    }

    fn passes(policies: &str) -> bool {
        Validator::new(schema())
            .validate(&policies.parse().unwrap(), ValidationMode::Strict)
            .validation_passed()
    }

    fn schema() -> Schema {
        let fragment = |text| SchemaFragment::from_cedarschema_str(text).unwrap().0;
        Schema::from_schema_fragments([fragment(SCHEMA), fragment(OWN)]).unwrap()
    }
}
