//! Traps of documents: statements that AWS accepts, and that mean something else than they seem to.
//!
//! Conditions on MFA are evaluated for the requests that such policies forget: those of a long-term
//! key, for which the keys are absent, and those of a session without MFA.

use std::fmt;

use crate::aws::document::arn::ArnPattern;
use crate::aws::document::condition::{Condition, all};
use crate::aws::document::error::Position;
use crate::aws::document::key::{AGE, AMR, PRESENT};
use crate::aws::document::keys::Keys;
use crate::aws::document::kind::{IdentityPolicy, SessionPolicy, TrustPolicy};
use crate::aws::document::operator::{SetOperator, Test};
use crate::aws::document::principal::Principal;
use crate::aws::document::read::Body;
use crate::aws::document::statement::{Effect, Selection, Statement};

/// A trap in one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trap {
    /// The place of the statement.
    pub position: Position,
    /// The name of the statement.
    pub sid: Option<String>,
    /// The trap, and the way out.
    pub message: String,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.position.line)?;
        self.sid.as_ref().map_or(Ok(()), |sid| write!(f, ", statement {sid}"))?;
        write!(f, ": {}", self.message)
    }
}

macro_rules! lint {
    ($($kind:ident),*) => {$(
        impl $kind {
            /// The traps of the document, in the order of its statements. Empty for a sound one.
            ///
            /// ```
            /// use twostep::aws::document::{Holder, IdentityPolicy};
            ///
            /// let policy = IdentityPolicy::parse(
            ///     r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
            ///         "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}}"#,
            ///     Holder::User,
            /// )?;
            /// assert!(policy.lint()[0].message.starts_with("long-term keys are not denied"));
            /// # Ok::<_, twostep::aws::document::DocumentError>(())
            /// ```
            pub fn lint(&self) -> Vec<Trap> {
                traps(self.body())
            }
        }
    )*};
}

lint!(IdentityPolicy, SessionPolicy, TrustPolicy);

fn traps(body: &Body) -> Vec<Trap> {
    let samples = Samples::new();
    let denied: Vec<Reach> = body
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Deny)
        .filter_map(|statement| samples.reach(statement))
        .collect();
    let mut traps = Vec::new();
    for statement in &body.statements {
        let reach = samples.reach(statement);
        let about_mfa = reach.map(|reach| match statement.effect {
            Effect::Allow => allowing(&reach),
            Effect::Deny => denying(&reach, &denied),
        });
        let others = OTHERS.iter().filter_map(|other| other(statement));
        let messages = about_mfa.into_iter().flatten().chain(others);
        traps.extend(messages.map(|message| Trap {
            position: statement.start,
            sid: statement.sid.clone(),
            message: message.to_owned(),
        }));
    }
    traps
}

/// Contexts that differ in their MFA alone.
struct Samples {
    long_term: Keys,
    without: Keys,
    /// A security key, used now.
    strong: Keys,
    /// A code, long ago.
    weak: Keys,
}

/// The contexts in which the conditions on MFA of a statement hold.
#[derive(Clone, Copy, Debug)]
struct Reach {
    long_term: bool,
    without: bool,
    strong: bool,
    weak: bool,
}

impl Samples {
    fn new() -> Samples {
        let with = |age: u32, kind: &str, amr: &[&str], strong: bool| {
            let mut keys = Keys::default();
            keys.known(PRESENT, true);
            keys.known(AGE, age);
            keys.known("twostep:MfaKind", kind);
            keys.known("twostep:MfaSerial", "arn:aws:iam::000000000000:mfa/-");
            keys.several(AMR, amr.iter().map(|it| (*it).to_owned()).collect());
            for name in ["PhishingResistant", "HardwareBound", "UserVerified"] {
                keys.known(&format!("twostep:{name}"), strong);
            }
            keys
        };
        let strong = with(0, "security_key", &["hwk", "user", "pin", "mfa"], true);
        let weak = with(u32::MAX, "totp", &["otp", "mfa"], false);
        let mut without = Keys::default();
        without.known(PRESENT, false);
        Samples { long_term: Keys::default(), without, strong, weak }
    }

