//! The reader of documents.

use std::collections::BTreeSet;

use crate::aws::document::action::ActionPattern;
use crate::aws::document::arn::ArnPattern;
use crate::aws::document::condition::{Condition, Operand, admits};
use crate::aws::document::error::{Cursor, Fault, quoted};
use crate::aws::document::json::Node;
use crate::aws::document::key::KeyName;
use crate::aws::document::operator::Operator;
use crate::aws::document::principal::principals;
use crate::aws::document::statement::{Effect, Selection, Statement};

/// The content of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) statements: Vec<Statement>,
}

/// The rules that differ between kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Statements have resources and no principals.
    Identity,
    /// Statements have principals and no resources; actions are those of `sts`.
    Trust,
}

impl Body {
    /// Reads a document.
    ///
    /// # Errors
    /// The first fault.
    pub(super) fn read(text: &str, rules: Rules) -> Result<Body, Fault> {
        let root = Node::root(text)?;
        let members = Members::of(&root, &["Version", "Id", "Statement"])?;
        let variables = match members.get("Version") {
            Some(node) => match node.string()?.as_str() {
                "2012-10-17" => true,
                "2008-10-17" => false,
                other => {
                    return Err(node.fault(format!(
                        "{} is no version; there are 2012-10-17 and 2008-10-17",
                        quoted(other)
                    )));
                }
            },
            None => false,
        };
        members.get("Id").map(Node::string).transpose()?;
        let nodes = members.wanted("Statement")?.items()?;
        if nodes.is_empty() {
            return Err(members.wanted("Statement")?.fault("at least one statement is wanted"));
        }
        let reader = Reader { rules, variables };
        let mut cursor = Cursor::new(text);
        let mut sids = BTreeSet::new();
        let mut statements = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let statement = reader.statement(node, &mut cursor)?;
            if let Some(sid) = statement.sid.as_ref().filter(|sid| !sids.insert((*sid).clone())) {
                return Err(node.fault(format!("the Sid {} is here twice", quoted(sid))));
            }
            statements.push(statement);
        }
        Ok(Body { statements })
    }
}

/// The members of an object whose names are all known.
struct Members<'n, 't> {
    node: &'n Node<'t>,
    members: Vec<(String, Node<'t>)>,
}

impl<'n, 't> Members<'n, 't> {
    fn of(node: &'n Node<'t>, known: &[&str]) -> Result<Members<'n, 't>, Fault> {
        let members = node.members()?;
        match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, value)) => Err(value.fault(format!(
                "{} is no element here; there are {}",
                quoted(name),
                known.join(", ")
            ))),
            None => Ok(Members { node, members }),
        }
    }

    fn get(&self, name: &str) -> Option<&Node<'t>> {
        self.members.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    fn wanted(&self, name: &str) -> Result<&Node<'t>, Fault> {
        self.get(name)
            .ok_or_else(|| self.node.fault(format!("the element {name} is missing")))
    }

    /// Exactly one of an element and its inverse, with its values.
    fn either<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Selection<T>, Fault> {
        let inverse = format!("Not{name}");
        let (node, inverted) = match (self.get(name), self.get(&inverse)) {
            (Some(node), None) => (node, false),
            (None, Some(node)) => (node, true),
            (Some(_), Some(node)) => {
                return Err(node.fault(format!("{name} and {inverse} exclude each other")));
            }
            (None, None) => {
                let message = format!("the element {name} or {inverse} is missing");
                return Err(self.node.fault(message));
            }
        };
        let values = node.items()?.into_iter().map(|item| {
            let text = item.string()?;
            read(&text).map_err(|fault| item.fault(format!("{}: {fault}", quoted(&text))))
        });
        let values: Vec<T> = values.collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(node.fault("at least one value is wanted"));
        }
        Ok(if inverted { Selection::AllBut(values) } else { Selection::These(values) })
    }
}

/// The reader of statements.
struct Reader {
    rules: Rules,
    /// The version is 2012-10-17, so that `${…}` is a variable.
    variables: bool,
}

