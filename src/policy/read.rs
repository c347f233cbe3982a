//! Reader of policies in TOML. Continues after a fault, to report all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::policy::condition::Condition;
use crate::policy::set::{Fault, PolicyError, PolicySet};
use crate::policy::{Policy, lint};
use crate::session::{Amr, MfaKind};

/// The text, the policy being read, and the faults so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    policy: Option<String>,
    faults: Vec<Fault>,
}

impl<'t> Reader<'t> {
    pub(super) fn of(text: &'t str) -> Reader<'t> {
        Reader { text, policy: None, faults: Vec::new() }
    }

    pub(super) fn document(&mut self) -> Result<DeTable<'t>, PolicyError> {
        let parsed = DeTable::parse(self.text);
        parsed.map(Spanned::into_inner).map_err(|error| {
            self.fault(
                error.span().map_or(0, |span| span.start),
                error.message().replace('\n', " "),
            );
            PolicyError { faults: std::mem::take(&mut self.faults) }
        })
    }

    /// The policies of the table `policy` that can be read.
    pub(super) fn policies(&mut self, document: &DeTable<'_>) -> BTreeMap<String, Policy> {
        let Some(value) = document.get("policy") else { return BTreeMap::new() };
        let Some(tables) = value.get_ref().as_table() else {
            self.fault(value.span().start, "policies are tables: [policy.NAME]");
            return BTreeMap::new();
        };
        let mut policies = BTreeMap::new();
        for (key, value) in tables {
            let name = key.get_ref().to_string();
            self.policy = Some(name.clone());
            if !is_name(&name) {
                self.fault(
                    key.span().start,
                    "a name has 1 to 64 of a-z, A-Z, 0-9, - and _, for it stands in addresses",
                );
            }
            if let Some(policy) = self.policy(key.span().start, value) {
                policies.insert(name, policy);
            }
            self.policy = None;
        }
        policies
    }

