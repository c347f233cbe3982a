//! The rules once more, over plain JSON and in the order of the specification: an oracle for
//! generated cases.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::document::statement::Asked;

pub(super) type Values = BTreeMap<&'static str, Vec<String>>;

/// `allowed`, `explicitDeny` or `implicitDeny`.
pub(super) fn decide(
    policies: &[Value],
    session: Option<&Value>,
    asked: &Asked,
    values: &Values,
) -> &'static str {
    let has = |policy: &Value, effect: &str| {
        let statements = match &policy["Statement"] {
            Value::Array(statements) => statements.clone(),
            statement => vec![statement.clone()],
        };
        statements
            .iter()
            .filter(|it| it["Effect"] == effect)
            .any(|it| applies(it, asked, values).unwrap_or(effect == "Deny"))
    };
    if policies.iter().chain(session).any(|policy| has(policy, "Deny")) {
        return "explicitDeny";
    }
    let allowed = policies.iter().any(|policy| has(policy, "Allow"))
        && session.is_none_or(|policy| has(policy, "Allow"));
    if allowed { "allowed" } else { "implicitDeny" }
}

fn applies(statement: &Value, asked: &Asked, values: &Values) -> Option<bool> {
    let action = |pattern: &String| {
        let lower = |text: &str| text.to_ascii_lowercase();
        glob(&symbols(&lower(pattern), true, None)?, &lower(asked.action.as_str()))
    };
    let resource = |pattern: &String| arn(pattern, asked.resource.as_str(), values);
    let mut truths = vec![
        match statement.get("Action") {
            Some(listed) => some(texts(listed).iter().map(action)),
            None => some(texts(&statement["NotAction"]).iter().map(action)).map(|it| !it),
        },
        match statement.get("Resource") {
            Some(listed) => {
                Some(texts(listed).iter().any(|pattern| resource(pattern) == Some(true)))
            }
            None => some(texts(&statement["NotResource"]).iter().map(resource)).map(|it| !it),
        },
    ];
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, operands) in keys.as_object().unwrap() {
            let present = values.get(key.as_str()).cloned().unwrap_or_default();
            truths.push(condition(operator, &present, &texts(operands), values));
        }
    }
    some(truths.into_iter().map(|truth| truth.map(|it| !it))).map(|it| !it)
}

fn condition(
    operator: &str,
    present: &[String],
    operands: &[String],
    values: &Values,
) -> Option<bool> {
    if operator == "Null" {
        return Some(operands.contains(&present.is_empty().to_string()));
    }
    let (set, base) = operator.split_once(':').unwrap_or(("", operator));
    let if_exists = base.ends_with("IfExists");
    let negated = base.contains("Not");
    let plain = base.replace("IfExists", "").replace("Not", "");
    let one = |value: &String| {
        let fits = some(operands.iter().map(|operand| fits(&plain, value, operand, values)));
        fits.map(|fits| fits != negated)
    };
    match set {
        _ if present.is_empty() && if_exists => Some(true),
        "ForAllValues" => some(present.iter().map(|it| one(it).map(|it| !it))).map(|it| !it),
        "ForAnyValue" => some(present.iter().map(one)),
        _ if present.is_empty() => Some(negated),
        _ if present.len() > 1 => None,
        _ => one(&present[0]),
    }
}

