//! One condition and its truth value: true, false, or one that cannot be judged.

use std::net::IpAddr;

use crate::aws::document::arn::{self, ArnPattern};
use crate::aws::document::date;
use crate::aws::document::error::quoted;
use crate::aws::document::key::{KeyName, KeyType};
use crate::aws::document::keys::Keys;
use crate::aws::document::network::Network;
use crate::aws::document::number::Decimal;
use crate::aws::document::operator::{Operator, Order, SetOperator, Test};
use crate::aws::document::template::{Part, Pattern, Syntax, parse, pieces, variables};
use crate::time::UnixTime;

/// Truth value of Kleene's strong logic. `None`: the values of the request do not let this be
/// judged; such a statement denies if it can, and never allows.
pub(super) type Truth = Option<bool>;

/// One operator, one key, and the values to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    pub(super) key: KeyName,
    pub(super) operands: Vec<Operand>,
}

/// One value of a policy, read as its operator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Text(Vec<Part>),
    Folded(Vec<Part>),
    Like(Pattern),
    Number(Order, Decimal),
    Date(Order, UnixTime),
    Bool(bool),
    Network(Network),
    Arn(ArnPattern),
}

impl Condition {
    pub(super) fn truth(&self, keys: &Keys) -> Truth {
        let values = keys.of(&self.key);
        if self.operator.test == Test::Null {
            return Some(self.operands.contains(&Operand::Bool(values.is_empty())));
        }
        match (values, self.operator.set) {
            ([], _) if self.operator.if_exists => Some(true),
            ([], Some(SetOperator::All)) => Some(true),
            ([], Some(SetOperator::Any)) => Some(false),
            ([], None) => Some(self.operator.negated),
            ([value], None) => self.judge(value, keys),
            // AWS leaves several values without a set operator undefined.
            (_, None) => None,
            (values, Some(SetOperator::All)) => {
                all(values.iter().map(|value| self.judge(value, keys)))
            }
            (values, Some(SetOperator::Any)) => {
                any(values.iter().map(|value| self.judge(value, keys)))
            }
        }
    }

    /// Truth for one value: one of the operands fits it, or, negated, none of them.
    fn judge(&self, value: &str, keys: &Keys) -> Truth {
        let fits = any(self.operands.iter().map(|operand| operand.fits(value, keys)));
        fits.map(|fits| fits != self.operator.negated)
    }

    /// The keys that the condition reads.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyName> {
        let inside = self.operands.iter().flat_map(Operand::variables);
        std::iter::once(&self.key).chain(inside)
    }
}

impl Operand {
    /// Reads a value of a policy.
    ///
    /// # Errors
    /// The fault, in words.
    pub(super) fn parse(text: &str, test: Test, variables: bool) -> Result<Operand, String> {
        let parts = |wildcards| parse(text, Syntax { wildcards, variables });
        let wanted = |what: &str| format!("{} is no {what}", quoted(text));
        match test {
            Test::Equals => parts(false).map(Operand::Text),
            Test::EqualsIgnoreCase => parts(false).map(Operand::Folded),
            Test::Like => parts(true).map(|parts| Operand::Like(Pattern::new(parts))),
            Test::Number(order) => Decimal::parse(text)
                .map(|number| Operand::Number(order, number))
                .ok_or_else(|| wanted("number: write digits, with a point at most")),
            Test::Date(order) => date::parse(text)
                .map(|date| Operand::Date(order, date))
                .ok_or_else(|| wanted("date: write 2026-11-22T09:30:00Z, or seconds since 1970")),
            Test::Bool | Test::Null => boolean(text)
                .map(Operand::Bool)
                .ok_or_else(|| wanted("truth value: write true or false")),
            Test::Address => Network::parse(text)
                .map(Operand::Network)
                .ok_or_else(|| wanted("address: write 203.0.113.0/24 or 2001:db8::/32")),
            Test::Arn => ArnPattern::parse(text, variables).map(Operand::Arn),
        }
    }

    /// Truth of "the value fits". An absent variable fits no value; a value that cannot be read as
    /// the operator reads it cannot be judged.
    fn fits(&self, value: &str, keys: &Keys) -> Truth {
        match self {
            Operand::Text(parts) => Some(pieces(parts, keys).is_some_and(|pieces| {
                let rest = pieces.iter().try_fold(value, |rest, piece| rest.strip_prefix(*piece));
                rest == Some("")
            })),
            Operand::Folded(parts) => Some(pieces(parts, keys).is_some_and(|pieces| {
                let text = pieces.iter().flat_map(|piece| piece.chars());
                folded(text).eq(folded(value.chars()))
            })),
            Operand::Like(pattern) => Some(pattern.matches(value, keys).unwrap_or(false)),
            Operand::Number(order, number) => {
                Decimal::parse(value).map(|value| order.holds(value.cmp(number)))
            }
            Operand::Date(order, date) => {
                date::parse(value).map(|value| order.holds(value.cmp(date)))
            }
            Operand::Bool(wanted) => boolean(value).map(|value| value == *wanted),
            Operand::Network(network) => {
                value.parse::<IpAddr>().ok().map(|address| network.has(address))
            }
            Operand::Arn(ArnPattern::Any) => Some(true),
            Operand::Arn(pattern) => {
                arn::fields(value).map(|_| pattern.matches(value, keys).unwrap_or(false))
            }
        }
    }