    pub(super) fn finish(
        mut self,
        policies: BTreeMap<String, Policy>,
    ) -> Result<PolicySet, PolicyError> {
        self.faults.sort_by_key(|fault| fault.line);
        if self.faults.is_empty() {
            Ok(PolicySet { policies })
        } else {
            Err(PolicyError { faults: self.faults })
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn fault(&mut self, at: usize, message: impl Into<String>) {
        let line = self.text.get(..at).unwrap_or_default().matches('\n').count().saturating_add(1);
        self.faults
            .push(Fault { policy: self.policy.clone(), line, message: message.into() });
    }

    fn policy(&mut self, at: usize, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let faults = self.faults.len();
        let table = self.table(value)?;
        let policy = Policy {
            condition: self.conditions(at, table, &FLAGS)?,
            allow_without_mfa: self.flag(table, "allow_without_mfa"),
            allow_absent: self.flag(table, "allow_absent"),
        };
        if self.faults.len() == faults {
            lint::policy(&policy).into_iter().for_each(|message| self.fault(at, message));
        }
        Some(policy)
    }

    /// The conditions of one table in a fixed order, so that a refusal names the same reason
    /// however the table is written.
    fn conditions(&mut self, at: usize, table: &DeTable<'_>, also: &[&str]) -> Option<Condition> {
        let known = [&KEYS[..], also].concat();
        let faults = self.faults.len();
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            self.fault(
                key.span().start,
                format!("`{}` is not known here; there are: {}", key.get_ref(), known.join(", ")),
            );
        }
        let there = KEYS.iter().filter_map(|&name| Some((name, table.get_key_value(name)?)));
        let read: Vec<_> = there
            .filter_map(|(name, (key, value))| self.condition(name, key.span().start, value))
            .collect();
        if read.is_empty() && self.faults.len() == faults {
            self.fault(at, "nothing is demanded here: say at least present = true");
        }
        self.joined(at, faults, read, Condition::All)
    }

    fn condition(
        &mut self,
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Condition> {
        let faults = self.faults.len();
        let read = match name {
            "known" => self.yes(value, Condition::Known),
            "present" => self.yes(value, Condition::Present),
            "phishing_resistant" => self.yes(value, Condition::PhishingResistant),
            "hardware_bound" => self.yes(value, Condition::HardwareBound),
            "user_verified" => self.yes(value, Condition::UserVerified),
            "max_age" => self.seconds(value).map(Condition::MaxAge),
            "amr" => self
                .list(value, Amr::named, "otp, hwk, swk, pop, pin, fpt, user, mfa")
                .map(Condition::Amr),
            "kinds" => self
                .list(
                    value,
                    |name: &str| name.parse::<MfaKind>().ok(),
                    "totp, hotp, security_key, recovery, bypass",
                )
                .map(Condition::Kinds),
            "serials" => {
                let serials = self.list(
                    value,
                    |text| text.parse().ok(),
                    "serial numbers, of 1 to 256 characters",
                );
                serials.map(|serials| Condition::Serials(serials.into_iter().collect()))
            }
            "all" => return self.several(at, value, Condition::All),
            "any" => return self.several(at, value, Condition::Any),
            "not" => self.inner(value).map(|inner| Condition::Not(Box::new(inner))),
            _ => self.inner(value).map(|inner| Condition::IfExists(Box::new(inner))),
        }?;
        self.judged(at, faults, read)
    }

    fn several(
        &mut self,
        at: usize,
        value: &Spanned<DeValue<'_>>,
        joint: fn(Vec<Condition>) -> Condition,
    ) -> Option<Condition> {
        let faults = self.faults.len();
        let Some(array) = value.get_ref().as_array().filter(|array| !array.is_empty()) else {
            self.fault(
                value.span().start,
                "a list of tables is wanted, with at least one: [{ present = true }]",
            );
            return None;
        };
        let read: Vec<_> = array.iter().filter_map(|item| self.inner(item)).collect();
        self.joined(at, faults, read, joint)
    }

    fn inner(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Condition> {
        let table = self.table(value)?;
        self.conditions(value.span().start, table, &[])
    }

    fn joined(
        &mut self,
        at: usize,
        faults: usize,
        mut read: Vec<Condition>,
        joint: fn(Vec<Condition>) -> Condition,
    ) -> Option<Condition> {
        match read.len() {
            0 => None,
            1 => read.pop(),
            _ => self.judged(at, faults, joint(read)),
        }
    }

    /// Lints a condition, unless something in it is at fault already.
    fn judged(&mut self, at: usize, faults: usize, condition: Condition) -> Option<Condition> {
        if self.faults.len() == faults {
            lint::condition(&condition)
                .into_iter()
                .for_each(|message| self.fault(at, message));
        }
        Some(condition)
    }

    fn yes(&mut self, value: &Spanned<DeValue<'_>>, condition: Condition) -> Option<Condition> {
        if value.get_ref().as_bool() == Some(true) {
            return Some(condition);
        }
        self.fault(
            value.span().start,
            "only `true` can stand here; \
             for the contrary write not = { … = true }, or leave it out",
        );
        None
    }

    fn seconds(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Duration> {
        let whole = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        if whole.is_none() {
            self.fault(
                value.span().start,
                "an age is a whole number of seconds, without quotes: max_age = 900",
            );
        }
        whole.map(Duration::from_secs)
    }

    fn list<T>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Option<T>,
        known: &str,
    ) -> Option<Vec<T>> {
        let Some(array) = value.get_ref().as_array() else {
            self.fault(value.span().start, format!("a list is wanted, of: {known}"));
            return None;
        };
        let mut items = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str().and_then(&read) {
                Some(read) => items.push(read),
                None => self.fault(
                    item.span().start,
                    format!("this cannot stand here; possible are: {known}"),
                ),
            }
        }
        Some(items).filter(|items| items.len() == array.len())
    }

    fn table<'v, 'i>(&mut self, value: &'v Spanned<DeValue<'i>>) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.fault(value.span().start, "a table of conditions is wanted: { present = true }");
        }
        table
    }

    fn flag(&mut self, table: &DeTable<'_>, name: &str) -> bool {
        let Some(value) = table.get(name) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.fault(value.span().start, format!("{name} is true or false"));
        }
        flag.unwrap_or(false)
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Keys of conditions in the order of evaluation: device and method before age.
const KEYS: [&str; 13] = [
    "known",
    "present",
    "phishing_resistant",
    "hardware_bound",
    "user_verified",
    "kinds",
    "amr",
    "serials",
    "max_age",
    "all",
    "any",
    "not",
    "if_exists",
];

/// Keys of a policy other than conditions.
const FLAGS: [&str; 2] = ["allow_without_mfa", "allow_absent"];
