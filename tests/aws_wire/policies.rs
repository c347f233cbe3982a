//! Policies of users and their simulation, by AWS's own client.

use serde_json::{Value, json};
use test_support::people::enrol;

use super::boto::rooted;
use super::wire::{Key, refused};

/// A policy that lets its user list devices, and denies it without MFA.
const LIST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "List", "Effect": "Allow", "Action": "iam:List*", "Resource": "*"},
    {
      "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": "*",
      "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    }
  ]
}"#;

/// A policy that lets its user do everything with users and devices.
const OPEN: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}"#;

/// A policy that lets its user read and write its own objects.
const OWN: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*",
    "Resource": "arn:aws:s3:::${aws:username}/*"}}"#;

const BOB: &str = "arn:aws:iam::100000000000:user/bob";

fn named(name: &str) -> Value {
    json!({"UserName": "bob", "PolicyName": name})
}

fn put(name: &str, document: &str) -> Value {
    json!({"UserName": "bob", "PolicyName": name, "PolicyDocument": document})
}

#[test]
fn a_policy_of_a_user_decides_from_the_next_request_on() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    enrol(&wire.admin, "bob");
    let bob = Key::make(&wire.admin, json!({"account": "bob"}));
    let keys = json!({"UserName": "bob"});
    let mine = "Action=ListAccessKeys";
    refused(&wire.iam(&bob, mine), 403, "AccessDenied");
    boto.told(&root, "iam", "put_user_policy", &put("first", LIST));
    // A long-term key has no MFA that could be false: the condition with IfExists denies it.
    refused(&wire.iam(&bob, mine), 403, "AccessDenied");
    assert_eq!(
        boto.told(&bob, "iam", "list_user_policies", &keys)["PolicyNames"],
        json!(["first"])
    );
    boto.told(&root, "iam", "put_user_policy", &put("first", OPEN));
    assert_eq!(wire.iam(&bob, mine).status, 200);
    refused(&wire.iam(&wire.key, mine), 403, "AccessDenied");
    boto.told(&root, "iam", "delete_user_policy", &named("first"));
    refused(&wire.iam(&bob, mine), 403, "AccessDenied");

    // A user who comes back under the same name has no policy of the earlier one.
    boto.told(&root, "iam", "put_user_policy", &put("first", OPEN));
    wire.admin.delete("/v1/accounts/bob").is(204);
    enrol(&wire.admin, "bob");
    assert_eq!(boto.told(&root, "iam", "list_user_policies", &keys)["PolicyNames"], json!([]));
    let bob = Key::make(&wire.admin, json!({"account": "bob"}));
    refused(&wire.iam(&bob, mine), 403, "AccessDenied");
    let events = wire.admin.get("/v1/audit?account=bob").is(200).to_string();
    assert!(events.contains("user_policy.put") && events.contains("user_policy.deleted"));
}

#[test]
fn a_policy_of_a_user_comes_back_as_it_was_put() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    enrol(&wire.admin, "bob");
    boto.told(&root, "iam", "put_user_policy", &put("first", OPEN));
    let odd = "{\"Statement\": {\"Sid\": \"Odd\",\n\"Effect\": \"Deny\", \"Action\": \"s3:*\", \
               \"Resource\": \"arn:aws:s3:::a/${aws:username}/é&+ %\"}}";
    boto.told(&root, "iam", "put_user_policy", &put("odd", odd));
    let told = boto.told(&root, "iam", "get_user_policy", &named("odd"));
    let document: Value = serde_json::from_str(odd).unwrap();
    assert_eq!(told["PolicyDocument"], document);
    let first =
        boto.told(&root, "iam", "list_user_policies", &json!({"UserName": "bob", "MaxItems": 1}));
    assert_eq!((&first["PolicyNames"], &first["IsTruncated"]), (&json!(["first"]), &json!(true)));
    let next = json!({"UserName": "bob", "Marker": first["Marker"]});
    let rest = boto.told(&root, "iam", "list_user_policies", &next);
    assert_eq!((&rest["PolicyNames"], &rest["IsTruncated"]), (&json!(["odd"]), &json!(false)));

    let mut error = |call: &str, with: &Value| boto.error(&root, "iam", call, with);
    let malformed = put("first", r#"{"Statement": {"Effect": "Maybe"}}"#);
    let class = ["MalformedPolicyDocumentException", "MalformedPolicyDocument"];
    assert_eq!(error("put_user_policy", &malformed), class);
    let long = format!(
        r#"{{"Id": "{}", "Statement": {{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}}}"#,
        "x".repeat(1_900)
    );
    assert_eq!(
        error("put_user_policy", &put("long", &long)),
        ["LimitExceededException", "LimitExceeded"]
    );
    let missing = ["NoSuchEntityException", "NoSuchEntity"];
    assert_eq!(error("get_user_policy", &named("none")), missing);
    assert_eq!(error("delete_user_policy", &named("none")), missing);
    let nobody = json!({"UserName": "carol", "PolicyName": "p", "PolicyDocument": OPEN});
    assert_eq!(error("put_user_policy", &nobody), missing);
}

/// Operators and values on `aws:MultiFactorAuthPresent`, and the decision for a long-term key, a
/// session without MFA and one with it: an Allow statement applies (IAM User Guide, "Null", "Bool"
/// and "…IfExists").
const TRUTH: [(&str, &str, [&str; 3]); 6] = [
    ("Bool", "true", ["implicitDeny", "implicitDeny", "allowed"]),
    ("Bool", "false", ["implicitDeny", "allowed", "implicitDeny"]),
    ("BoolIfExists", "true", ["allowed", "implicitDeny", "allowed"]),
    ("BoolIfExists", "false", ["allowed", "allowed", "implicitDeny"]),
    ("Null", "true", ["allowed", "implicitDeny", "implicitDeny"]),
    ("Null", "false", ["implicitDeny", "allowed", "allowed"]),
];

