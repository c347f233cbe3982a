//! Generated documents and contexts, decided by the evaluation and by the oracle.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::aws::document::context::{Context, HypotheticalContext};
use crate::aws::document::decision::{Decision, Policies};
use crate::aws::document::kind::{Holder, IdentityPolicy, SessionPolicy};
use crate::aws::document::naive;
use crate::aws::document::sample::{asked, facts};
use crate::aws::document::simulate::{SimulatedOutcome, Simulation};
use crate::aws::document::statement::Asked;

/// Key, operators without qualifiers, operands, values in contexts.
type Subject = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static [&'static str]],
);

const SUBJECTS: &[Subject] = &[
    ("aws:MultiFactorAuthPresent", &["Bool"], &["true", "false"], &[&[], &["true"], &["false"]]),
    (
        "aws:MultiFactorAuthAge",
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        &["60", "900", "60.5"],
        &[&[], &["59"], &["60"], &["900"]],
    ),
    (
        "aws:username",
        &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        &["ann", "A*", "a?n", "${aws:PrincipalTag/team}", "${s3:prefix}", "${*}"],
        &[&[], &["ann"], &["ANN"], &["*"]],
    ),
    (
        "aws:SourceIp",
        &["IpAddress", "NotIpAddress"],
        &["10.0.0.0/8", "203.0.113.0/24"],
        &[&[], &["10.1.2.3"], &["203.0.113.9"]],
    ),
    (
        "aws:CurrentTime",
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        &["2026-11-22T00:00:00Z", "2027-01-01T00:00:00Z"],
        &[&[], &["2026-11-21T23:59:59Z"], &["2026-11-22T00:00:00Z"], &["2027-06-01T00:00:00Z"]],
    ),
    (
        "aws:PrincipalArn",
        &["ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"],
        &["*", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::?:role/*"],
        &[&[], &["arn:aws:iam::1:user/ann"], &["arn:aws:iam::1:role/r"]],
    ),
    (
        "s3:prefix",
        &["StringEquals", "StringNotLike", "NumericEquals", "NumericNotEquals"],
        &["7", "8"],
        &[&[], &["7"], &["a"], &["7", "8"], &["8", "a"]],
    ),
];

fn condition() -> impl Strategy<Value = (String, &'static str, Vec<&'static str>)> {
    let sets = select(&["", "", "ForAllValues:", "ForAnyValue:"][..]);
    let null = (select(SUBJECTS), select(&["true", "false"][..]))
        .prop_map(|((key, ..), operand)| ("Null".to_owned(), key, vec![operand]));
    let compared =
        (select(SUBJECTS), sets, any::<bool>()).prop_flat_map(|(subject, set, exists)| {
            let (key, operators, operands, _) = subject;
            (select(operators), vec(select(operands), 1..3)).prop_map(
                move |(operator, operands)| {
                    let suffix = if exists { "IfExists" } else { "" };
                    (format!("{set}{operator}{suffix}"), key, operands)
                },
            )
        });
    prop_oneof![1 => null, 5 => compared]
}

fn statement() -> impl Strategy<Value = Value> {
    let actions = vec(select(&["*", "s3:*", "s3:Get*", "S3:PUT?bject", "iam:*"][..]), 1..3);
    let resources = vec(
        select(
            &["*", "arn:aws:s3:::b/*", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::?/a"][..],
        ),
        1..3,
    );
    let effect = select(&["Allow", "Allow", "Deny"][..]);
    let inverse = (0_u8..8).prop_map(|dice| (dice == 0, dice == 1));
    (effect, actions, resources, inverse, vec(condition(), 0..3)).prop_map(
        |(effect, actions, resources, (not_action, not_resource), conditions)| {
            let mut statement = Map::new();
            let name = |not: bool, name: &str| format!("{}{name}", if not { "Not" } else { "" });
            statement.insert("Effect".to_owned(), json!(effect));
            statement.insert(name(not_action, "Action"), json!(actions));
            statement.insert(name(not_resource, "Resource"), json!(resources));
            let mut block: Map<String, Value> = Map::new();
            for (operator, key, operands) in conditions {
                let keys = block.entry(operator).or_insert_with(|| json!({}));
                keys[key] = json!(operands);
            }
            statement.insert("Condition".to_owned(), Value::Object(block));
            Value::Object(statement)
        },
    )
}

fn document() -> impl Strategy<Value = Value> {
    vec(statement(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn values() -> impl Strategy<Value = naive::Values> {
    let each: Vec<_> = SUBJECTS
        .iter()
        .map(|(key, _, _, values)| {
            select(*values).prop_map(move |values| {
                (*key, values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
            })
        })
        .collect();
    each.prop_map(|all| all.into_iter().collect())
}

fn question() -> impl Strategy<Value = Asked> {
    let resources =
        &["*", "arn:aws:s3:::b/a", "arn:aws:s3:::ann/a", "arn:aws:s3:::*/a", "arn:aws:s3:::c/d"];
    (select(&["s3:GetObject", "s3:PutObject", "iam:GetUser"][..]), select(&resources[..]))
        .prop_map(|(action, resource)| asked(action, resource))
}

fn read(documents: &[Value]) -> Vec<IdentityPolicy> {
    documents
        .iter()
        .map(|document| {
            IdentityPolicy::parse(&document.to_string(), Holder::Operator).expect("a document")
        })
        .collect()
}

fn name(simulation: &Simulation<'_>) -> &'static str {
    match simulation.outcome {
        SimulatedOutcome::Allowed => "allowed",
        SimulatedOutcome::ExplicitDeny => "explicitDeny",
        SimulatedOutcome::ImplicitDeny(_) => "implicitDeny",
    }
}

const PREFIXES: &[&[&str]] = &[&[], &["7"], &["7", "8"]];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_evaluation_decides_as_the_oracle(
        documents in vec(document(), 1..3),
        session in option::weighted(0.2, document()),
        asked in question(),
        values in values(),
    ) {
        let identity = read(&documents);
        let identity: Vec<_> = identity.iter().collect();
        let limit = session.as_ref().map(|it| SessionPolicy::parse(&it.to_string()).unwrap());
        let mut context = HypotheticalContext::new();
        for (key, values) in &values {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            context = context.with(key, &values).unwrap();
        }
        let simulation =
            Policies { identity: &identity, session: limit.as_ref() }.simulate(&asked, &context);
        let wanted = naive::decide(&documents, session.as_ref(), &asked, &values);
        prop_assert_eq!(name(&simulation), wanted, "{:?} {:?}", asked, values);
    }

    #[test]
    fn a_simulation_is_the_decision(
        documents in vec(document(), 1..3),
        asked in question(),
        signed_by in 0..3_usize,
        prefix in select(PREFIXES),
    ) {
        let identity = read(&documents);
        let identity: Vec<_> = identity.iter().collect();
        let policies = Policies { identity: &identity, session: None };
        let context = Context::of(&facts()[signed_by]).with("s3:prefix", prefix).unwrap();
        let simulation = policies.simulate(&asked, &context.clone().into());
        match policies.decide(&asked, &context) {
            Decision::Allowed(grounds) => {
                prop_assert_eq!(simulation.outcome, SimulatedOutcome::Allowed);
                prop_assert_eq!(&simulation.matched[..], grounds.statements());
            }
            Decision::ExplicitDeny(grounds) => {
                prop_assert_eq!(simulation.outcome, SimulatedOutcome::ExplicitDeny);
                prop_assert_eq!(&simulation.matched[..], grounds.statements());
            }
            Decision::ImplicitDeny(lacking) => {
                prop_assert_eq!(simulation.outcome, SimulatedOutcome::ImplicitDeny(lacking));
            }
        }
    }
}
