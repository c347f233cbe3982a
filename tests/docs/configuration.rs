//! The reference of the configuration, from the commented example, which has the keys of the types.

use twostep::agent::config::reference::{Group, Key, Table, Value, tables};

use super::generated::{GENERATED, assert_written};

const INTRODUCTION: &str = include_str!("configuration.md");

#[test]
fn the_reference_of_the_configuration_is_that_of_the_program() {
    let tables: String = tables().iter().map(table).collect();
    assert_written(
        "docs/src/reference/configuration.md",
        &format!("{GENERATED}\n{INTRODUCTION}{tables}"),
    );
}

fn table(table: &Table) -> String {
    let heading = match table.heading.as_str() {
        "" => "## Before the first table".to_owned(),
        heading => format!("## `{heading}`"),
    };
    let text = match table.text.as_str() {
        "" => String::new(),
        text => format!("{}\n\n", plain(text)),
    };
    let groups: String = table.groups.iter().map(group).collect();
    format!("\n{heading}\n\n{text}{}\n", groups.trim_end())
}

fn group(group: &Group) -> String {
    let keys: Vec<String> = group.keys.iter().map(key).collect();
    let text = match group.text.as_str() {
        "" => "As the section says.".to_owned(),
        text => plain(text),
    };
    format!("{}\n: {text}\n\n", keys.join("\\\n"))
}

fn key(key: &Key) -> String {
    let (value, of) = match &key.value {
        Value::Default(value) => (value, "default"),
        Value::Example(value) => (value, "no fixed default; for example"),
    };
    format!("**`{}`** ({of} `{value}`)", key.name)
}

/// Text that Markdown does not take for markup.
fn plain(text: &str) -> String {
    text.replace('<', "&lt;")
        .replace('*', "\\*")
        .replace('_', "\\_")
        .replace('[', "\\[")
}