fn conditional(operator: &str, value: &str) -> String {
    format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {{"{operator}": {{"aws:MultiFactorAuthPresent": "{value}"}}}}}}}}"#
    )
}

fn present(values: &[&str]) -> Value {
    json!([{
        "ContextKeyName": "aws:MultiFactorAuthPresent", "ContextKeyType": "boolean",
        "ContextKeyValues": values,
    }])
}

#[test]
fn a_simulation_decides_as_the_table_of_absent_false_and_true() {
    let Some((_wire, mut boto, root)) = rooted() else { return };
    for (operator, value, decisions) in TRUTH {
        let contexts = [json!([]), present(&["false"]), present(&["true"])];
        for (context, decision) in contexts.iter().zip(decisions) {
            let with = json!({
                "PolicyInputList": [conditional(operator, value)],
                "ActionNames": ["s3:GetObject"], "ContextEntries": context,
            });
            let told = boto.told(&root, "iam", "simulate_custom_policy", &with);
            let result = &told["EvaluationResults"][0];
            let place = format!("{operator} {value} {context}");
            assert_eq!(result["EvalDecision"], decision, "{place}");
            let missing = result["MissingContextValues"].as_array().unwrap();
            assert_eq!(missing.is_empty(), *context != json!([]), "{place}");
        }
    }
}

#[test]
fn simulations_explain_themselves_page_by_page() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    enrol(&wire.admin, "bob");
    boto.told(&root, "iam", "put_user_policy", &put("lists", LIST));
    let with = json!({
        "PolicySourceArn": BOB,
        "ActionNames": ["iam:ListMFADevices", "iam:ListAccessKeys", "s3:GetObject"],
    });
    let told = boto.told(&root, "iam", "simulate_principal_policy", &with);
    let results = told["EvaluationResults"].as_array().unwrap();
    let decisions: Vec<&Value> = results.iter().map(|result| &result["EvalDecision"]).collect();
    assert_eq!(decisions, ["allowed", "explicitDeny", "implicitDeny"]);
    let statements = results[0]["MatchedStatements"].as_array().unwrap();
    let statement = statements.iter().find(|it| it["SourcePolicyId"] == "lists").unwrap();
    assert_eq!(
        (&statement["SourcePolicyId"], &statement["SourcePolicyType"]),
        (&json!("lists"), &json!("user"))
    );
    assert_eq!(statement["StartPosition"]["Line"], 4);

    let mut page = with;
    page["MaxItems"] = 2.into();
    let first = boto.told(&root, "iam", "simulate_principal_policy", &page);
    assert_eq!(first["EvaluationResults"].as_array().unwrap().len(), 2);
    page["Marker"] = first["Marker"].clone();
    let last = boto.told(&root, "iam", "simulate_principal_policy", &page);
    assert_eq!(last["EvaluationResults"][0]["EvalActionName"], "s3:GetObject");
    assert_eq!(last["IsTruncated"], false);
}

#[test]
fn policies_of_the_request_are_added_to_those_of_the_user() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    enrol(&wire.admin, "bob");
    let more = json!({
        "PolicySourceArn": BOB, "PolicyInputList": [OWN], "ActionNames": ["s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::bob/a", "arn:aws:s3:::alice/a"],
    });
    let told = boto.told(&root, "iam", "simulate_principal_policy", &more);
    let decisions: Vec<&Value> = told["EvaluationResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["EvalDecision"])
        .collect();
    assert_eq!(decisions, ["allowed", "implicitDeny"]);
    let keys = json!({"PolicySourceArn": BOB, "PolicyInputList": [OWN]});
    let told = boto.told(&root, "iam", "get_context_keys_for_principal_policy", &keys);
    let found = told["ContextKeyNames"].as_array().unwrap();
    assert!(
        found.contains(&json!("aws:MultiFactorAuthPresent"))
            && found.contains(&json!("aws:username"))
    );
    let keys = json!({"PolicyInputList": [OWN]});
    let told = boto.told(&root, "iam", "get_context_keys_for_custom_policy", &keys);
    assert_eq!(told["ContextKeyNames"], json!(["aws:username"]));

    for (member, value) in [
        ("PolicyInputList", json!(["{}"])),
        ("ActionNames", json!(["GetObject"])),
        ("ResourceArns", json!(["bob"])),
        ("ContextEntries", present(&["yes"])),
    ] {
        let mut wrong = json!({"PolicyInputList": [OWN], "ActionNames": ["s3:GetObject"]});
        wrong[member] = value;
        let error = boto.error(&root, "iam", "simulate_custom_policy", &wrong);
        assert_eq!(error, ["InvalidInputException", "InvalidInput"], "{member}");
    }
    // A restriction that is not built is refused, never passed by.
    let bounded = json!({
        "PolicyInputList": [OWN], "ActionNames": ["s3:GetObject"],
        "PermissionsBoundaryPolicyInputList": [OWN],
    });
    let error = boto.error(&root, "iam", "simulate_custom_policy", &bounded);
    assert_eq!(error[1], "ValidationError");
    let denied = boto.error(&wire.key, "iam", "simulate_custom_policy", &keys_and_action(OWN));
    assert_eq!(denied[1], "AccessDenied");
}

fn keys_and_action(policy: &str) -> Value {
    json!({"PolicyInputList": [policy], "ActionNames": ["s3:GetObject"]})
}