fn fits(base: &str, value: &str, operand: &str, values: &Values) -> Option<bool> {
    let equal = |fold: fn(&str) -> String| {
        let text = symbols(operand, false, Some(values))
            .map(|it| it.into_iter().map(letter).collect::<String>());
        Some(text.is_some_and(|text| fold(&text) == fold(value)))
    };
    match base {
        "StringEquals" => equal(str::to_owned),
        "StringEqualsIgnoreCase" => equal(str::to_lowercase),
        "StringLike" => Some(
            symbols(operand, true, Some(values))
                .and_then(|it| glob(&it, value))
                .unwrap_or(false),
        ),
        "Bool" => ["true", "false"].contains(&value).then(|| value == operand),
        "IpAddress" => {
            let octets: Vec<_> = value.split('.').collect();
            let (network, bits) = operand.split_once('/').unwrap();
            let count = bits.parse::<usize>().unwrap() / 8;
            let wanted: Vec<_> = network.split('.').take(count).collect();
            (octets.len() == 4).then(|| octets.starts_with(&wanted))
        }
        "ArnLike" | "ArnEquals" => {
            value.starts_with("arn:").then(|| arn(operand, value, values).unwrap_or(false))
        }
        _ => ordered(base, value, operand),
    }
}

fn ordered(base: &str, value: &str, operand: &str) -> Option<bool> {
    let (ordering, relation) = match base.strip_prefix("Numeric") {
        Some(relation) => {
            let value: f64 = value.parse().ok()?;
            (value.partial_cmp(&operand.parse().unwrap())?, relation)
        }
        // Times in UTC are ordered like their texts.
        None if !value.ends_with('Z') => return None,
        None => (value.cmp(operand), &base["Date".len()..]),
    };
    Some(match relation {
        "Equals" => ordering.is_eq(),
        "LessThan" => ordering.is_lt(),
        "LessThanEquals" => ordering.is_le(),
        "GreaterThan" => ordering.is_gt(),
        "GreaterThanEquals" => ordering.is_ge(),
        other => panic!("{other}"),
    })
}

fn arn(pattern: &str, text: &str, values: &Values) -> Option<bool> {
    if pattern == "*" || text == "*" {
        return Some(pattern == "*");
    }
    let fields = pattern.splitn(6, ':').zip(text.splitn(6, ':'));
    let unlike = fields.map(|(pattern, text)| {
        symbols(pattern, true, Some(values))
            .and_then(|it| glob(&it, text))
            .map(|it| !it)
    });
    some(unlike).map(|it| !it)
}

/// A letter, `?` or `*`.
#[derive(Clone, Copy)]
enum Symbol {
    Letter(char),
    One,
    Many,
}

fn letter(symbol: Symbol) -> char {
    match symbol {
        Symbol::Letter(letter) => letter,
        Symbol::One | Symbol::Many => panic!("a wildcard in a text"),
    }
}

fn symbols(text: &str, wildcards: bool, values: Option<&Values>) -> Option<Vec<Symbol>> {
    let mut symbols = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((name, behind)) = rest.strip_prefix("${").and_then(|it| it.split_once('}')) {
            let found = match values?.get(name).map(Vec::as_slice) {
                Some([value]) => value.clone(),
                _ => (name.len() == 1).then(|| name.to_owned())?,
            };
            symbols.extend(found.chars().map(Symbol::Letter));
            rest = behind;
            continue;
        }
        symbols.push(match first {
            '*' if wildcards => Symbol::Many,
            '?' if wildcards => Symbol::One,
            letter => Symbol::Letter(letter),
        });
        rest = &rest[first.len_utf8()..];
    }
    Some(symbols)
}

fn glob(pattern: &[Symbol], text: &str) -> Option<bool> {
    let mut rest = text.chars();
    let next = rest.next();
    match (pattern.split_first(), next) {
        (None, next) => Some(next.is_none()),
        (Some((Symbol::Many, later)), next) => {
            let here = glob(later, text)?;
            Some(here || (next.is_some() && glob(pattern, rest.as_str())?))
        }
        (Some((Symbol::One, later)), Some(_)) => glob(later, rest.as_str()),
        (Some((Symbol::Letter(letter), later)), Some(next)) if *letter == next => {
            glob(later, rest.as_str())
        }
        _ => Some(false),
    }
}

/// True if one is true, else unknown if one is unknown.
fn some(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let truths: Vec<_> = truths.collect();
    if truths.contains(&Some(true)) {
        Some(true)
    } else if truths.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    }
}