    /// `None` for a statement without conditions on MFA.
    fn reach(&self, statement: &Statement) -> Option<Reach> {
        let conditions: Vec<&Condition> = statement
            .conditions
            .iter()
            .filter(|condition| condition.key.is_about_mfa())
            .collect();
        let holds = |keys: &Keys| {
            let truth = all(conditions.iter().map(|condition| condition.truth(keys)));
            truth.unwrap_or(statement.effect == Effect::Deny)
        };
        (!conditions.is_empty()).then(|| Reach {
            long_term: holds(&self.long_term),
            without: holds(&self.without),
            strong: holds(&self.strong),
            weak: holds(&self.weak),
        })
    }
}

/// An allow that holds for strong MFA seems to demand MFA.
fn allowing(reach: &Reach) -> Vec<&'static str> {
    let messages = [
        (
            reach.long_term,
            "long-term keys are allowed too, for they have no MFA keys at all: \
             use Bool aws:MultiFactorAuthPresent true, without IfExists, negation or ForAllValues",
        ),
        (
            reach.without,
            "sessions without MFA are allowed too: \
             use Bool aws:MultiFactorAuthPresent true, for Null asks only whether the key is there",
        ),
    ];
    told(reach.strong, messages)
}

/// A deny that spares strong MFA, but not every request, seems to deny all that lack it. Another
/// statement may cover the rest.
fn denying(reach: &Reach, all: &[Reach]) -> Vec<&'static str> {
    let demands = !reach.strong && (reach.long_term || reach.without || reach.weak);
    let messages = [
        (
            !all.iter().any(|other| other.long_term),
            "long-term keys are not denied, for they have no MFA keys at all: use an operator \
             that ends in IfExists, or deny Null aws:MultiFactorAuthPresent true too",
        ),
        (
            !all.iter().any(|other| other.without),
            "sessions without MFA are not denied: \
             deny BoolIfExists aws:MultiFactorAuthPresent false",
        ),
    ];
    told(demands, messages)
}