impl Reader {
    fn statement(&self, node: &Node<'_>, cursor: &mut Cursor<'_>) -> Result<Statement, Fault> {
        let (first, last) = node.ends();
        let members = Members::of(node, ELEMENTS)?;
        let effect = members.wanted("Effect")?;
        let effect = match effect.string()?.as_str() {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            _ => return Err(effect.fault("an effect is Allow or Deny")),
        };
        let conditions = members.get("Condition").map(|node| self.conditions(node)).transpose()?;
        let resource =
            || members.either("Resource", |text| ArnPattern::parse(text, self.variables));
        let (principals, resources) = match self.rules {
            Rules::Identity => {
                refuse(&members, "a policy of an identity has no", &PRINCIPALS)?;
                (Vec::new(), Some(resource()?))
            }
            Rules::Trust => {
                let not = "a trust policy has no";
                refuse(&members, not, &["NotPrincipal", "Resource", "NotResource"])?;
                (principals(members.wanted("Principal")?)?, None)
            }
        };
        Ok(Statement {
            sid: members.get("Sid").map(sid).transpose()?.filter(|sid| !sid.is_empty()),
            effect,
            principals,
            actions: members.either("Action", |text| self.action(text))?,
            resources,
            conditions: conditions.unwrap_or_default(),
            inert_variable: !self.variables && node.has("${"),
            start: cursor.position(first),
            end: cursor.position(last),
        })
    }

    fn action(&self, text: &str) -> Result<ActionPattern, String> {
        let action = ActionPattern::parse(text)?;
        match self.rules {
            Rules::Trust if !action.is_of("sts") => {
                Err("a trust policy speaks of actions of sts only".to_owned())
            }
            _ => Ok(action),
        }
    }

    fn conditions(&self, node: &Node<'_>) -> Result<Vec<Condition>, Fault> {
        let mut conditions = Vec::new();
        for (name, keys) in node.members()? {
            let operator = Operator::named(&name)
                .ok_or_else(|| keys.fault(format!("{} is no operator", quoted(&name))))?;
            let mut seen = BTreeSet::new();
            for (key, values) in keys.members()? {
                let condition = self.condition((&name, operator), &key, &values)?;
                if !seen.insert(condition.key.clone()) {
                    return Err(values.fault(format!("the key {} is here twice", quoted(&key))));
                }
                conditions.push(condition);
            }
        }
        Ok(conditions)
    }

    fn condition(
        &self,
        (name, operator): (&str, Operator),
        key: &str,
        node: &Node<'_>,
    ) -> Result<Condition, Fault> {
        let key: KeyName = key
            .parse()
            .map_err(|bad| node.fault(format!("{} is no context key: {bad}", quoted(key))))?;
        match key.kind() {
            Some(kind) if !admits(kind, operator) => {
                return Err(node.fault(format!("{name} does not fit the type of {key}")));
            }
            None if key.is_twostep() => {
                return Err(node.fault(format!("{key} is no key of twostep")));
            }
            _ => {}
        }
        let operands = node.items()?.into_iter().map(|item| {
            let text = item.scalar()?;
            Operand::parse(&text, operator.test, self.variables).map_err(|fault| item.fault(fault))
        });
        Ok(Condition { operator, operands: operands.collect::<Result<_, _>>()?, key })
    }
}

fn refuse(members: &Members<'_, '_>, not: &str, names: &[&str]) -> Result<(), Fault> {
    let found = names.iter().find_map(|name| Some((name, members.get(name)?)));
    found.map_or(Ok(()), |(name, node)| Err(node.fault(format!("{not} {name}"))))
}

fn sid(node: &Node<'_>) -> Result<String, Fault> {
    let sid = node.string()?;
    if sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(sid)
    } else {
        Err(node.fault("a Sid has letters and digits of ASCII only"))
    }
}

const PRINCIPALS: [&str; 2] = ["Principal", "NotPrincipal"];

const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
