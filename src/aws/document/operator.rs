//! Condition operators and their names.

use std::cmp::Ordering;

/// An operator with its qualifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    /// The name says `Not`.
    pub(super) negated: bool,
    /// The name ends in `IfExists`: an absent key satisfies it.
    pub(super) if_exists: bool,
    pub(super) set: Option<SetOperator>,
}

/// The comparison of one value with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Address,
    Arn,
    /// Asks whether the key is absent.
    Null,
}

/// The place of a value relative to an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Same,
    Below,
    UpTo,
    Above,
    From,
}

/// The way in which several values of a key count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetOperator {
    All,
    Any,
}

impl Operator {
    /// The operator of a name; `None` if there is none.
    pub(super) fn named(name: &str) -> Option<Operator> {
        let (set, rest) = SETS
            .iter()
            .find_map(|(prefix, set)| Some((Some(*set), name.strip_prefix(prefix)?)))
            .unwrap_or((None, name));
        let (if_exists, base) =
            rest.strip_suffix("IfExists").map_or((false, rest), |base| (true, base));
        let (_, test, negated) = *BASES.iter().find(|(name, ..)| *name == base)?;
        let qualified = if_exists || set.is_some();
        (test != Test::Null || !qualified).then_some(Operator { test, negated, if_exists, set })
    }
}

impl Order {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Same => ordering.is_eq(),
            Order::Below => ordering.is_lt(),
            Order::UpTo => ordering.is_le(),
            Order::Above => ordering.is_gt(),
            Order::From => ordering.is_ge(),
        }
    }
}

const SETS: [(&str, SetOperator); 2] =
    [("ForAllValues:", SetOperator::All), ("ForAnyValue:", SetOperator::Any)];

/// Name, comparison, negated.
const BASES: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::Equals, false),
    ("StringNotEquals", Test::Equals, true),
    ("StringEqualsIgnoreCase", Test::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::EqualsIgnoreCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("NumericEquals", Test::Number(Order::Same), false),
    ("NumericNotEquals", Test::Number(Order::Same), true),
    ("NumericLessThan", Test::Number(Order::Below), false),
    ("NumericLessThanEquals", Test::Number(Order::UpTo), false),
    ("NumericGreaterThan", Test::Number(Order::Above), false),
    ("NumericGreaterThanEquals", Test::Number(Order::From), false),
    ("DateEquals", Test::Date(Order::Same), false),
    ("DateNotEquals", Test::Date(Order::Same), true),
    ("DateLessThan", Test::Date(Order::Below), false),
    ("DateLessThanEquals", Test::Date(Order::UpTo), false),
    ("DateGreaterThan", Test::Date(Order::Above), false),
    ("DateGreaterThanEquals", Test::Date(Order::From), false),
    ("Bool", Test::Bool, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_takes_its_qualifiers() {
        for (name, test, negated) in BASES.iter().filter(|(name, ..)| *name != "Null") {
            let sets = SETS.map(|(prefix, set)| (prefix, Some(set)));
            for (prefix, set) in sets.into_iter().chain([("", None)]) {
                for (suffix, if_exists) in [("", false), ("IfExists", true)] {
                    let full = format!("{prefix}{name}{suffix}");
                    let wanted = Operator { test: *test, negated: *negated, if_exists, set };
                    assert_eq!(Operator::named(&full), Some(wanted), "{full}");
                }
            }
        }
    }

    #[test]
    fn other_names_are_no_operators() {
        for name in [
            "",
            "bool",
            "BinaryEquals",
            "NullIfExists",
            "ForAnyValue:Null",
            "ForAllValues:ForAnyValue:Bool",
            "BoolIfExistsIfExists",
            "StringEquals ",
            "ForAllValues",
            "IfExists",
        ] {
            assert_eq!(Operator::named(name), None, "{name}");
        }
    }
}
