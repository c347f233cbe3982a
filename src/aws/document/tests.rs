//! Decisions of whole documents.

use crate::aws::document::*;

use super::sample::{USER, asked, facts};

const YES: bool = true;
const NO: bool = false;

fn identity(statements: &str) -> IdentityPolicy {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    IdentityPolicy::parse(&text, Holder::User).unwrap()
}

fn statement(effect: &str, rest: &str) -> String {
    format!(r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*"{rest}}}"#)
}

fn condition(effect: &str, condition: &str) -> String {
    statement(effect, &format!(r#", "Condition": {{{condition}}}"#))
}

fn session(statements: &str) -> SessionPolicy {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    SessionPolicy::parse(&text).unwrap()
}

fn get() -> Asked {
    asked("s3:GetObject", "arn:aws:s3:::b/o")
}

fn decide(policies: &[&IdentityPolicy], facts: &Facts) -> String {
    let policies = Policies { identity: policies, session: None };
    name(&policies.decide(&get(), &Context::of(facts))).to_owned()
}

fn name(decision: &Decision<'_>) -> &'static str {
    match decision {
        Decision::Allowed(_) => "allowed",
        Decision::ExplicitDeny(_) => "denied",
        Decision::ImplicitDeny(Lacking::Identity) => "lacking identity",
        Decision::ImplicitDeny(Lacking::Session) => "lacking session",
        Decision::ImplicitDeny(Lacking::Trust) => "lacking trust",
    }
}

/// Statements on `aws:MultiFactorAuthPresent` for a long-term key, a session without MFA and one
/// with MFA (IAM User Guide, global condition keys).
#[test]
fn the_statements_on_mfa_have_their_truth_tables() {
    let present = |operator: &str, value: &str| {
        format!(r#""{operator}": {{"aws:MultiFactorAuthPresent": "{value}"}}"#)
    };
    for (effect, operator, value, table) in [
        ("Deny", "Bool", "false", [NO, YES, NO]),
        ("Deny", "BoolIfExists", "false", [YES, YES, NO]),
        ("Allow", "BoolIfExists", "true", [YES, NO, YES]),
        ("Allow", "Bool", "true", [NO, NO, YES]),
        ("Allow", "Null", "false", [NO, YES, YES]),
    ] {
        let statements = match effect {
            "Deny" => {
                [statement("Allow", ""), condition(effect, &present(operator, value))].join(",")
            }
            _ => condition(effect, &present(operator, value)),
        };
        let policy = identity(&statements);
        let wanted = if effect == "Deny" { "denied" } else { "allowed" };
        let found = facts().map(|facts| decide(&[&policy], &facts) == wanted);
        assert_eq!(found, table, "{effect} {operator} {value}");
    }
}

#[test]
fn the_age_of_mfa_has_its_truth_table() {
    for (operator, limit, table) in [
        ("NumericLessThan", 60, [NO, NO, NO]),
        ("NumericLessThanEquals", 60, [NO, NO, YES]),
        ("NumericLessThanIfExists", 60, [YES, YES, NO]),
        ("NumericGreaterThanIfExists", 60, [YES, YES, NO]),
        ("NumericGreaterThanIfExists", 59, [YES, YES, YES]),
        ("NumericNotEquals", 60, [YES, YES, NO]),
    ] {
        let text = format!(r#""{operator}": {{"aws:MultiFactorAuthAge": {limit}}}"#);
        let policy = identity(&condition("Allow", &text));
        let found = facts().map(|facts| decide(&[&policy], &facts) == "allowed");
        assert_eq!(found, table, "{operator} {limit}");
    }
}

#[test]
fn a_deny_wins_wherever_it_stands() {
    let [allow, deny] = ["Allow", "Deny"].map(|effect| statement(effect, ""));
    let [facts, ..] = facts();
    let [allowing, both, denying] =
        [allow.clone(), format!("{allow},{deny}"), deny].map(|it| identity(&it));
    for (policies, wanted) in [
        (vec![], "lacking identity"),
        (vec![&allowing], "allowed"),
        (vec![&both], "denied"),
        (vec![&allowing, &denying], "denied"),
        (vec![&denying, &allowing], "denied"),
    ] {
        assert_eq!(decide(&policies, &facts), wanted, "{policies:?}");
    }
}

#[test]
fn a_session_policy_only_limits() {
    let [allow, deny] = ["Allow", "Deny"].map(|effect| statement(effect, ""));
    let other = r#"{"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"}"#;
    let (allowing, empty) = (identity(&allow), identity(other));
    let context = Context::of(&facts()[2]);
    for (policy, session, wanted) in [
        (&allowing, session(&allow), "allowed"),
        (&allowing, session(other), "lacking session"),
        (&allowing, session(&deny), "denied"),
        (&empty, session(&allow), "lacking identity"),
    ] {
        let policies = Policies { identity: &[policy], session: Some(&session) };
        assert_eq!(name(&policies.decide(&get(), &context)), wanted);
    }
}

/// Values that AWS leaves open.
#[test]
fn a_condition_that_cannot_be_judged_denies_and_never_allows() {
    let [facts, ..] = facts();
    let context = Context::of(&facts).with("s3:x", &["1", "2"]).unwrap();
    let context = context.with("s3:y", &["one"]).unwrap();
    let allow = statement("Allow", "");
    for text in [
        r#""StringEquals": {"s3:x": "1"}"#,
        r#""StringNotEquals": {"s3:x": "3"}"#,
        r#""NumericNotEquals": {"s3:y": "3"}"#,
    ] {
        let allowing = identity(&condition("Allow", text));
        let denying = identity(&format!("{allow},{}", condition("Deny", text)));
        for (policy, wanted) in [(&allowing, "lacking identity"), (&denying, "denied")] {
            let policies = Policies { identity: &[policy], session: None };
            assert_eq!(name(&policies.decide(&get(), &context)), wanted, "{text}");
        }
    }
}

#[test]
fn an_absent_variable_matches_no_resource() {
    let with = |effect: &str, element: &str| {
        let resource = r#""arn:aws:s3:::${aws:PrincipalTag/team}/*""#;
        format!(r#"{{"Effect": "{effect}", "Action": "*", "{element}": {resource}}}"#)
    };
    let allow = statement("Allow", "");
    for (statements, wanted) in [
        (with("Allow", "Resource"), "lacking identity"),
        (with("Allow", "NotResource"), "lacking identity"),
        (format!("{allow},{}", with("Deny", "Resource")), "allowed"),
        (format!("{allow},{}", with("Deny", "NotResource")), "denied"),
    ] {
        assert_eq!(decide(&[&identity(&statements)], &facts()[0]), wanted, "{statements}");
    }
}

fn user(arn: &str, id: &str) -> Caller {
    Caller::User { arn: arn.to_owned(), user_id: id.to_owned() }
}

fn callers() -> [Caller; 4] {
    let role = "arn:aws:iam::100000000000:role/r";
    [
        user(USER, "AIDAAAAAAAAAAAAAAAAA"),
        user("arn:aws:iam::200000000000:user/ann", "AIDABBBBBBBBBBBBBBBB"),
        Caller::RoleSession {
            arn: "arn:aws:sts::100000000000:assumed-role/r/s".to_owned(),
            role_arn: role.to_owned(),
            role_id: "AROAAAAAAAAAAAAAAAAA".to_owned(),
        },
        Caller::WebIdentity {
            provider_arn: "arn:aws:iam::100000000000:oidc-provider/id.example.com".to_owned(),
        },
    ]
}

fn trust(effect: &str, principal: &str) -> String {
    format!(r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": "sts:Assume*"}}"#)
}

/// Decisions for the four callers with these policies of their own.
fn assumed(trust: &str, own: Policies<'_>) -> [&'static str; 4] {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{trust}]}}"#);
    let trust = TrustPolicy::parse(&text).unwrap();
    let asked = asked("sts:AssumeRole", "arn:aws:iam::100000000000:role/target");
    let context = Context::of(&facts()[2]);
    callers().map(|caller| name(&trust.decide(&caller, own, &asked, &context)))
}

#[test]
fn a_trust_policy_names_callers() {
    const OWN: &str = "lacking identity";
    const NOT: &str = "lacking trust";
    const YES: &str = "allowed";
    let bare = Policies { identity: &[], session: None };
    for (principal, wanted) in [
        (r#""*""#, [OWN, OWN, OWN, OWN]),
        (r#"{"AWS": "*"}"#, [OWN, OWN, OWN, OWN]),
        (r#"{"AWS": "100000000000"}"#, [OWN, NOT, OWN, NOT]),
        (r#"{"AWS": "arn:aws:iam::100000000000:root"}"#, [OWN, NOT, OWN, NOT]),
        (r#"{"AWS": "arn:aws:iam::100000000000:user/ann"}"#, [YES, NOT, NOT, NOT]),
        (r#"{"AWS": "AIDAAAAAAAAAAAAAAAAA"}"#, [YES, NOT, NOT, NOT]),
        (r#"{"AWS": "AROAAAAAAAAAAAAAAAAA"}"#, [NOT, NOT, YES, NOT]),
        (r#"{"AWS": "arn:aws:iam::100000000000:role/r"}"#, [NOT, NOT, YES, NOT]),
        (r#"{"AWS": "arn:aws:sts::100000000000:assumed-role/r/s"}"#, [NOT, NOT, YES, NOT]),
        (r#"{"AWS": "arn:aws:sts::100000000000:assumed-role/r/t"}"#, [NOT, NOT, NOT, NOT]),
        (
            r#"{"Federated": "arn:aws:iam::100000000000:oidc-provider/id.example.com"}"#,
            [NOT, NOT, NOT, YES],
        ),
        (r#"{"Service": "ec2.amazonaws.com"}"#, [NOT, NOT, NOT, NOT]),
        (
            r#"{"AWS": ["100000000000", "arn:aws:iam::100000000000:user/ann"]}"#,
            [YES, NOT, OWN, NOT],
        ),
    ] {
        assert_eq!(assumed(&trust("Allow", principal), bare), wanted, "{principal}");
    }
}

#[test]
fn own_policies_complete_the_trust_of_an_account() {
    let [allow, deny] = ["Allow", "Deny"].map(|effect| identity(&statement(effect, "")));
    let limit = session(r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#);
    let account = trust("Allow", r#"{"AWS": "100000000000"}"#);
    let named = trust("Allow", r#"{"AWS": "arn:aws:iam::100000000000:user/ann"}"#);
    for (text, identity, session, wanted) in [
        (&account, &allow, None, "allowed"),
        (&account, &deny, None, "denied"),
        (&named, &deny, None, "denied"),
        (&account, &allow, Some(&limit), "lacking session"),
        (&named, &allow, Some(&limit), "lacking session"),
    ] {
        let [decision, ..] = assumed(text, Policies { identity: &[identity], session });
        assert_eq!(decision, wanted, "{text}");
    }
}

#[test]
fn a_trust_policy_denies_by_account_too() {
    let allow = identity(&statement("Allow", ""));
    let text = [
        trust("Allow", r#"{"AWS": "arn:aws:iam::100000000000:user/ann"}"#),
        trust("Deny", r#"{"AWS": "arn:aws:iam::100000000000:root"}"#),
    ]
    .join(",");
    let own = Policies { identity: &[&allow], session: None };
    assert_eq!(assumed(&text, own)[0], "denied");
}

#[test]
fn a_simulation_tells_lines_and_missing_keys() {
    let text = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Own", "Effect": "Allow", "Action": "s3:*",
     "Resource": "arn:aws:s3:::${aws:username}/*"},
    {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*",
     "Condition": {"NumericGreaterThan": {"aws:multifactorauthage": "900"},
                   "StringEquals": {"S3:Prefix": "${aws:PrincipalTag/team}"}}}
  ]
}"#;
    let policy = IdentityPolicy::parse(text, Holder::User).unwrap();
    let policies = Policies { identity: &[&policy], session: None };
    let context = HypotheticalContext::new().with("aws:username", &["b"]).unwrap();
    let simulation = policies.simulate(&get(), &context);
    assert_eq!(simulation.outcome, SimulatedOutcome::Allowed);
    let [matched] = &simulation.matched[..] else { panic!("{simulation:?}") };
    assert_eq!((matched.source, matched.sid), (Source::Identity(0), Some("Own")));
    assert_eq!(matched.start, Position { line: 4, column: 5 });
    assert_eq!(matched.end, Position { line: 5, column: 50 });
    let missing: Vec<_> = simulation.missing.iter().map(|key| key.as_str()).collect();
    assert_eq!(missing, ["aws:MultiFactorAuthAge", "aws:PrincipalTag/team", "S3:Prefix"]);
    assert_eq!(policies.context_keys().len(), 4);
}

/// 64 KiB of patterns on the longest resource: every text is read once by each pattern.
#[test]
fn hostile_documents_are_decided() {
    let stars = format!("arn:aws:s3:::{}b", "*a".repeat(300));
    let holes = format!("arn:aws:s3:::*{}b*", "a?".repeat(300));
    let listed = vec![format!("\"{stars}\",\"{holes}\""); 56].join(",");
    let text =
        format!(r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Resource": [{listed}]}}}}"#);
    assert!(text.len() > 64 << 10, "{}", text.len());
    let policy = IdentityPolicy::parse(&text, Holder::Operator).unwrap();
    let asked = asked("s3:GetObject", &format!("arn:aws:s3:::{}", "a".repeat(2_035)));
    let policies = Policies { identity: &[&policy], session: None };
    let decision = policies.decide(&asked, &Context::of(&facts()[0]));
    assert_eq!(decision, Decision::ImplicitDeny(Lacking::Identity));
}