    fn variables(&self) -> Box<dyn Iterator<Item = &KeyName> + '_> {
        match self {
            Operand::Text(parts) | Operand::Folded(parts) => Box::new(variables(parts)),
            Operand::Like(pattern) => Box::new(pattern.variables()),
            Operand::Arn(pattern) => Box::new(pattern.variables()),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// Returns whether a key of this type can be compared so.
///
/// Texts and ARNs take the operators of both; a key with several values needs a set operator.
pub(super) fn admits(kind: KeyType, operator: Operator) -> bool {
    let text = matches!(operator.test, Test::Equals | Test::EqualsIgnoreCase | Test::Like);
    let number = matches!(operator.test, Test::Number(_));
    let date = matches!(operator.test, Test::Date(_));
    operator.test == Test::Null
        || match kind {
            KeyType::Text => text,
            KeyType::Texts => text && operator.set.is_some(),
            KeyType::Arn => text || operator.test == Test::Arn,
            KeyType::Number => number,
            KeyType::Date => date,
            KeyType::Epoch => number || date,
            KeyType::Bool => operator.test == Test::Bool,
            KeyType::Address => operator.test == Test::Address,
        }
}

fn folded(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(char::to_lowercase)
}

fn boolean(text: &str) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find_map(|(name, value)| text.eq_ignore_ascii_case(name).then_some(value))
}

/// False if one is false, else unknown if one is unknown.
pub(super) fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    joined(truths, false)
}

/// True if one is true, else unknown if one is unknown.
pub(super) fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    joined(truths, true)
}

