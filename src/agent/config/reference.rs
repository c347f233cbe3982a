//! The reference of the configuration: every table and key with its text, read from the commented
//! example. The manual page and the book are made of it.

use toml::de::DeTable;

use super::Config;

/// A table of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The heading as it stands in the file, `[socket]` or `[[peer]]`; empty for the keys before
    /// the first table.
    pub heading: String,
    /// The purpose.
    pub text: String,
    /// The keys, in groups that share a text.
    pub groups: Vec<Group>,
}

/// Keys that share a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The keys with their values.
    pub keys: Vec<Key>,
    /// The meaning of the keys.
    pub text: String,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// The value in TOML.
    pub value: Value,
}

/// The value of a key in the example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The value of a key that is left out.
    Default(String),
    /// A value that could be meant; the key has no default, or one that depends on the machine.
    Example(String),
}

impl Table {
    /// The name of the table, without brackets.
    pub fn name(&self) -> &str {
        self.heading.trim_matches(['[', ']'])
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.groups.iter().flat_map(|group| &group.keys)
    }
}

/// All tables, in the order of the example.
pub fn tables() -> Vec<Table> {
    let mut tables = vec![Table::default()];
    // The first paragraph is about the file itself.
    for paragraph in Config::EXAMPLE.split("\n\n").skip(1) {
        let mut text = Vec::new();
        for line in paragraph.lines().map(Line::of) {
            match (line, tables.last_mut()) {
                (Line::Text(words), _) => text.push(words),
                (Line::Heading(heading), _) => {
                    let heading = heading.to_owned();
                    let text = std::mem::take(&mut text).join(" ");
                    tables.push(Table { heading, text, groups: Vec::new() });
                }
                (Line::Key(key), Some(table)) => {
                    let text = std::mem::take(&mut text).join(" ");
                    match table.groups.last_mut().filter(|_| text.is_empty()) {
                        Some(group) => group.keys.push(key),
                        None => table.groups.push(Group { keys: vec![key], text }),
                    }
                }
                (Line::Key(_), None) => {}
            }
        }
    }
    tables
}

/// Returns whether a TOML text is a configuration, rather than a file of policies alone: it has a
/// key that only a configuration has.
pub fn is_configuration(text: &str) -> bool {
    let Ok(document) = DeTable::parse(text) else { return false };
    let tables = tables();
    let known = |name: &str| {
        let before = tables.first().into_iter().flat_map(Table::keys);
        before.map(|key| key.name.as_str()).any(|key| key == name)
            || tables.iter().any(|table| table.name().split('.').next() == Some(name))
    };
    let mut names = document.get_ref().keys().map(|key| key.get_ref().as_ref());
    names.any(|name| name != "policy" && known(name))
}

/// A line of the example.
enum Line<'t> {
    Text(&'t str),
    Heading(&'t str),
    Key(Key),
}

impl Line<'_> {
    fn of(line: &str) -> Line<'_> {
        let bare = line.trim_start_matches('#').trim_start();
        if bare.starts_with('[') && bare.ends_with(']') {
            return Line::Heading(bare);
        }
        let is_name =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match bare.split_once(" = ") {
            Some((name, value)) if is_name(name) => {
                let (name, value) = (name.to_owned(), value.to_owned());
                let is_default = !line.starts_with("# ");
                let value = if is_default { Value::Default } else { Value::Example }(value);
                Line::Key(Key { name, value })
            }
            _ => Line::Text(bare),
        }
    }
}
