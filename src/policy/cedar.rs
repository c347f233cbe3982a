//! Session contexts as contexts of Cedar (<https://www.cedarpolicy.com>), for policies written in
//! its language.
//!
//! An absent attribute is missing from Cedar's context. Validate policies against [`SCHEMA`] in
//! strict mode: Cedar skips a `forbid` that reads a missing attribute, and the validator refuses
//! it.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema,
};
use serde_json::{Map, Value, json};

use crate::policy::Presented;
use crate::policy::attributes::Attributes;
use crate::session::{Amr, MfaKind};
use crate::time::UnixTime;

/// `Twostep::Context` in Cedar's schema language, to be combined with the schema of your service.
pub const SCHEMA: &str = include_str!("twostep.cedarschema");

/// The request to decide, in entities of the calling service.
#[derive(Clone, Debug)]
pub struct Question {
    /// Subject of the request.
    pub principal: EntityUid,
    /// Requested action.
    pub action: EntityUid,
    /// Object of the action.
    pub resource: EntityUid,
}

/// The policies of the calling service, and the entities that they are about.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The policies.
    pub policies: &'a PolicySet,
    /// The entities.
    pub entities: &'a Entities,
    /// The schema, which the question and the context must fit.
    pub schema: Option<&'a Schema>,
}

/// The request does not fit the schema: a fault of the calling program.
#[derive(Debug, thiserror::Error)]
#[error("Cedar does not take the request: {0}")]
pub struct BadRequest(String);

/// Converts a presented context for Cedar. An expired context, or one dated in the future, has no
/// attributes.
///
/// # Errors
/// [`BadRequest`] if Cedar rejects the context, which its attributes alone never cause.
pub fn context<'a>(
    presented: impl Into<Presented<'a>>,
    now: UnixTime,
) -> Result<Context, BadRequest> {
    let attributes = Attributes::of(presented.into(), now);
    Context::from_json_value(Value::Object(members(&attributes)), None)
        .map_err(|error| BadRequest(error.to_string()))
}

/// Decides by the policies of the calling service. With a schema, the question and the context must
/// fit it.
///
/// A policy that cannot be evaluated refuses the request: Cedar skips such a policy, even a
/// `forbid`.
///
/// # Errors
/// [`BadRequest`] if the question does not fit the schema.
pub fn is_allowed<'a>(
    presented: impl Into<Presented<'a>>,
    now: UnixTime,
    question: Question,
    rules: &Rules<'_>,
) -> Result<bool, BadRequest> {
    let Question { principal, action, resource } = question;
    let request = Request::new(principal, action, resource, context(presented, now)?, rules.schema);
    let request = request.map_err(|error| BadRequest(error.to_string()))?;
    let response = Authorizer::new().is_authorized(&request, rules.policies, rules.entities);
    Ok(response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none())
}

fn members(attributes: &Attributes<'_>) -> Map<String, Value> {
    let amr = attributes
        .amr
        .map(|amr| amr.iter().map(|method| method.name()).collect::<Vec<_>>());
    let members = [
        ("mfa_present", attributes.present.map(Value::from)),
        // Cedar's numbers are signed. An age beyond their range exceeds every limit.
        (
            "mfa_age_seconds",
            attributes
                .age
                .map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX).into()),
        ),
        ("serial", attributes.serial.map(Value::from)),
        ("kind", attributes.kind.map(|kind| kind.name().into())),
        ("amr", amr.map(|amr| json!(amr))),
        ("user_verified", attributes.user_verified.map(Value::from)),
        ("phishing_resistant", attributes.kind.map(|kind| (kind == MfaKind::SecurityKey).into())),
        ("hardware_bound", attributes.amr.map(|amr| amr.contains(&Amr::Hwk).into())),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use cedar_policy::{SchemaFragment, ValidationMode, Validator};

    use super::*;
    use crate::policy::sample::{NOW, context as mfa, key_context, without_mfa};

    const OWN: &str = "entity User; entity Page; \
        action view appliesTo { principal: User, resource: Page, context: Twostep::Context };";

    /// The five AWS statements, as policies that pass the validator.
    #[test]
    fn the_statements_of_aws_have_their_truth_tables() {
        let everyone = "permit(principal, action, resource);";
        for (statement, text, table) in [
            (
                "Deny + Bool false",
                format!(
                    "{everyone} forbid(principal, action, resource) \
                     when {{ context has mfa_present && !context.mfa_present }};"
                ),
                [true, false, true],
            ),
            (
                "Deny + BoolIfExists false",
                format!(
                    "{everyone} forbid(principal, action, resource) \
                     unless {{ context has mfa_present && context.mfa_present }};"
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
    fn the_validator_refuses_unguarded_reads_of_optional_attributes() {
        let forbid = "permit(principal, action, resource); \
            forbid(principal, action, resource) when { context.mfa_present == false };";
        assert!(!passes(forbid));
        assert!(!passes(&permit("context.mfa_age_seconds <= 900")));
        assert!(!passes(&permit("context has mfa_present && context.mfa_age_seconds <= 900")));
        // Unvalidated policies are refused here; Cedar itself would skip the `forbid` and allow.
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
        let (policies, schema) = (policies.parse().unwrap(), schema());
        let rules =
            Rules { policies: &policies, entities: &Entities::empty(), schema: Some(&schema) };
        is_allowed(presented, now, question, &rules).unwrap()
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