fn joined(truths: impl IntoIterator<Item = Truth>, decisive: bool) -> Truth {
    let mut truth = Some(!decisive);
    for one in truths {
        match one {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => truth = None,
        }
    }
    truth
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truth of `operator: {key: operands}` for the values of the key; no value is "absent".
    fn truth(operator: &str, key: &str, operands: &[&str], values: &[&str]) -> Truth {
        let operator = Operator::named(operator).unwrap();
        let operands = operands.iter().map(|it| Operand::parse(it, operator.test, true).unwrap());
        let condition =
            Condition { operator, key: key.parse().unwrap(), operands: operands.collect() };
        let mut keys = Keys::default();
        keys.known("aws:username", "ann");
        keys.state(condition.key.clone(), values.iter().map(|it| (*it).to_owned()).collect());
        condition.truth(&keys)
    }

    const YES: Truth = Some(true);
    const NO: Truth = Some(false);

    #[test]
    fn operators_compare_one_value() {
        for (operator, operand, fitting, other) in [
            ("StringEquals", "a*", "a*", "ab"),
            ("StringEquals", "${aws:username}", "ann", "Ann"),
            ("StringEqualsIgnoreCase", "ÄB", "äb", "a"),
            ("StringLike", "a*b?", "axxb1", "ab"),
            ("NumericEquals", "10", "10.0", "11"),
            ("NumericLessThan", "10", "9.9", "10"),
            ("NumericLessThanEquals", "10", "10", "10.1"),
            ("NumericGreaterThan", "10", "11", "10"),
            ("NumericGreaterThanEquals", "10", "10", "9"),
            ("DateEquals", "2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z"),
            ("DateLessThan", "2026-11-22", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"),
            ("DateLessThanEquals", "2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z"),
            ("DateGreaterThan", "2026-11-22", "2026-11-22T00:00:01Z", "2026-11-22T00:00:00Z"),
            ("DateGreaterThanEquals", "1795305600", "1795305600", "1795305599"),
            ("Bool", "True", "true", "false"),
            ("IpAddress", "10.0.0.0/8", "10.1.1.1", "11.1.1.1"),
            (
                "ArnEquals",
                "arn:aws:iam::1:user/*",
                "arn:aws:iam::1:user/a",
                "arn:aws:iam::2:user/a",
            ),
            ("ArnLike", "arn:aws:iam::?:mfa/x", "arn:aws:iam::2:mfa/x", "arn:aws:iam::22:mfa/x"),
        ] {
            let key = "x:y";
            assert_eq!(truth(operator, key, &[operand], &[fitting]), YES, "{operator} {fitting}");
            assert_eq!(truth(operator, key, &[operand], &[other]), NO, "{operator} {other}");
            assert_eq!(truth(operator, key, &[operand], &[]), NO, "{operator}, absent");
            let if_exists = format!("{operator}IfExists");
            assert_eq!(truth(&if_exists, key, &[operand], &[]), YES, "{if_exists}, absent");
            assert_eq!(truth(&if_exists, key, &[operand], &[other]), NO, "{if_exists}");
        }
    }

    #[test]
    fn negated_operators_hold_for_an_absent_key() {
        for (operator, operand, fitting, other) in [
            ("StringNotEquals", "a", "a", "b"),
            ("StringNotEqualsIgnoreCase", "a", "A", "b"),
            ("StringNotLike", "a*", "ab", "b"),
            ("NumericNotEquals", "1", "1.0", "2"),
            ("DateNotEquals", "2026-11-22", "1795305600", "0"),
            ("NotIpAddress", "::1", "::1", "::2"),
            ("ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::b", "arn:aws:s3:::c"),
            ("ArnNotLike", "arn:aws:s3:::*", "arn:aws:s3:::b", "arn:aws:sqs:::b"),
        ] {
            assert_eq!(truth(operator, "x:y", &[operand], &[fitting]), NO, "{operator}");
            assert_eq!(truth(operator, "x:y", &[operand], &[other]), YES, "{operator}");
            assert_eq!(truth(operator, "x:y", &[operand], &[]), YES, "{operator}, absent");
        }
    }

    #[test]
    fn several_operands_are_alternatives() {
        assert_eq!(truth("StringEquals", "x:y", &["a", "b"], &["b"]), YES);
        assert_eq!(truth("StringNotEquals", "x:y", &["a", "b"], &["b"]), NO);
        assert_eq!(truth("StringNotEquals", "x:y", &["a", "b"], &["c"]), YES);
        assert_eq!(truth("StringEquals", "x:y", &[], &["c"]), NO);
    }

    #[test]
    fn set_operators_count_values() {
        let table: &[(&str, &[&str], Truth)] = &[
            ("ForAllValues:StringEquals", &["a", "b"], YES),
            ("ForAllValues:StringEquals", &["a", "c"], NO),
            ("ForAllValues:StringEquals", &[], YES),
            ("ForAnyValue:StringEquals", &["a", "c"], YES),
            ("ForAnyValue:StringEquals", &["c", "d"], NO),
            ("ForAnyValue:StringEquals", &[], NO),
            ("ForAnyValue:StringEqualsIfExists", &[], YES),
            ("ForAllValues:StringNotEquals", &["c", "d"], YES),
            ("ForAllValues:StringNotEquals", &["a", "c"], NO),
            ("ForAnyValue:StringNotEquals", &["a", "c"], YES),
            ("ForAnyValue:StringNotEquals", &["a", "b"], NO),
            ("ForAnyValue:StringNotEquals", &[], NO),
        ];
        for (operator, values, wanted) in table {
            assert_eq!(truth(operator, "x:y", &["a", "b"], values), *wanted, "{operator}");
        }
    }

    #[test]
    fn null_asks_for_absence() {
        for (operand, absent, there) in [("true", YES, NO), ("false", NO, YES)] {
            assert_eq!(truth("Null", "x:y", &[operand], &[]), absent);
            assert_eq!(truth("Null", "x:y", &[operand], &["false"]), there);
        }
    }

    #[test]
    fn values_that_cannot_be_judged_are_neither_true_nor_false() {
        for operator in ["NumericEquals", "NumericNotEquals", "NumericLessThanIfExists"] {
            assert_eq!(truth(operator, "x:y", &["1"], &["one"]), None, "{operator}");
        }
        assert_eq!(truth("Bool", "x:y", &["true"], &["yes"]), None);
        assert_eq!(truth("ArnNotLike", "x:y", &["arn:aws:s3:::*"], &["b"]), None);
        assert_eq!(truth("StringEquals", "x:y", &["a"], &["a", "a"]), None);
        assert_eq!(truth("ForAnyValue:NumericEquals", "x:y", &["1"], &["one", "1"]), YES);
    }

    #[test]
    fn an_absent_variable_equals_no_value() {
        let absent = "${aws:PrincipalTag/team}";
        assert_eq!(truth("StringEquals", "x:y", &[absent], &[""]), NO);
        assert_eq!(truth("StringNotEquals", "x:y", &[absent], &["a"]), YES);
        assert_eq!(truth("StringLike", "x:y", &[absent], &[""]), NO);
    }
}