fn told(applies: bool, messages: [(bool, &'static str); 2]) -> Vec<&'static str> {
    let told = messages.into_iter().filter(|(told, _)| applies && *told);
    told.map(|(_, message)| message).collect()
}

type Other = fn(&Statement) -> Option<&'static str>;

/// Traps apart from MFA.
const OTHERS: &[Other] = &[
    |statement| {
        let lenient = |condition: &Condition| {
            let guarded = statement
                .conditions
                .iter()
                .any(|other| other.operator.test == Test::Null && other.key == condition.key);
            condition.operator.set == Some(SetOperator::All)
                && !condition.key.is_about_mfa()
                && !guarded
        };
        (statement.effect == Effect::Allow && statement.conditions.iter().any(lenient)).then_some(
            "ForAllValues holds for a request without the key: \
             demand Null false of the key too",
        )
    },
    |statement| {
        let unknown =
            |condition: &Condition| condition.key.kind().is_none() && condition.key.is_ours();
        statement.conditions.iter().any(unknown).then_some(
            "a key of aws: or sts: here is never in a context: \
             its conditions count as those of an absent key",
        )
    },
    |statement| {
        statement
            .conditions
            .iter()
            .any(|condition| condition.operands.is_empty())
            .then_some("a condition without values never holds, or, negated, always")
    },
    |statement| {
        statement
            .inert_variable
            .then_some("${…} is no variable in this document: variables need Version 2012-10-17")
    },
    |statement| {
        let variable = |pattern: &ArnPattern| pattern.variables().next().is_some();
        let inverse = matches!(
            &statement.resources,
            Some(Selection::AllBut(listed)) if listed.iter().any(variable)
        );
        inverse.then_some(
            "a variable in NotResource that is absent leaves open which resource is meant: \
             an Allow then does not apply, a Deny does",
        )
    },
    |statement| {
        statement
            .principals
            .contains(&Principal::Service)
            .then_some("no caller here is a service of AWS: the principal names none")
    },
];

#[cfg(test)]
mod tests {
    use crate::aws::document::kind::{Holder, IdentityPolicy, TrustPolicy};

    /// Traps of statements `Effect: {conditions}`, joined.
    fn traps(statements: &[(&str, &str)]) -> String {
        let statements: Vec<_> = statements
            .iter()
            .map(|(effect, condition)| {
                let rest = r#""Action":"*","Resource":"*","Condition""#;
                format!(r#"{{"Effect":"{effect}",{rest}:{{{condition}}}}}"#)
            })
            .collect();
        let text =
            format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", statements.join(",\n"));
        let policy = IdentityPolicy::parse(&text, Holder::User).unwrap();
        policy.lint().iter().map(|trap| format!("{trap}\n")).collect()
    }

    const KEYS: &str = "long-term keys";
    const SESSIONS: &str = "sessions without MFA";

    /// Effect, conditions, words of the traps.
    const TRAPS: &[(&str, &str, &[&str])] = &[
        ("Deny", r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#, &[KEYS]),
        ("Deny", r#""Null":{"aws:MultiFactorAuthPresent":"true"}"#, &[SESSIONS]),
        ("Deny", r#""NumericGreaterThan":{"aws:MultiFactorAuthAge":"900"}"#, &[KEYS, SESSIONS]),
        ("Deny", r#""Bool":{"twostep:PhishingResistant":"false"}"#, &[KEYS, SESSIONS]),
        ("Allow", r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}"#, &[KEYS]),
        ("Allow", r#""Null":{"aws:MultiFactorAuthPresent":"false"}"#, &[SESSIONS]),
        ("Allow", r#""NumericLessThanIfExists":{"aws:MultiFactorAuthAge":"9"}"#, &[KEYS, SESSIONS]),
        ("Allow", r#""StringNotEquals":{"twostep:MfaKind":"totp"}"#, &[KEYS, SESSIONS]),
        ("Allow", r#""ForAllValues:StringLike":{"twostep:Amr":"*"}"#, &[KEYS, SESSIONS]),
        ("Allow", r#""ForAllValues:StringLike":{"s3:x":"*"}"#, &["ForAllValues holds"]),
        ("Allow", r#""StringEquals":{"aws:PrincipalOrgID":"o"}"#, &["is never in a context"]),
        ("Allow", r#""StringEquals":{"s3:x":[]}"#, &["without values"]),
    ];

    const SOUND: &[(&str, &str)] = &[
        ("Deny", r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}"#),
        ("Deny", r#""NumericGreaterThanIfExists":{"aws:MultiFactorAuthAge":"900"}"#),
        ("Deny", r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#),
        ("Allow", r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#),
        ("Allow", r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#),
        ("Allow", r#""NumericLessThan":{"aws:MultiFactorAuthAge":"900"}"#),
        (
            "Allow",
            r#""Null":{"twostep:MfaKind":"false"},"StringNotEquals":{"twostep:MfaKind":"totp"}"#,
        ),
        ("Allow", r#""Null":{"s3:x":"false"},"ForAllValues:StringLike":{"s3:x":"a*"}"#),
        ("Deny", r#""ForAllValues:StringLike":{"s3:x":"*"}"#),
    ];

    #[test]
    fn traps_are_named() {
        for (effect, condition, words) in TRAPS {
            let said = traps(&[(effect, condition)]);
            assert_eq!(said.lines().count(), words.len(), "{condition}\n{said}");
            for word in *words {
                assert!(said.contains(word), "{condition}\n{said}");
            }
        }
    }

    #[test]
    fn sound_statements_have_no_traps() {
        for statement in SOUND {
            assert_eq!(traps(&[*statement]), "", "{statement:?}");
        }
    }

    #[test]
    fn two_denials_may_complete_each_other() {
        let [without, absent] = [TRAPS[0], TRAPS[1]].map(|(effect, it, _)| (effect, it));
        assert_eq!(traps(&[without, absent]), "");
        assert!(traps(&[SOUND[3], without]).starts_with("line 2: long-term keys are not denied"));
    }

    #[test]
    fn traps_apart_from_conditions_are_named() {
        let allow = r#"{"Sid":"S","Effect":"Allow","Action":"#;
        let variable = r#""arn:aws:s3:::${aws:username}"}}"#;
        let old = format!(r#"{{"Statement":{allow}"*","Resource":{variable}"#);
        let version = r#""Version":"2012-10-17""#;
        let inverse = format!(r#"{{{version},"Statement":{allow}"*","NotResource":{variable}"#);
        for (text, words) in [
            (old, "line 1, statement S: ${…} is no variable"),
            (inverse, "a variable in NotResource"),
        ] {
            let traps = IdentityPolicy::parse(&text, Holder::User).unwrap().lint();
            assert!(traps.len() == 1 && traps[0].to_string().contains(words), "{traps:?}");
        }
        let principal = r#""Principal":{"Service":"ec2.amazonaws.com"}}}"#;
        let service = format!(r#"{{"Statement":{allow}"sts:AssumeRole",{principal}"#);
        let traps = TrustPolicy::parse(&service).unwrap().lint();
        assert!(traps[0].message.contains("service of AWS"), "{traps:?}");
    }
}
