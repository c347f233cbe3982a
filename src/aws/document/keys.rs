//! Values of context keys.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::aws::document::date;
use crate::aws::document::key::{KeyName, KeyType};
use crate::aws::document::number::Decimal;

/// Context keys with their values, each at least one. A key that is not here is absent, which is
/// neither true nor false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    values: BTreeMap<KeyName, Vec<String>>,
}

impl Keys {
    /// States a key. Without a value it is absent.
    pub(super) fn state(&mut self, key: KeyName, values: Vec<String>) {
        if values.is_empty() {
            self.values.remove(&key);
        } else {
            self.values.insert(key, values);
        }
    }

    /// States a known key by its name, which the caller writes out.
    pub(super) fn known(&mut self, name: &str, value: impl ToString) {
        self.several(name, vec![value.to_string()]);
    }

    /// The same with any number of values.
    pub(super) fn several(&mut self, name: &str, values: Vec<String>) {
        if let Ok(key) = name.parse() {
            self.state(key, values);
        }
    }

    /// The values of a key; empty for one that is absent.
    pub(super) fn of(&self, key: &KeyName) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// The keys that are stated, in order.
    pub(super) fn stated(&self) -> impl Iterator<Item = (&KeyName, &[String])> {
        self.values.iter().map(|(key, values)| (key, values.as_slice()))
    }

    /// The keys with their values.
    pub(super) fn into_stated(self) -> impl Iterator<Item = (KeyName, Vec<String>)> {
        self.values.into_iter()
    }

    /// The value of a key that has exactly one.
    pub(super) fn single(&self, key: &KeyName) -> Option<&str> {
        match self.of(key) {
            [value] => Some(value),
            _ => None,
        }
    }
}

impl KeyType {
    /// True if a text is a value of this type.
    pub(super) fn admits(self, value: &str) -> bool {
        match self {
            KeyType::Text | KeyType::Arn | KeyType::Texts => true,
            KeyType::Number => Decimal::parse(value).is_some(),
            KeyType::Date => date::parse(value).is_some(),
            KeyType::Epoch => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            KeyType::Bool => matches!(value, "true" | "false"),
            KeyType::Address => value.parse::<IpAddr>().is_ok(),
        }
    }
}
