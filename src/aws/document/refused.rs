//! Documents that are refused at load, each with its place and the words.

use crate::aws::document::kind::{Holder, IdentityPolicy, TrustPolicy};

/// A member of a statement that replaces the sound one or is added; the element at fault; words.
const STATEMENTS: &[(&str, &str, &str)] = &[
    (r#""Effect": "allow""#, ".Effect", "an effect is Allow or Deny"),
    (r#""Effect": ["Allow"]"#, ".Effect", "a string is wanted"),
    (r#""Sid": "a b""#, ".Sid", "letters and digits"),
    (r#""Sid": 1"#, ".Sid", "a string is wanted"),
    (r#""Actions": "s3:*""#, ".Actions", "\"Actions\" is no element here; there are Sid, Effect"),
    (r#""effect": "Allow""#, ".effect", "is no element here"),
    (r#""Principal": "*""#, ".Principal", "a policy of an identity has no Principal"),
    (r#""NotPrincipal": {"AWS": "*"}"#, ".NotPrincipal", "has no NotPrincipal"),
    (r#""Action": "GetObject""#, ".Action", "\"GetObject\": an action is *, or service:Name"),
    (r#""Action": ["s3:Get*", "s*:Get"]"#, ".Action[1]", "an action is *"),
    (r#""Action": []"#, ".Action", "at least one value"),
    (r#""Action": 1"#, ".Action", "a string is wanted"),
    (r#""NotAction": "s3:*""#, ".NotAction", "Action and NotAction exclude each other"),
    (r#""NotResource": "*""#, ".NotResource", "exclude each other"),
    (r#""Resource": "bucket/*""#, ".Resource", "this is no ARN"),
    (r#""Resource": ["*", "arn:aws:s3"]"#, ".Resource[1]", "this is no ARN"),
    (r#""Resource": "arn:aws:s3:::${aws:username""#, ".Resource", "a variable ends with }"),
    (r#""Resource": "arn:aws:s3:::${username}""#, ".Resource", "a variable is ${service:Key}"),
    (r#""Resource": []"#, ".Resource", "at least one value"),
    (r#""Condition": []"#, ".Condition", "an object is wanted"),
    (r#""Condition": {"Bool": "true"}"#, ".Condition.Bool", "an object is wanted"),
    (r#""Condition": {"Equals": {"s3:a": "b"}}"#, ".Condition.Equals", "is no operator"),
    (r#""Condition": {"NullIfExists": {"s3:a": "true"}}"#, ".NullIfExists", "is no operator"),
    (r#""Condition": {"Bool": {"Present": "true"}}"#, ".Bool.Present", "is no context key"),
    (r#""Condition": {"Bool": {"twostep:Mfa": "true"}}"#, ".twostep:Mfa", "is no key of twostep"),
    (
        r#""Condition": {"StringEquals": {"s3:a": "b", "S3:A": "c"}}"#,
        ".StringEquals.S3:A",
        "the key \"S3:A\" is here twice",
    ),
    (r#""Condition": {"StringEquals": {"s3:a": {}}}"#, ".s3:a", "a string, a number, true or"),
    (r#""Condition": {"StringEquals": {"s3:a": ["b", null]}}"#, ".s3:a[1]", "a string, a number"),
    (r#""Condition": {"StringEquals": {"s3:a": "${"}}"#, ".s3:a", "a variable ends with }"),
    // Types of known keys.
    (
        r#""Condition": {"NumericEquals": {"aws:MultiFactorAuthPresent": "1"}}"#,
        ".NumericEquals.aws:MultiFactorAuthPresent",
        "NumericEquals does not fit the type of aws:MultiFactorAuthPresent",
    ),
    (
        r#""Condition": {"DateLessThan": {"aws:multifactorauthpresent": "2026-01-01"}}"#,
        ".DateLessThan.aws:multifactorauthpresent",
        "does not fit",
    ),
    (r#""Condition": {"StringEquals": {"aws:SecureTransport": "true"}}"#, "", "does not fit"),
    (r#""Condition": {"BoolIfExists": {"aws:MultiFactorAuthAge": "true"}}"#, "", "does not fit"),
    (r#""Condition": {"StringLike": {"aws:SourceIp": "10.*"}}"#, "", "does not fit"),
    (r#""Condition": {"StringEquals": {"aws:CurrentTime": "x"}}"#, "", "does not fit"),
    (r#""Condition": {"NumericEquals": {"aws:username": "1"}}"#, "", "does not fit"),
    (r#""Condition": {"IpAddress": {"aws:PrincipalArn": "::1"}}"#, "", "does not fit"),
    (r#""Condition": {"StringEquals": {"twostep:Amr": "otp"}}"#, "", "does not fit"),
    // Values of operators.
    (
        r#""Condition": {"Bool": {"aws:MultiFactorAuthPresent": ["true", "yes"]}}"#,
        ".aws:MultiFactorAuthPresent[1]",
        "\"yes\" is no truth value",
    ),
    (r#""Condition": {"Bool": {"s3:a": 1}}"#, ".s3:a", "\"1\" is no truth value"),
    (r#""Condition": {"Null": {"s3:a": "no"}}"#, ".s3:a", "\"no\" is no truth value"),
    (r#""Condition": {"NumericLessThan": {"s3:a": "1e3"}}"#, ".s3:a", "\"1e3\" is no number"),
    (r#""Condition": {"NumericLessThan": {"s3:a": "${aws:x}"}}"#, ".s3:a", "is no number"),
    (r#""Condition": {"DateLessThan": {"s3:a": "2026-02-30"}}"#, ".s3:a", "is no date"),
    (r#""Condition": {"IpAddress": {"s3:a": "10.0.0.0/33"}}"#, ".s3:a", "is no address"),
    (r#""Condition": {"ArnLike": {"s3:a": "user/a"}}"#, ".s3:a", "this is no ARN"),
];

/// Whole documents; the element at fault; words.
const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("", "", "this is no JSON"),
    ("[]", "", "an object is wanted"),
    ("{}", "", "the element Statement is missing"),
    (r#"{"Statement": []}"#, "Statement", "at least one statement"),
    (r#"{"Statement": [1]}"#, "Statement[0]", "an object is wanted"),
    (r#"{"Statement": {}}"#, "Statement", "the element Effect is missing"),
    (r#"{"Statement": {"Effect": "Deny", "Resource": "*"}}"#, "Statement", "Action or NotAction"),
    (r#"{"Statement": {"Effect": "Deny", "Action": "*"}}"#, "Statement", "Resource or NotResource"),
    (r#"{"Version": "2012-10-18"}"#, "Version", "\"2012-10-18\" is no version"),
    (r#"{"Version": 20121017}"#, "Version", "a string is wanted"),
    (r#"{"Id": 1}"#, "Id", "a string is wanted"),
    (r#"{"Id": "\ud800"}"#, "Id", "hex escape"),
    (r#"{"Comment": "x"}"#, "Comment", "\"Comment\" is no element here; there are Version"),
    (r#"{"Id": "a", "Id": "b"}"#, "Id", "the member \"Id\" is here twice"),
];

const TRUSTS: &[(&str, &str, &str)] = &[
    (r#""Resource": "*""#, ".Resource", "a trust policy has no Resource"),
    (r#""NotPrincipal": "*""#, ".NotPrincipal", "a trust policy has no NotPrincipal"),
    (r#""Action": "*""#, ".Action", "actions of sts only"),
    (r#""Action": "s3:GetObject""#, ".Action", "actions of sts only"),
    (r#""Principal": "ann""#, ".Principal", "a principal is \"*\", or an object"),
    (r#""Principal": {}"#, ".Principal", "a principal is wanted"),
    (r#""Principal": {"AWS": []}"#, ".Principal", "a principal is wanted"),
    (r#""Principal": {"User": "*"}"#, ".Principal.User", "\"User\" is no kind of principal"),
    (r#""Principal": {"AWS": "ann"}"#, ".AWS", "\"ann\" is no principal of the kind AWS"),
    (r#""Principal": {"AWS": "12345678901"}"#, ".AWS", "is no principal"),
    (r#""Principal": {"AWS": "arn:aws:iam::100000000000:user/*"}"#, ".AWS", "is no principal"),
    (r#""Principal": {"AWS": "arn:aws:iam::100000000000:group/g"}"#, ".AWS", "is no principal"),
    (r#""Principal": {"AWS": ["*", "arn:aws:s3:::b"]}"#, ".AWS[1]", "is no principal"),
    (r#""Principal": {"Federated": "*"}"#, ".Federated", "is no principal"),
    (r#""Principal": {"Service": "*"}"#, ".Service", "is no principal"),
];

/// A document with one statement, of which a member is replaced.
fn with(sound: &[(&str, &str)], member: &str) -> String {
    let name = member.split('"').nth(1).unwrap();
    let others = sound.iter().filter(|(own, _)| *own != name).map(|(_, member)| *member);
    let members: Vec<_> = others.chain([member]).collect();
    format!("{{\"Version\": \"2012-10-17\",\n\"Statement\": [{{\n{}\n}}]}}", members.join(",\n"))
}

const IDENTITY: &[(&str, &str)] = &[
    ("Effect", r#""Effect": "Allow""#),
    ("Action", r#""Action": "*""#),
    ("Resource", r#""Resource": "*""#),
];

const TRUST: &[(&str, &str)] = &[
    ("Effect", r#""Effect": "Allow""#),
    ("Action", r#""Action": "sts:AssumeRole""#),
    ("Principal", r#""Principal": "*""#),
];

#[test]
fn unsound_statements_are_refused_at_their_element() {
    for (member, element, words) in STATEMENTS {
        let text = with(IDENTITY, member);
        let said = IdentityPolicy::parse(&text, Holder::User).expect_err(member).to_string();
        // The member stands in the last line but one.
        let line = text.lines().count() - 1;
        assert!(said.starts_with(&format!("line {line}, column ")), "{member}\n{said}");
        assert!(said.contains(&format!("{element}: ")), "{member}\n{said}");
        assert!(said.contains(words), "{member}\n{said}");
    }
}

#[test]
fn unsound_documents_are_refused() {
    for (text, element, words) in DOCUMENTS {
        let said = IdentityPolicy::parse(text, Holder::User).expect_err(text).to_string();
        assert!(said.contains(&format!("{element}: ")) && said.contains(words), "{text}\n{said}");
    }
}

#[test]
fn unsound_trust_policies_are_refused() {
    for (member, element, words) in TRUSTS {
        let text = with(TRUST, member);
        let said = TrustPolicy::parse(&text).expect_err(member).to_string();
        assert!(said.contains(&format!("{element}: ")) && said.contains(words), "{member}\n{said}");
    }
    let unnamed = with(&TRUST[..2], r#""Sid": "a""#);
    let said = TrustPolicy::parse(&unnamed).unwrap_err().to_string();
    assert!(said.contains("the element Principal is missing"), "{said}");
}

#[test]
fn a_sid_stands_once_in_a_document() {
    let statement =
        |sid| format!(r#"{{"Sid":"{sid}","Effect":"Deny","Action":"*","Resource":"*"}}"#);
    let parse = |a, b| {
        let text = format!("{{\"Statement\":[{},\n{}]}}", statement(a), statement(b));
        IdentityPolicy::parse(&text, Holder::User)
    };
    assert!(parse("a", "A").is_ok());
    assert!(parse("", "").is_ok());
    let said = parse("a", "a").unwrap_err().to_string();
    assert_eq!(said, "line 2, column 1, Statement[1]: the Sid \"a\" is here twice");
}

#[test]
fn sound_spellings_are_read() {
    for member in [
        r#""Sid": """#,
        r#""Effect": "Deny""#,
        r#""Resource": ["arn:aws:s3:::${aws:username, 'x'}/${*}", "*"]"#,
        r#""Condition": {}"#,
        r#""Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}}"#,
        r#""Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": [900, "1.5"]}}"#,
        r#""Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#,
        r#""Condition": {"StringLike": {"twostep:MfaSerial": "GAHT*"}}"#,
        r#""Condition": {"ForAnyValue:StringEquals": {"twostep:Amr": "hwk"}}"#,
        r#""Condition": {"Null": {"twostep:Amr": "false"}}"#,
        r#""Condition": {"DateLessThan": {"aws:EpochTime": 1795305600}}"#,
        r#""Condition": {"StringEquals": {"s3:a": []}}"#,
    ] {
        let parsed = IdentityPolicy::parse(&with(IDENTITY, member), Holder::User);
        assert!(parsed.is_ok(), "{member}\n{parsed:?}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
        for text in [
            nested.clone(),
            format!("{{\"Statement\": {nested}}}"),
            with(IDENTITY, &format!("\"Condition\": {nested}")),
            with(IDENTITY, &format!("\"Condition\": {{\"Bool\": {{\"s3:a\": {nested}}}}}")),
        ] {
            assert!(IdentityPolicy::parse(&text, Holder::Operator).is_err());
        }
    }
}
