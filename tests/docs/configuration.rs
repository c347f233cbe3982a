//! The reference of the configuration, from the commented example, which has the keys of the types.

use twostep::agent::config::reference::{Group, Key, Table, Value, tables};

use super::generated::{GENERATED, assert_written};

const INTRODUCTION: &str = "\
# Configuration

One TOML file: `/etc/twostep/twostep.toml` for the system's agent, `~/.config/twostep/twostep.toml` for that of a user, or the
file of `twostep agent --config FILE`. Every key has a default, and unknown keys are refused. `twostep config check` names every
problem and changes nothing; `twostep config example` prints the file with all defaults as comments. SIGHUP reloads the certificate
and the sealing keys; all other keys are read at the start. The same text is the manual page `twostep.toml(5)`.

Under systemd, `STATE_DIRECTORY`, `RUNTIME_DIRECTORY` and `CREDENTIALS_DIRECTORY` decide where the store, the sockets and the sealing
key are; `TWOSTEP_SOCKET` wins over the path of the socket.
";

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
